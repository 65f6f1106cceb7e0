"""The whole impact of a move: what changes, what it is worth, which alarms move, and what the run costs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from scorehouse.engines.duckdb.sql import literal, quote
from scorehouse.errors import ConfigurationError
from scorehouse.explain.row import wanted_key
from scorehouse.impact.alarms import Alarm, alarms, rejections
from scorehouse.impact.changes import ALL, Change, Limit, changes, limits
from scorehouse.impact.cost import Cost, cost_of
from scorehouse.impact.move import Move
from scorehouse.impact.scan import SIDES, TABLE, Scan, scan
from scorehouse.impact.value import Values, read_values
from scorehouse.project.run_log_place import rows_of
from scorehouse.report.warehouse import Warehouse
from scorehouse.scoring.request import Request


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
