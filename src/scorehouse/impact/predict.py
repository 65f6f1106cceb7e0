"""The whole impact of a move: what changes, what it is worth, which alarms move, and what the run costs."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from scorehouse.engines.duckdb.sql import literal, quote
from scorehouse.errors import ConfigurationError, listed
from scorehouse.explain.row import wanted_key
from scorehouse.impact.alarms import Alarm, alarms, rejections
from scorehouse.impact.changes import ALL, Change, Limit, changes, limits
from scorehouse.impact.move import Move
from scorehouse.impact.scan import SIDES, TABLE, Scan, scan
from scorehouse.project.run_log_place import rows_of
from scorehouse.report.warehouse import Warehouse
from scorehouse.scoring.request import Request

HEADERS = (("before", "after", "value"), ("from", "to", "value"))
WRITTEN = "a CSV file with the columns before, after and value, or an outcome such as decision, and value"
RUNS = 5  # by which the cost is told


@dataclass(frozen=True)
class Values:
    """The value of one key that goes from one outcome to another.

    `moves` are rows `(before, after, value)`; with one value per outcome, `levels`, the value of a move is
    their difference.
    """

    outcome: str
    moves: tuple[tuple[str, str, float], ...] = ()
    levels: tuple[tuple[str, float], ...] = ()

    def of(self, change: Change) -> float | None:
        """The value of all keys of a change; None if the table has none for it, or is of another outcome."""
        if change.outcome != self.outcome:
            return None
        if not change.is_move:
            return 0.0
        worth = {(was, now): value for was, now, value in self.moves}
        levels = dict(self.levels)
        if levels.keys() >= {change.before, change.after}:
            worth[change.before, change.after] = levels[change.after] - levels[change.before]
        one = worth.get((change.before, change.after))
        return None if one is None else one * change.keys

    def total(self, changes: Iterable[Change]) -> float:
        """The value of these changes together."""
        return math.fsum(self.of(change) or 0.0 for change in changes)

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Values:
        moves, levels = ([tuple(row) for row in value[name]] for name in ("moves", "levels"))
        return cls(value["outcome"], tuple(moves), tuple(levels))

    def gaps(self, changes: Sequence[Change]) -> list[str]:
        """The moves that happen and have no value."""
        return [
            f"{one.before} -> {one.after} ({one.keys:,} key{'' if one.keys == 1 else 's'})"
            for one in changes
            if one.outcome == self.outcome and one.segment == ALL and one.is_move and self.of(one) is None
        ]

    def check(self, changes: Sequence[Change], call: str) -> None:
        """Refuse a table that has no value for a move that happens."""
        if gaps := self.gaps(changes):
            raise ConfigurationError(
                call,
                f"the table of values has no value for {', '.join(gaps)} of {self.outcome}",
                expected="a value for every change that happens; 0 where it is worth nothing",
                action="add these rows to the table",
            )


def read_values(file: Path, outcomes: Sequence[str], call: str) -> Values:
    """The table of values in a CSV file; without the name of an outcome, it is of the last of `outcomes`.

    Raises ConfigurationError for other columns, a number that is none, or a row that is there twice.
    """
    if not file.is_file():
        raise _wrong(call, f"there is no file {str(file)!r}")
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines(keepends=True)
        head, *rows = [row for row in csv.reader(lines, skipinitialspace=True) if row] or [[]]
    except (UnicodeDecodeError, csv.Error) as error:
        raise _wrong(call, f"{file.name} is no CSV file in UTF-8 ({error})") from error
    names = tuple(name.strip().lower() for name in head)
    rows = [[*map(str.strip, row), *[""] * (len(names) - len(row))] for row in rows]
    by_level = len(names) == 2 and names[0] in outcomes and names[1] == "value"
    if names not in HEADERS and not by_level:
        raise _wrong(
            call, f"{file.name} has the columns {', '.join(names)}; the outcomes are {listed(outcomes)}"
        )
    found: dict[tuple[str, ...], float] = {}
    for number, (*words, text) in enumerate(rows, 2):
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value) or not all(words) or len(words) >= len(names):
            raise _wrong(call, f"line {number} of {file.name} is {','.join([*words, text])!r}")
        if tuple(words) in found:
            raise _wrong(call, f"line {number} of {file.name} repeats {' -> '.join(words)}")
        found[tuple(words)] = value
    if by_level:
        return Values(names[0], levels=tuple((level, value) for (level,), value in found.items()))
    return Values(outcomes[-1], moves=tuple((was, now, value) for (was, now), value in found.items()))


def _wrong(call: str, problem: str) -> ConfigurationError:
    return ConfigurationError(call, problem, expected=WRITTEN, action="correct --values, or the file")


@dataclass(frozen=True)
class Cost:
    """The next run scores `rows` in about `seconds`, in `runs` runs if a budget limits each.

    `version` is that of the runs that this was learned from, of `of_rows` rows; None where no run had a row.
    """

    rows: int
    runs: int
    seconds: float | None = None
    version: int | None = None
    of_rows: int = 0


def cost_of(connection: duckdb.DuckDBPyConnection, run_log: str, move: Move, rows: int) -> Cost:
    """The cost of scoring `rows` once, by the newest runs of this table, of the new version if it has any.

    Without them, by those of the new version elsewhere. What a run takes for a few changed rows, most of it
    no scoring, says nothing of many: a run counts from a tenth of the rows of the next one.
    """
    budget = move.rescore.max_rows
    least = max(min(rows, budget or rows) / 10, 1)
    runs = math.ceil(rows / budget) if budget else 1
    here = f" and node = {literal(move.run['node'])}"
    for version, where in ((move.after, here), (move.before, here), (move.after, "")):
        (found,) = connection.execute(
            f"select sum(seconds), sum(rows_in) from (select seconds, rows_in from {run_log} "
            f"where model_name = ? and model_digest = ? and status = 'success' and rows_in >= {least}{where} "
            f"order by started_at desc limit {RUNS})",
            [version.name, version.sha256],
        ).fetchall()
        if found[1]:
            return Cost(rows, runs, found[0] / found[1] * rows, version.version, int(found[1]))
    return Cost(rows, runs)


@dataclass(frozen=True)
class Impact:
    """What was predicted; `not_judged` says why there are no alarms of monitors.

    `row` are the outcomes of the one key that was asked for.
    """

    move: Move
    scan: Scan
    changes: Sequence[Change]
    values: Values | None
    limits: Sequence[Limit]
    alarms: Sequence[Alarm]
    not_judged: str
    cost: Cost
    row: Mapping[str, Any] | None = None
    predicted_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def header(self) -> dict[str, Any]:
        """What the file of every key says about itself."""
        found = self.scan
        return {
            **self.move.header,
            "predicted_at": f"{self.predicted_at:%Y-%m-%dT%H:%M:%SZ}",
            "snapshot": found.fingerprint,
            "hash_kind": found.hash_kind,
            "keys": found.rows,
            "what_if": found.is_what_if,
            "key": list(found.key),
            "segments": list(found.segments),
            "outcomes": [asdict(one) for one in found.outcomes],
            "outputs": list(found.outputs),
            "values": self.values and asdict(self.values),
            "limits": [asdict(one) for one in self.limits],
            "alarms": [asdict(one) for one in self.alarms],
            "cost": asdict(self.cost),
        }

    def to_dict(self) -> dict[str, Any]:
        return {
            **self.header,
            "changes": rows_of_changes(self.changes, self.values),
            "value": total(self.changes, self.values),
            "alarms_not_judged": self.not_judged,
            "row": self.row,
        }


def nothing_moves(header: Mapping[str, Any]) -> dict[str, Any]:
    """The members of an impact where the alias stays, or where nothing was scored yet: no key changes."""
    nulls = ("predicted_at", "snapshot", "hash_kind", "keys", "what_if", "values", "cost", "value", "row")
    empty = ("key", "segments", "outcomes", "outputs", "limits", "alarms", "changes")
    none: dict[str, Any] = {**dict.fromkeys(nulls), **{name: [] for name in empty}}
    return {**header, **none, "alarms_not_judged": "nothing moves"}


def rows_of_changes(found: Sequence[Change], values: Values | None) -> list[dict[str, Any]]:
    """The changes for JSON, each with its value."""
    return [{**asdict(one), "value": values and values.of(one)} for one in found]


def total(found: Sequence[Change], values: Values | None) -> float | None:
    """The value of all changes together; None without a table of values."""
    return None if values is None else values.total(one for one in found if one.segment == ALL)


def predict(
    warehouse: Warehouse,
    run_log: str,
    move: Move,
    request: Request,
    call: str,
    *,
    segments: Sequence[str] = (),
    values: Path | None = None,
    key: Sequence[str] = (),
) -> Impact:
    """Score with both versions, and count what differs; `TABLE` has every key afterwards.

    `values` is a CSV file (see `read_values`), `key` the values of the key of one row to show.
    """
    connection, project = warehouse.connection, request.project_root
    found = scan(connection, move, segments, request, call)
    worth = read_values(values, [one.name for one in found.outcomes], call) if values else None
    moves = changes(connection, found.outcomes, found.segments, found.key)
    if worth:
        worth.check(moves, call)
    thresholds = (move.before.threshold, move.after.threshold)
    bound = limits(connection, found.outputs, move.options.decision, thresholds)
    lights, why = alarms(warehouse, project, move, call)
    return Impact(
        move,
        found,
        moves,
        worth,
        bound,
        [rejections(connection, found.rows), *lights],
        why,
        cost_of(connection, run_log, move, found.to_score),
        _row_of(connection, key, found, call) if key else None,
    )


def keep(connection: duckdb.DuckDBPyConnection, path: Path, header: Mapping[str, Any]) -> None:
    """Write every key with what it had and gets into one file, which says what it was made from."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    text = literal(json.dumps(header, default=str))
    connection.execute(
        f"copy {TABLE} to {literal(str(partial))} (format parquet, kv_metadata {{scorehouse: {text}}})"
    )
    partial.replace(path)


def _row_of(
    connection: duckdb.DuckDBPyConnection, key: Sequence[str], found: Scan, call: str
) -> dict[str, Any]:
    """The outcomes of one key, by the side that has them."""
    wanted = wanted_key(key, found.key, call)
    where = " and ".join(f"{quote(name)}::varchar = {literal(value)}" for name, value in wanted.items())
    rows = rows_of(connection.execute(f"select * from {TABLE} where {where}"))
    if len(rows) != 1:
        raise ConfigurationError(
            call,
            f"no row of the features has the key {where.replace('::varchar', '')}",
            expected="a key of the newest snapshot, which both versions score",
            action="correct --key; where rows stay as they were scored, name one that no run has scored yet",
        )
    names = [*dict.fromkeys([*(one.name for one in found.outcomes), *([found.score] if found.score else [])])]
    return {name: [rows[0][name + side] for side in SIDES] for name in names}
