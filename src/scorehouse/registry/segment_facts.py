"""An estimator per segment, as the registry records it: read by people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def in_words(facts: Mapping[str, Any]) -> str:
    """The column `segments` of a version in one line."""
    least, median, most = facts["rows"]
    others = facts["segments"] - facts["own"]
    without = f", {others:,} have none" if others else ""
    unknown = "unknown and missing ones" if not others else "these, unknown and missing ones"
    fallback = (
        f"the estimator of all rows scores {unknown}"
        if facts["fallback"] == "global"
        else f"rows of {unknown} are rejected"
    )
    return (
        f"{facts['own']:,} values of {facts['by']} have an estimator of their own{without}; "
        f"{least:,} to {most:,} training rows per value, median {median:,.6g}; {fallback}"
    )
