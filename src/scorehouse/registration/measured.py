"""What commands measure of a registered version, as rows of a seed beside the registry.

A seed and no table of its own: measuring leaves the database as it is, and the numbers stand in version
control beside the version that they are about, where a review sees how they change. `dbt seed` loads them for
the report, in every target.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from scorehouse.registration.lock import one_writer
from scorehouse.registration.seeds_yaml import write_card
from scorehouse.registry.seeds import ModelSeeds
from scorehouse.registry.version import Version

DIGITS = 6


@one_writer
def write_measured(
    name: str, part: str, version: Version, rows: Iterable[Mapping[str, Any]], *, project_dir: Path
) -> str:
    """Write what was measured of a version today, in place of what was measured before; the day, in UTC."""
    seeds, day = ModelSeeds(project_dir, name), f"{datetime.now(UTC):%Y-%m-%d}"
    known = {"ml_model": name, "version": version.version, "measured_on": day}
    texts = [{column: _text(value) for column, value in {**known, **row}.items()} for row in rows]
    seeds.write_rows(part, version.version, texts)
    write_card(seeds)
    return day


def _text(value: Any) -> str:
    if value is None:
        return ""
    return repr(float(f"{value:.{DIGITS}g}")) if isinstance(value, float) else str(value)
