"""The days that a version was trained on, by which its training rows are kept out of performance."""

from __future__ import annotations

from scorehouse.registry.version import Version

# docs/generate_reference.py writes it into macros/monitoring/_metrics.sql, too, for the gate.
UNDATED = (
    "nobody recorded until when {} was trained, so rows that it learned from count as performance",
    "what to do: register it again with `trained_from` and `trained_to` in its Card, and judge it by day",
)


def undated(version: Version) -> str:
    """A sentence and what to do, where the end of its training is not known; empty where it is."""
    return "" if version.trained_to else "; ".join(UNDATED).format(version.label)
