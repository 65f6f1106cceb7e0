"""Limits that the lights of the report stand on, where nobody set any."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

from scorehouse.registry.version import Version
from scorehouse.report.warehouse import Row

# Shares of rejected rows; the first is also the default of `retraining_signals`.
REJECTED_WARN, REJECTED_BAD = 0.05, 0.20

# Times the usual gap between scoring days.
LATE_WARN, LATE_BAD = 2, 3
MONTH = 31
GAPS = 3

# An error this many times that at registration, or a lead over guessing that many times smaller.
FAR_WARN, FAR_BAD = 1.5, 2.0
MINIMUM_LABELS = 200
# An error below this of a score that was (nearly) perfect at registration says nothing.
SMALL_ERROR = 0.05
ERRORS = frozenset(
    {"log_loss", "brier", "mae", "rmse", "wape", "mape", "median_absolute_error", "mean_distance"}
)
# Scores of at most 1, and what guessing gets.
SCORES = {
    "roc_auc": 0.5,
    "roc_auc_ovr": 0.5,
    "roc_auc_ovr_weighted": 0.5,
    **dict.fromkeys(("average_precision", "precision", "recall", "f1", "macro_f1", "weighted_f1"), 0.0),
    **dict.fromkeys(("accuracy", "mcc", "score_ks", "r2"), 0.0),
    **dict.fromkeys(("ndcg", "ndcg_with_hits", "mrr", "map", "hit_rate"), 0.0),
}


@dataclass(frozen=True)
class Gap:
    """Days between one scoring day and the next: `known` from the run log, else taken for a month."""

    days: int
    known: bool


def usual_gap(days: Sequence[date]) -> Gap:
    """The second longest gap between scoring days, newest first.

    The longest is left out, since an outage is no habit; the second longest still holds the weekends of
    an ML model that scores on working days. Fewer than `GAPS` gaps make no habit.
    """
    gaps = sorted((later - earlier).days for later, earlier in pairwise(days))
    if len(gaps) < GAPS:
        return Gap(MONTH, known=False)
    return Gap(gaps[-2], known=True)


def lateness(age: float, gap: Gap) -> str:
    """`ok`, `warn` or `bad` for the age of the newest scores in days."""
    return "bad" if age > LATE_BAD * gap.days else "warn" if age > LATE_WARN * gap.days else "ok"


def rejection(share: float) -> str:
    """`ok`, `warn` or `bad` for a share of rejected rows."""
    return "bad" if share > REJECTED_BAD else "warn" if share > REJECTED_WARN else "ok"


def rejected_share(run: Row) -> float | None:
    """Rejected rows of a run as a share of one; None where no rows came in."""
    return (run["rows_rejected"] or 0) / run["rows_in"] if run["rows_in"] else None


def run_state(run: Row) -> str:
    """`ok`, `warn` or `bad` for how a run ended; `none` where there was no row to look at.

    A run that has started and not ended is running now, or was killed.
    """
    if run["status"] != "success":
        return "warn" if run["status"] == "started" else "bad"
    if found_nothing(run):
        return "ok"
    share = rejected_share(run)
    return "none" if share is None else rejection(share)


def found_nothing(run: Row) -> bool:
    """Whether a run compared rows with the table that was there, and had none of them to score."""
    scored = run["rows_in"] or run.get("rows_left")
    return run["status"] == "success" and not scored and bool(run.get("rows_unchanged"))


def comparable(live: Version, row: Row) -> bool:
    """Whether a performance row without a threshold can be held against the same metric at registration."""
    metric, registered = row["metric"], live.metrics.get(row["metric"])
    if registered is None or row["value"] is None or row["threshold"] is not None:
        return False
    if row["segment"] != "all" or (row["n_current"] or 0) < MINIMUM_LABELS:
        return False
    if metric in ERRORS:
        return registered > 0
    return metric in SCORES and SCORES[metric] < registered <= 1


def far_limit(metric: str, registered: float, factor: float) -> float:
    """The value from which a metric is far from registration's by `factor`.

    Errors: `factor` times the registered one. Scores: 1 minus `factor` times what lacked to 1, or a lead
    over guessing that is `factor` times smaller, whichever is met first.
    """
    if metric in ERRORS:
        return registered * factor
    guess = SCORES[metric]
    lacking = 1 - factor * max(1 - registered, SMALL_ERROR)
    return max(lacking, guess + (registered - guess) / factor)


def far_from(live: Version, row: Row) -> str:
    """`ok`, `warn` or `bad` beside registration; empty where the two cannot be compared."""
    if not comparable(live, row):
        return ""
    metric, value, registered = row["metric"], row["value"], live.metrics[row["metric"]]
    for state, factor in (("bad", FAR_BAD), ("warn", FAR_WARN)):
        limit = far_limit(metric, registered, factor)
        if value > limit if metric in ERRORS else value < limit:
            return state
    return "ok"
