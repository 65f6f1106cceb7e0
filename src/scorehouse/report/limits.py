"""The limits behind the lights of the report, used when no threshold was set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import NamedTuple

from scorehouse.metrics import LOWER, METRICS, Use
from scorehouse.project.run_log_place import SKIPPED, STARTED, SUCCESS
from scorehouse.registry.version import PREFIX, Version
from scorehouse.report.warehouse import Row
from scorehouse.report.words import metric_name, percent

# Shares of rejected rows. The first is also the default in `retraining_signals`.
REJECTED_WARN, REJECTED_BAD = 0.05, 0.20

# Scores are late when they are older than the usual gap between scoring days by a quarter, or by half a day.
LATE, LATE_DAYS = 0.25, 0.5
LATE_ASSUMED = 3  # months
MONTH = 31
GAPS, DAYS = 3, 11  # gaps that show what is usual, and the newest days that they are taken from

# How many times larger the error, or smaller the lead over guessing, is than at registration.
FAR = {"bad": 2.0, "warn": 1.5}
MINIMUM_LABELS = 200
# A distance from 1 below this says nothing about a score that was (nearly) perfect at registration.
SMALL_ERROR = 0.05
EXCESS_WARN = 0.02  # of `excess_log_loss`: as if half more than a fifth were positive
SEGMENT_SHARE = 0.01  # of all rows: a smaller segment is shown, but turns no light


@dataclass(frozen=True)
class Gap:
    """Days between one scoring day and the next: `known` from the run log, else assumed to be a month.

    `is_limit` says that it is not what is usual, but the age that a test of the project allows.
    """

    days: float
    known: bool
    is_limit: bool = False


def usual_gap(days: Sequence[date]) -> Gap:
    """The second longest gap between scoring days, newest first.

    The longest gap is left out, since it may be an outage. The second longest still covers the weekends of an
    ML model that scores on working days. Fewer than `GAPS` gaps are too few to know what is usual.
    """
    gaps = sorted((later - earlier).days for later, earlier in pairwise(days[:DAYS]))
    if len(gaps) < GAPS:
        return Gap(MONTH, known=False)
    return Gap(gaps[-2], known=True)


def lateness(age: float, gap: Gap) -> str:
    """`ok` or `bad` for the age of the newest scores in days; `warn` at first where the gap is assumed."""
    allowed = gap.days if gap.is_limit else gap.days + max(LATE * gap.days, LATE_DAYS)
    return "ok" if age <= allowed else "bad" if gap.known or age > LATE_ASSUMED * gap.days else "warn"


class Ending(NamedTuple):
    """How a run ended: the code of its alert (empty for none), its level, and how a light says it.

    The level is `ok`, `warn` or `bad`; `none` for a slice of a backfill that had no rows.
    """

    code: str
    level: str
    text: str


# A run that has started and not ended is still running, or was killed.
UNSUCCESSFUL = {
    STARTED: Ending("run_unfinished", "warn", "not finished"),
    SKIPPED: Ending("run_skipped", "bad", "skipped"),
}


def ending(run: Row) -> Ending:
    """How a run ended, by its status and by the share of the rows that it rejected."""
    share = rejected_share(run)
    if run["status"] != SUCCESS:
        return UNSUCCESSFUL.get(run["status"], Ending("run_failed", "bad", str(run["status"])))
    if found_nothing(run):
        return Ending("", "ok", "nothing to score" if run.get("rows_vanished") else "nothing changed")
    if share is None and (run.get("slice_from") or run.get("rows_left")):
        return Ending("", "none", "no rows")
    if share is None:
        return Ending("run_without_rows", "bad", "no rows")
    level = "bad" if share > REJECTED_BAD else "warn" if share > REJECTED_WARN else "ok"
    return Ending("" if level == "ok" else "rows_rejected", level, f"{percent(1 - share)} scored")


def rejected_share(run: Row) -> float | None:
    """Rejected rows of a run as a share of one; None where no rows came in."""
    return (run["rows_rejected"] or 0) / run["rows_in"] if run["rows_in"] else None


def found_nothing(run: Row) -> bool:
    """Whether a run compared its rows with an existing table and found none to score."""
    scored = run["rows_in"] or run.get("rows_left")
    return run["status"] == SUCCESS and not scored and bool(run.get("rows_unchanged"))


def at_registration(live: Version, row: Row) -> float | None:
    """The metric's value at registration.

    Of several outputs, `feature` names the column: for `prediction_week_1`, it is that of `mae_week_1`.
    """
    output = row.get("feature") or ""
    ending = f"_{output.removeprefix(PREFIX)}" if output in live.outputs else ""
    return live.metrics.get(row["metric"] + ending)


def metric_of(live: Version, row: Row) -> str:
    """The metric in words, with its output."""
    output = live.outputs.get(row.get("feature") or "")
    return metric_name(row["metric"]) + (f" of {output}" if output else "")


def far_limit(metric: str, registered: float, factor: float) -> float:
    """The value at which a metric counts as `factor` times worse than at registration.

    For an error: `factor` times the registered value. For a score: the point where its distance from 1 is
    `factor` times as large or its lead over guessing `factor` times smaller, whichever is reached first.
    """
    if METRICS[metric].better == LOWER:
        return registered * factor
    guess = METRICS[metric].guess or 0.0
    lacking = 1 - factor * max(1 - registered, SMALL_ERROR)
    return max(lacking, guess + (registered - guess) / factor)


def far_from(live: Version, row: Row) -> str:
    """`ok`, `warn` or `bad` compared with registration; empty when the two cannot be compared.

    A performance row can be if it has no threshold, and is about all rows and enough labels. What is compared
    is the better end of its interval.
    """
    metric, value, registered = row["metric"], row["value"], at_registration(live, row)
    known = METRICS.get(metric)
    if registered is None or value is None or known is None or Use.COMPARED not in known.use:
        return ""
    if row["threshold"] is not None or row["segment"] != "all" or (row["n_current"] or 0) < MINIMUM_LABELS:
        return ""
    is_lower = known.better == LOWER
    if not (registered > 0 if is_lower else (known.guess or 0.0) < registered <= 1):
        return ""
    end = row.get("value_low" if is_lower else "value_high")
    best = value if end is None else end
    for state, factor in FAR.items():
        limit = far_limit(metric, registered, factor)
        if best > limit if is_lower else best < limit:
            return state
    return "ok"


def segment_state(row: Row) -> str:
    """`ok` or `warn` for a segment, by its threshold if it has one; `none` if nothing says what is much.

    What is compared is the lower end of the interval of its difference from all other rows.
    """
    if row["threshold"] is None and row["metric"] == "score_shift":
        return "none"
    limit = segment_limit(row)
    wide = row["threshold"] is not None or (row["share_of_rows"] or 0) >= SEGMENT_SHARE
    return "warn" if row["status"] == "worse" and wide and row["difference_low"] > limit else "ok"


def segment_limit(row: Row) -> float:
    """How much worse than all other rows a segment may be."""
    if row["threshold"] is not None:
        return float(row["threshold"])
    if row["metric"] == "rejected_share":
        return REJECTED_WARN
    if row["metric"] == "excess_log_loss":  # which is near 0 where scores are right, on either side
        return EXCESS_WARN
    return (FAR["warn"] - 1) * float(row["rest_value"])
