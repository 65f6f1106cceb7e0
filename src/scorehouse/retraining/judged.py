"""After a training: the challenger scores in shadow, the gate judges it, and its promotion is a diff."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from scorehouse.errors import EngineError, RegistryError
from scorehouse.registration.promotion_gate import require_test
from scorehouse.registry.version import Version
from scorehouse.retraining.compared import comparison_of, failed
from scorehouse.retraining.prepared import CHAMPION, House


@dataclass(frozen=True)
class Judgement:
    """What the gate said: `passed` is None without a gate. `said` is a sentence without a full stop.

    `comparison` has the rows that `challenger_not_worse` compares, one for each output and segment.
    """

    passed: bool | None
    said: str
    comparison: tuple[dict[str, Any], ...] = ()


def judged(house: House, version: Version) -> Judgement:
    """Load the registry, score in shadow, and run the gate. Raises EngineError where dbt fails."""
    settings, name = house.settings, house.seeds.name
    seeds = [f"ml_{name}", f"ml_{name}__signature", f"ml_{name}__reference"]
    # the registry has a column of provenance from now on, which dbt adds to no table that is there
    house.dbt.run("seed", "--full-refresh", "--select", *seeds)
    if settings.shadow:
        without = ["--exclude", settings.gate] if settings.gate else []
        house.dbt.run("build", "--select", *settings.shadow, *without)
        house.told(f"shadow: {', '.join(settings.shadow)} scored with {version.label} as {settings.alias}")
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


def promotion_diff(versions: Sequence[Version], version: int) -> list[str]:
    """The lines of the registry that a promotion of `version` changes: name, version and aliases."""
    lines = []
    for row in versions:
        others = tuple(alias for alias in row.aliases if alias != CHAMPION)
        after = replace(row, aliases=(*others, CHAMPION) if row.version == version else others)
        if set(after.aliases) != set(row.aliases):
            lines += [f"-{_line(row)}", f"+{_line(after)}"]
    return lines


def _line(version: Version) -> str:
    text = io.StringIO()
    row = version.to_row()
    csv.writer(text, lineterminator="").writerow([row["name"], row["version"], row["aliases"]])
    return text.getvalue() + ",..."
