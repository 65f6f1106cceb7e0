"""The last rehearsal: how often each light would have cried wolf, and which planted faults stay unseen."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from scorehouse.report.warehouse import Row


@dataclass(frozen=True)
class Rehearsed:
    """The rehearsal of one version, from rows of the seed `ml_<name>__rehearsal`.

    `monitors` are those as a whole, and `lights` those that came on, most often first; `n_grey` counts those
    that had no verdict in any window.
    `unseen` has, by feature, the faults that no monitor finds, most of them first; `n_unseen` and `n_planted`
    count faults of all features.
    """

    version: int
    day: str
    monitors: list[Row]
    lights: list[Row]
    n_grey: int
    unseen: list[tuple[str, list[str]]]
    n_unseen: int
    n_planted: int


def rehearsed_of(rows: Sequence[Row]) -> Rehearsed | None:
    """None if no version was rehearsed."""
    if not rows:
        return None
    tried = [row for row in rows if row["feature"] and not row["metric"] and row["faults_planted"]]
    planted: dict[str, int] = {}
    for row in tried:
        planted[row["feature"]] = max(planted.get(row["feature"], 0), row["faults_planted"])
    unseen: dict[str, set[str]] = {}
    for row in tried:  # of monitors that some faults could not be planted for, nothing is known
        own, feature = set(json.loads(row["unseen"])), row["feature"]
        if row["faults_planted"] == planted[feature]:
            unseen[feature] = unseen.get(feature, own) & own
    blind = sorted(
        ((feature, sorted(faults)) for feature, faults in unseen.items() if faults),
        key=lambda pair: (-len(pair[1]), pair[0]),
    )
    return Rehearsed(
        version=rows[0]["version"],
        day=str(rows[0]["measured_on"]),
        monitors=[row for row in rows if not row["feature"] and not row["metric"]],
        lights=[row for row in rows if row["metric"] and row["alarms"]],
        n_grey=sum(bool(row["metric"]) and not row["windows_judged"] for row in rows),
        unseen=blind,
        n_unseen=sum(len(faults) for _, faults in blind),
        n_planted=sum(planted.values()),
    )
