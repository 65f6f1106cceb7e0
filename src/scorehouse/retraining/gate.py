"""After a training: the challenger scores in shadow, the gate judges it, and its promotion is a diff."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from scorehouse.errors import EngineError, RegistryError
from scorehouse.project.run_log_place import rows_of
from scorehouse.registration.promote import alias_diff, require_test, with_alias_at
from scorehouse.registry.version import Version
from scorehouse.report.contests import has_parts, is_refusal, part_of, place_of, refusal
from scorehouse.retraining.prepared import CHAMPION, House

# The end of the test's SQL, and of the SQL that gives every row that it compared, also those that passed.
FAILING, ALL = "select * from validation_errors", "select * from judged"
JUDGED = "judged as ("
SHOWN = 5
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Judgement:
    """What the gate said: `passed` is None without a gate. `said` is a sentence without a full stop.

    `comparison` has the rows that `challenger_not_worse` compares, one for each output and segment.
    """

    passed: bool | None
    said: str
    comparison: tuple[dict[str, Any], ...] = ()


def judge(house: House, version: Version) -> Judgement:
    """Load the registry, score in shadow, and run the gate. Raises EngineError where dbt fails."""
    settings, name = house.settings, house.seeds.name
    seeds = [f"ml_{name}", f"ml_{name}__signature", f"ml_{name}__reference"]
    # the registry has a column of provenance from now on, which dbt adds to no table that is there
    house.dbt.run("seed", "--full-refresh", "--select", *seeds)
    if settings.shadow:
        without = ["--exclude", settings.gate] if settings.gate else []
        house.dbt.run("build", "--select", *settings.shadow, *without)
        house.report(f"shadow: {', '.join(settings.shadow)} scored with {version.label} as {settings.alias}")
    if settings.gate is None:
        return Judgement(None, "no gate is set")
    return _gate(house, version, settings.gate)


def _gate(house: House, version: Version, gate: str) -> Judgement:
    house.dbt.run("test", "--select", gate, may_fail=True)
    result = house.dbt.test_result(gate)
    if result["status"] not in ("pass", "fail", "warn"):
        raise EngineError(
            house.call,
            f"the gate {gate} ended with {result['status']!r}: {result.get('message')}",
            expected="a test that passes or fails",
            action=f"try `dbt test --select {gate}`, and correct what it says",
        )
    sql = str(result.get("compiled_code") or "")
    compared = comparison_of(house, sql)
    try:
        said = require_test(house.seeds.name, version.version, gate, project_dir=house.project)
    except RegistryError as error:
        return Judgement(False, error.problem + failed(house, sql, compared), compared)
    return Judgement(True, said, compared)


def comparison_of(house: House, sql: str) -> tuple[dict[str, Any], ...]:
    """Every row that the gate judged, in the order of outputs and segments; none for another kind of test."""
    head, found, _ = sql.rpartition(FAILING)
    if not found or JUDGED not in head or "challenger_value" not in head:
        return ()
    return tuple(sorted(_rows(house, head + ALL), key=place_of))


def comparison_in_words(rows: Sequence[Row]) -> list[str]:
    """A line for each output and segment; of one number, unless the gate has said what is wrong with it."""
    if not any(has_parts(row) for row in rows):
        return [_numbers(row) for row in rows if row.get("difference") is not None and not row.get("problem")]
    return [_part_line(row) for row in rows]


def failed(house: House, sql: str, compared: Sequence[Row]) -> str:
    """What the test found, as the end of a sentence: what is wrong with each part, or the first row."""
    wrong = [row for row in compared if row.get("problem")]
    if wrong and any(map(has_parts, compared)):
        more = f", and {len(wrong) - SHOWN:,} more" if len(wrong) > SHOWN else ""
        return ": " + ", ".join(f"{part_of(row)} {row['problem']}" for row in wrong[:SHOWN]) + more
    row = next(iter(wrong or _rows(house, sql)), {})
    if is_refusal(row):
        return f": {refusal(row)}"
    return ": " + ", ".join(f"{name} {_short(value)}" for name, value in row.items() if value is not None)


def _rows(house: House, sql: str) -> list[dict[str, Any]]:
    try:
        with house.connect() as connection:
            return rows_of(connection.execute(sql))
    except duckdb.Error:
        return []


def _part_line(row: Row) -> str:
    name = part_of(row)
    problem = row.get("problem") or ("not judged, too few rows" if row.get("is_judged") is False else "")
    if row.get("difference") is None:
        return f"{name}: {problem}"
    return f"{name}: {_numbers(row)}" + (f": {problem}" if problem else "")


def _numbers(row: Row) -> str:
    values = f"{row['metric']} {_short(row['challenger_value'])}, champion {_short(row['live_value'])}"
    between = f"{_short(row['difference_low'])} to {_short(row['difference_high'])}"
    return f"{values}, lead {_short(row['difference'])} ({between}), {row['n_rows']:,} rows"


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) and math.isfinite(value) else str(value)


def promotion_diff(versions: Sequence[Version], version: int) -> list[str]:
    """The lines of the registry that a promotion of `version` changes: name, version and aliases."""
    return alias_diff(versions, with_alias_at(versions, CHAMPION, version))
