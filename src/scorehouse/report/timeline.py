"""The newest runs of a prediction table in pictures: rows, rejected rows by reason, seconds, and versions."""

from __future__ import annotations

import json
from collections import Counter
from itertools import pairwise

from scorehouse.report.gather import ModelData
from scorehouse.report.stacks import stacked
from scorehouse.report.warehouse import Row
from scorehouse.report.words import stamp

DRAWN = 30  # runs
REASONS = 4  # reasons with a colour of their own
COLOURS = ("var(--bad)", "var(--warn)", "var(--reference)", "var(--current)", "var(--soft)")
Figure = dict[str, object]


def timeline(data: ModelData, run: Row | None) -> list[Figure]:
    """Pictures of the runs into the table of `run`, oldest first; none for fewer than two runs."""
    if run is None:
        return []
    table = run.get("prediction_table")
    same = [one for one in data.runs if one.get("prediction_table") == table and one["rows_in"]]
    runs = [one for one in same if one.get("is_live") is not False][:DRAWN][::-1]
    if len(runs) < 2:
        return []
    names = [f"{one['started_at']:%d %b}" for one in runs]
    tips = [f"{stamp(one['started_at'])}, version {one['model_version']}" for one in runs]
    marks = [
        (place, f"v{later['model_version']}")
        for place, (one, later) in enumerate(pairwise(runs), 1)
        if one["model_version"] != later["model_version"]
    ]
    rows = {
        "scored": [float(one["rows_scored"] or 0) for one in runs],
        "rejected": [float(one["rows_rejected"] or 0) for one in runs],
    }
    seconds = {"seconds": [float(one.get("seconds") or 0) for one in runs]}
    drawn = [
        _figure("Rows per run", names, tips, rows, ("var(--current)", "var(--bad)"), marks),
        _figure("Seconds per run", names, tips, seconds, ("var(--current)",), marks),
    ]
    if reasons := _by_reason(runs):
        drawn.insert(1, _figure("Rejected rows by reason", names, tips, reasons, COLOURS, marks))
    return drawn


def _figure(
    title: str,
    names: list[str],
    tips: list[str],
    series: dict[str, list[float]],
    colours: tuple[str, ...],
    marks: list[tuple[int, str]],
) -> Figure:
    drawn = stacked(names, tips, series, colours, f"{title}, oldest first", marks)
    legend = list(zip(series, colours, strict=False)) if len(series) > 1 or "seconds" not in series else []
    return {"title": title, "svg": drawn, "legend": legend}


def _by_reason(runs: list[Row]) -> dict[str, list[float]]:
    """Rejected rows of each run by reason: the most frequent reasons, and the others together."""
    counts = [Counter(json.loads(run.get("reject_reasons") or "{}")) for run in runs]
    total: Counter[str] = sum(counts, Counter())
    shown = [reason for reason, _ in total.most_common(REASONS)]
    found = {reason: [float(count[reason]) for count in counts] for reason in shown}
    if len(total) > REASONS:
        rest = [sum(count.values()) - sum(count[reason] for reason in shown) for count in counts]
        found["other reasons"] = list(map(float, rest))
    return found
