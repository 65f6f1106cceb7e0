"""What a rehearsal found, as rows of the seed `ml_<name>__rehearsal`: of each monitor, feature and light."""

from __future__ import annotations

import json
from typing import Any

from scorehouse.rehearsal.outcome import Light


def recorded(light: Light) -> dict[str, Any]:
    """The row of a light; `unseen` are kinds of faults, of a feature that had any."""
    planted = light.planted
    return {
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
        "unseen": json.dumps([kind for _, kind in planted.unseen])
        if light.feature and planted.faults
        else None,
    }
