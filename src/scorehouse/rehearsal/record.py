"""What a rehearsal found, as the seed `ml_<name>__rehearsal`: one row per light, feature and monitor.

A seed and no table of its own: a rehearsal leaves the database as it is, and its numbers stand in version
control beside the version that they are about, where a review sees how they change. `dbt seed` loads them for
the report, in every target.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from scorehouse.registration.card import write_card
from scorehouse.registration.lock import one_writer
from scorehouse.registry.seeds import ModelSeeds
from scorehouse.registry.version import Version
from scorehouse.rehearsal.outcome import Light

PLACES = 6  # of a share


@one_writer
def record(name: str, live: Version, lights: Sequence[Light], *, project_dir: Path) -> Path:
    """Write the lights of a version, in place of those of its earlier rehearsal; the file of the seed."""
    seeds, day = ModelSeeds(project_dir, name), f"{datetime.now(UTC):%Y-%m-%d}"
    seeds.write_rows("rehearsal", live.version, [_row(live, day, light) for light in lights])
    write_card(seeds)
    return seeds.file("rehearsal")


def _row(live: Version, day: str, light: Light) -> dict[str, str]:
    planted, unseen = light.planted, [fault for _, fault in light.planted.unseen]
    values: dict[str, Any] = {
        "ml_model": live.name,
        "version": live.version,
        "rehearsed_on": day,
        "monitor": light.monitor,
        "feature": light.feature,
        "metric": light.metric,
        "window_from": f"{light.first:%Y-%m-%d}",
        "window_to": f"{light.last:%Y-%m-%d}",
        "window_days": light.days,
        "windows": light.windows,
        "windows_judged": light.judged,
        "alarms": light.alarms,
        "alarm_rate": light.alarms / light.windows,
        "alarm_rate_low": light.low,
        "alarm_rate_high": light.high,
        "faults_planted": planted.faults,
        "faults_found": planted.found,
        "days_to_find": planted.days,
        "unseen": json.dumps(unseen) if light.feature and planted.faults else None,
    }
    return {name: _text(value) for name, value in values.items()}


def _text(value: Any) -> str:
    if value is None:
        return ""
    return repr(round(value, PLACES)) if isinstance(value, float) else str(value)
