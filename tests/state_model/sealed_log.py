"""The run log and its seal, with one alteration at any moment: the real seal is asked in every state."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from scorehouse.evidence.seal import Finding, findings, sealed

FIRST, STEP = datetime(2026, 3, 1, 6), timedelta(minutes=10)
RUNS, SEALS = 2, 2
STARTED, SUCCESS, FAILED = "started", "success", "failed"
STRANGER = 9  # a run that never was
Row = tuple[int, int, str, int]  # run, its parent, status, and the step at which it says it began
Judge = Callable[[list[dict[str, Any]], list[dict[str, Any]]], Sequence[Finding]]


@dataclass(frozen=True)
class Log:
    """The rows, the lines of the file, and what was altered: nothing, or what must be found."""

    now: int = 1
    rows: frozenset[Row] = frozenset()
    lines: tuple[str, ...] = ()
    begun: tuple[int | None, ...] = (None,) * RUNS
    ended: frozenset[int] = frozenset()
    seals: int = 0
    sealed_at: int = 0
    altered: str = ""
    closed_by_another: int | None = None  # an open run that an inserted row has closed

    def later(self, **more: Any) -> Log:
        return replace(self, now=self.now + 1, **more)

    def documents(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines]

    def table(self) -> list[dict[str, Any]]:
        return [
            {
                "run_id": f"run-{run}",
                "parent_run_id": f"run-{parent}",
                "status": status,
                "node": f"model.shop.table_{parent % RUNS}",
                "model_name": "churn",
                "model_version": 1,
                "alias_asked": "champion",
                "started_at": FIRST + began * STEP,
            }
            for run, parent, status, began in sorted(self.rows)
        ]


def steps(log: Log) -> Iterator[tuple[str, Log]]:
    for run in range(RUNS):
        began = log.begun[run]
        if began is None:
            begun = (*log.begun[:run], log.now, *log.begun[run + 1 :])
            yield f"run {run} begins", log.later(rows=log.rows | {(run, run, STARTED, log.now)}, begun=begun)
        elif run not in log.ended:
            kept = log.rows - {(run, run, STARTED, began)}
            for status in (SUCCESS, FAILED):
                after = log.later(rows=kept | {(run, run, status, began)}, ended=log.ended | {run})
                yield f"run {run} ends: {status}", after
    if log.seals < SEALS:
        added = sealed(log.documents(), log.table(), FIRST.replace(tzinfo=UTC) + log.now * STEP)
        lines = (*log.lines, *(json.dumps(line) for line in added))
        at = log.now if added else log.sealed_at
        yield "sealed", log.later(lines=lines, seals=log.seals + 1, sealed_at=at)
    if not log.altered:
        yield from _altered(log)


def _altered(log: Log) -> Iterator[tuple[str, Log]]:
    """One alteration of a row that the last seal knows of, or a row that says it began before that seal."""
    sealed_runs = {json.loads(line).get("run_id") for line in log.lines}
    for row in log.rows:
        run, parent, status, began = row
        if f"run-{run}" in sealed_runs and status != STARTED:
            yield f"row of run {run} dropped", log.later(rows=log.rows - {row}, altered="dropped")
            other = (run, parent, FAILED if status == SUCCESS else SUCCESS, began)
            yield f"row of run {run} changed", log.later(rows=log.rows - {row} | {other}, altered="changed")
    for began in range(1, log.sealed_at):  # more than the skew of clocks before the seal
        for parent in (*range(RUNS), STRANGER):
            row = (STRANGER, parent, SUCCESS, began)
            is_open = parent in range(RUNS) and log.begun[parent] == began and parent not in log.ended
            after = log.later(
                rows=log.rows | {row}, altered="inserted", closed_by_another=parent if is_open else None
            )
            yield f"row of step {began} inserted for run {parent}", after


def wrong_by(judge: Judge) -> Callable[[Log], Iterator[str]]:
    """What a judge of the log overlooks, or accuses falsely."""

    def wrong(log: Log) -> Iterator[str]:
        found = judge(log.documents(), log.table())
        if found and not log.altered:
            yield f"an honest log is accused: {found[0].kind}"
        waits = log.closed_by_another is not None and log.closed_by_another not in log.ended
        if log.altered and not found and not waits:  # who closes an open run first is not known
            yield f"a row that was {log.altered} is not found"

    return wrong


today: Judge = findings


def without_closing_once(lines: list[dict[str, Any]], rows: list[dict[str, Any]]) -> list[Finding]:
    """The seal as it was: whatever belongs to a run that was open passes, any number of times."""
    was_open = {parent for line in lines if line["kind"] == "seal" for parent in line["open"]}
    parents = {row["run_id"]: row["parent_run_id"] for row in rows}
    return [
        one
        for one in findings(lines, rows)
        if one.kind != "inserted" or parents.get(one.run_id) not in was_open
    ]
