"""Whether a fact is new, goes on, or has ended, from the windows and runs before."""

from __future__ import annotations

from scorehouse.report import limits
from scorehouse.report.gather import ModelData
from scorehouse.report.monitors import Long
from scorehouse.report.warehouse import Row
from scorehouse.report.words import metric_name, row_window

SAME = ("part", "feature", "metric", "segment")
UNJUDGED = ("immature", "complete", "too_small", "not_judged", "no_reference", "not_compared")


def before(long: Long, row: Row) -> list[Row]:
    """The rows of the same fact in earlier windows, newest first; windows without a value are left out."""
    same = [one for one in long.rows if all(one.get(name) == row.get(name) for name in SAME)]
    earlier = [one for one in same if one["window_start"] < row["window_start"]]
    return [one for one in reversed(earlier) if one["value"] is not None and one["status"] not in UNJUDGED]


def since(long: Long, row: Row) -> tuple[str, str]:
    """`new` or `continuing`, and the window in which it began; empty if there is no earlier window.

    Of older windows, only PSI and what has drifted is read: a metric that has no row there had not drifted.
    """
    windows = [window for window in long.windows if window[0] < row["window_start"]]
    if not windows or row["segment"] != "all":  # of segments, only the newest window is read
        return "", ""
    earlier_rows = {one["window_start"]: one for one in before(long, row)}
    began = row
    for window in reversed(windows):
        earlier = earlier_rows.get(window[0])
        if earlier is None or earlier["status"] != row["status"]:
            break
        began = earlier
    if began is row:
        return "new", ""
    return "continuing", row_window(began)


def run_before(data: ModelData, run: Row) -> str:
    """`new` or `continuing` for a run that went wrong, by the run before it into the same table."""
    place = data.runs.index(run)
    table = run.get("prediction_table")
    for other in data.runs[place + 1 :]:
        if other.get("prediction_table") == table and other.get("is_live") is not False:
            return "continuing" if limits.run_state(other) in ("bad", "warn") else "new"
    return ""


def ended(data: ModelData) -> list[str]:
    """What was wrong in the window before and is judged as right in the newest one, in words."""
    found: dict[str, None] = {}
    for long in [*data.drift, *data.joint, *data.attribution, *data.performance]:
        if len(long.windows) < 2:
            continue
        newest = {_fact(row): row["status"] for row in long.at(long.windows[-1])}
        for row in long.at(long.windows[-2]):
            wrong = row["status"] in ("drift", "below") and row["segment"] == "all"
            if wrong and newest.get(_fact(row)) in ("ok", "small_drift"):
                subject = f"{row['feature']}: " if row.get("feature") else ""
                found[f"{subject}{metric_name(row['metric'])}, wrong in {row_window(row)}"] = None
    return list(found)


def _fact(row: Row) -> tuple[str | None, ...]:
    return tuple(row.get(name) for name in SAME)
