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
    own, too_few, by = changes["own"], changes["too_few_rows"], changes["by"]
    whose = f"value of {by} has an estimator of its own"
    if own != 1:
        whose = f"values of {by} have an estimator of their own"
    parts = [f"{own:,} {whose}"]
    if too_few:
        who = "nothing" if changes["fallback"] == "reject" else "that of all rows"
        have, them = ("has", "it") if too_few == 1 else ("have", "them")
        parts.append(f"{too_few:,} {have} too few rows for one, and {who} scores {them}")
    if changes["new"] is None:
        return "; ".join([*parts, f"the champion has no segments by {by}"])
    listed = (("new:", changes["new"]), ("no longer:", changes["gone"]))
    return "; ".join([*parts, *(f"{what} {_some(segments)}" for what, segments in listed if segments)])


def _some(segments: list[Any]) -> str:
    more = f" and {len(segments) - SHOWN:,} more" if len(segments) > SHOWN else ""
    return ", ".join(map(repr, segments[:SHOWN])) + more


def _segments(seeds: ModelSeeds, version: Version) -> list[Any]:
    """The segments that a version has an estimator for, as its signature lists them."""
    features = {row["feature"]: row["categories"] for row in seeds.features(version.version)}
    return list(features[version.segments["by"]] or ())
