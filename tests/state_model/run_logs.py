"""Real run logs, held against the model of runs: each run has to be in a state that the model reaches."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator

from runs_on_duckdb import DEAD, DONE, FAILED, IDLE, OLD, STARTED, SUCCESS, House, steps, wrong
from search import explore

PLACES = {STARTED: DEAD, SUCCESS: DONE, "failed": FAILED}
NO_RUN = "skipped"  # dbt's own word about a table that no run began to write


def unlike_the_model(
    rows: Iterable[tuple[str, str]], in_table: Collection[str], disturbed: int
) -> Iterator[str]:
    """What of one prediction table's log no order of the model's actions leads to.

    `rows` are the run and the status of each row, `in_table` the runs whose rows the table has, and
    `disturbed` is how many runs were stopped from outside: only these may have been left `started`.
    """
    statuses = defaultdict(list)
    for run, status in rows:
        if status != NO_RUN:
            statuses[run].append(status)
    for run in set(in_table) - set(statuses):
        yield f"the table has rows of run {run}, which the log does not have"
    others = any(found == [SUCCESS] for run, found in statuses.items() if run in in_table)
    for run, found in statuses.items():
        if not any(house in REACHED for house in _houses(found, run in in_table, others)):
            shown = "in the table" if run in in_table else "not in the table"
            yield f"run {run} has the rows {found} in the log and is {shown}, which the model cannot reach"
    started = sum(found == [STARTED] for found in statuses.values())
    if started > disturbed:
        yield f"{started} runs are called started, and {disturbed} were stopped"


def _houses(statuses: list[str], in_table: bool, others: bool) -> Iterator[House]:
    """States of the model that look like this run, alone or with one after it that replaced its rows."""
    log, places = frozenset((0, status) for status in statuses), {PLACES.get(one, IDLE) for one in statuses}
    if len(statuses) > len(log):
        return  # the same row twice, of which a set tells nothing
    for place in places:
        yield House(0 if in_table else OLD, (place, IDLE), log)
        if not in_table and others:
            yield House(1, (place, DONE), log | {(1, SUCCESS)})


def _reached() -> frozenset[House]:
    states: set[House] = set()

    def keep(house: House) -> Iterator[str]:
        states.add(house)
        yield from wrong(house)

    explore(House(), steps, keep)
    return frozenset(states)


REACHED = _reached()
