"""What a retrained estimator per segment has that the champion has not, and what it lacks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scorehouse.registry.seeds import ModelSeeds
from scorehouse.registry.version import Version

SHOWN = 5


def segment_changes(seeds: ModelSeeds, parent: Version, version: Version) -> dict[str, Any]:
    """The segments of a version beside those of its parent; empty if the version has none.

    `own` counts the segments with an estimator of their own, and `too_few_rows` those in the training rows
    without one. `new` and `gone` list the segments that only the version, or only the parent, has an
    estimator for; both are None if the parent has no segments by this column.
    """
    facts = version.segments
    if not facts:
        return {}
    found = {
        "by": facts["by"],
        "fallback": facts["fallback"],
        "own": facts["own"],
        "too_few_rows": facts["segments"] - facts["own"],
        "new": None,
        "gone": None,
    }
    if parent.segments.get("by") == facts["by"]:
        before, now = (_segments(seeds, each) for each in (parent, version))
        found["new"] = [segment for segment in now if segment not in before]
        found["gone"] = [segment for segment in before if segment not in now]
    return found


def changes_in_words(changes: Mapping[str, Any]) -> str:
    """One sentence without a full stop."""
    have = "values of {} have an estimator" if changes["own"] != 1 else "value of {} has an estimator"
    parts = [
        f"{changes['own']:,} {have.format(changes['by'])} of {'their' if changes['own'] != 1 else 'its'} own"
    ]
    if changes["too_few_rows"]:
        count = changes["too_few_rows"]
        whose, has = ("them", "have") if count > 1 else ("it", "has")
        without = (
            f"nothing scores {whose}"
            if changes["fallback"] == "reject"
            else f"that of all rows scores {whose}"
        )
        parts.append(f"{count:,} {has} too few rows for one, and {without}")
    if changes["new"] is None:
        return "; ".join([*parts, f"the champion has no segments by {changes['by']}"])
    listed = (("new:", changes["new"]), ("no longer:", changes["gone"]))
    return "; ".join([*parts, *(f"{what} {_some(segments)}" for what, segments in listed if segments)])


def _some(segments: list[Any]) -> str:
    more = f" and {len(segments) - SHOWN:,} more" if len(segments) > SHOWN else ""
    return ", ".join(map(repr, segments[:SHOWN])) + more


def _segments(seeds: ModelSeeds, version: Version) -> list[Any]:
    """The segments that a version has an estimator for, as its signature lists them."""
    by = version.segments["by"]
    return list(
        next(row["categories"] or () for row in seeds.features(version.version) if row["feature"] == by)
    )
