"""Days on which a loader or the world is at fault."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from faults import Fault

if TYPE_CHECKING:
    from life import Life


def faulty_days(fault: Fault) -> Callable[[Life], None]:
    """A fault of the loader for three nights: it has to be named, everywhere, until it is healed."""

    def happen(life: Life) -> None:
        fault.plant(life)
        life.faults_planted += 1
        named = -1
        for day in range(1, 4):
            life.pass_days()
            life.build(codes=(0, 1))
            life.remember_what_ended()
            life.check_lights(fault.model)
            night = life.newest_run(fault.model, "true") or {}
            if fault.stops_scoring and night.get("status") != "skipped":
                life.violate("no wrong scores", f"{fault.model.name}: {fault.name}, and rows were scored")
            if any(fault.is_named(alert) for alert in life.alerts()):
                named = day
                break
        life.days_until_named.append(named)
        if named < 0:
            life.violate(
                "no fault unseen", f"{fault.model.name}: {fault.name} was not named within three days"
            )
        fault.heal(life)
        life.load()
        life.build()
        life.check()
        life.remember()

    return happen
