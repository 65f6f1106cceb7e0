"""What the registry knows of a version, in words: certified parts, fragile labels, segments, days."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scorehouse.registry.version import CERTIFICATE, FRAGILE, NO_BACKENDS, Version

NEEDED = {
    "native": ("trees", "links", "preprocessing", "inputs"),
    "matrix": ("products", "links", "preprocessing", "inputs"),
    "sql": ("inputs", "sql", "checks of sql"),
    "reasons": ("inputs", "reasons"),
}
MOST_STEPS = 3  # features whose steps a reviewer reads of
# docs/generate_reference.py writes it into macros/monitoring/_metrics.sql, too, for the gate.
UNDATED = (
    "nobody recorded until when {} was trained, so rows that it learned from count as performance",
    "what to do: register it again with `trained_from` and `trained_to` in its Card, and judge it by day",
)


def proven_in(program: Mapping[str, Any]) -> dict[str, Any]:
    """The facts of each backend that was proven, by its name."""
    return {name: fact for name, fact in sorted(program.items()) if name not in NO_BACKENDS}


def backend_lines(version: Version, facts: Mapping[str, Any]) -> list[str]:
    """The results as lines of text: one line per backend."""
    lines = []
    for backend, fact in proven_in(facts).items():
        where = f" for {databases_of(fact)}" if databases_of(fact) else against(fact)
        lines.append(
            f"{version.label}: {backend}{where} proven on {fact['rows']:,} rows, "
            f"largest difference {fact['largest_difference']:.1g}"
        )
    refused = facts.get("refused", {})
    lines += [f"{version.label}: no {what}: {why}" for what, why in sorted(refused.items())]
    if words := fragile_in_words(facts):
        lines.append(f"{version.label}: {words}")
    return lines


def sql_is_stored(program: Mapping[str, Any]) -> bool:
    """Whether a run can read its SQL: not where trees are functions for lack of any other."""
    fact = program.get("sql", {})
    return bool(fact) and not (fact.get("functions") and not fact["nodes"])


def against(fact: Mapping[str, Any]) -> str:
    """What reasons compare rows with, if that is a background."""
    rows = fact.get("background", {}).get("rows")
    return f" against {rows:,} background row{'s' if rows > 1 else ''}" if rows else ""


def databases_of(fact: Mapping[str, Any]) -> str:
    """The databases that a backend is for, with its stages or functions there; empty if any."""
    parts = {name: f" in {count} stages" for name, count in fact.get("stages", {}).items()}
    for name, count in fact.get("functions", {}).items():
        parts[name] = f"{parts.get(name, '')} with {count} function{'s' if count > 1 else ''}"
    return ", ".join(name + parts.get(name, "") for name in fact.get("dialects", []))


def not_certified(version: Version, backend: str) -> list[str]:
    """The parts that a backend runs and that are not certified to equal the estimator for every input."""
    known = version.program.get(CERTIFICATE, {}).get("certified", ())
    return [part for part in NEEDED[backend] if part not in known]


def certified_in_words(version: Version) -> str:
    """What of a program equals its estimator for every input, and what on rows only; empty if not known."""
    found = version.program.get(CERTIFICATE)
    if not found:
        return ""
    sure = [
        part + (f" ({found['within'][part]})" if part in found["within"] else "")
        for part in found["certified"]
    ]
    on_rows = [f"proven on rows only: {', '.join(sorted(found['on_rows']))}"] if found["on_rows"] else []
    return "; ".join([f"for every input: {', '.join(sure) or 'nothing'}", *on_rows])


def fragile_in_words(program: Mapping[str, Any]) -> str:
    """What a reviewer reads of it; empty where no label changes."""
    fact = program.get(FRAGILE, {})
    steps = {name: one for name, one in fact.get("steps", {}).items() if one["labels"]}
    said = []
    if fact.get("labels"):
        counts = sorted(fact["labels"].items(), key=lambda pair: -pair[1])
        named = ", ".join(f"{count:,} in {name!r}" for name, count in counts)
        said.append(
            f"with the last place of a feature: {named} (round these features, or train on float32, if "
            "another engine or library computes them)"
        )
    if steps:
        most = sorted(steps.items(), key=lambda pair: -pair[1]["labels"])[:MOST_STEPS]
        named = ", ".join(f"{one['labels']:,} by {one['step']:g} of {name!r}" for name, one in most)
        said.append(f"with one step of its values: {named}")
    return f"of {fact['rows']:,} rows, the label changes {'; '.join(said)}" if said else ""


def segments_in_words(facts: Mapping[str, Any]) -> str:
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


def undated(version: Version) -> str:
    """A sentence and what to do, where the end of its training is not known; empty where it is."""
    return "" if version.trained_to else "; ".join(UNDATED).format(version.label)
