"""What an alert says, by its code: a title and a text, made of its row and numbers alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from scorehouse.report.warehouse import Row
from scorehouse.report.words import (
    ago,
    chance,
    lower_first,
    metric_limit,
    metric_name,
    metric_value,
    number,
    p_value,
    percent,
    stamp,
    window_text,
)

Numbers = Mapping[str, Any]
Words = Callable[[Row, Numbers], str]
KINDS = {"test": "The dbt test", "source": "The source"}


def series_name(row: Row) -> str:
    """What an anytime monitor watches in one series, for the start of a sentence."""
    metric = metric_name(row["metric"])
    if row["metric"] == "mean":
        name = f"The mean of {row['feature']}"
    elif row["feature"] and row["metric"] != "rejected_share":
        name = f"{row['feature']}: {lower_first(metric)}"
    else:
        name = metric
    return name if row["segment"] == "all" else f"{name} of {row['segment']}"


def _window(row: Row) -> str:
    return window_text(row["window_start"], row["window_end"])


def _of_feature(row: Row, _: Numbers) -> str:
    return f"{row['feature']}: {lower_first(metric_name(row['metric']))}"


def _below(row: Row, numbers: Numbers) -> str:
    part = "" if row["segment"] == "all" else f" of {row['segment']}"
    return f"{numbers['metric']}{part} is worse than allowed"


def _far(row: Row, numbers: Numbers) -> str:
    now, then = metric_value(row["metric"], row["value"]), metric_limit(row["metric"], numbers["registered"])
    return f"{numbers['metric']} is {now}, and was {then} at registration"


def _slice(row: Row, _: Numbers) -> str:
    metric, where = row["metric"], row["segment"]
    said = {
        "rejected_share": "More rows are rejected where",
        "score_shift": "Scores have shifted where",
    }
    return f"{said.get(metric, f'{metric_name(metric)} is worse where')} {where}"


def _dbt(_: Row, numbers: Numbers) -> str:
    kind = numbers["kind"]
    ended = "is stale" if kind == "source" else "warns" if numbers["level"] == "warn" else "failed"
    return f"{KINDS.get(kind, f'The dbt {kind}')} {numbers['name']} {ended}"


def _rejected(_: Row, numbers: Numbers) -> str:
    share = numbers["rejected_share"]
    return f"The last scoring run rejected {'every row' if share == 1 else f'{percent(share)} of its rows'}"


def _anytime(row: Row, _: Numbers) -> str:
    moved = "above" if row["side"] == "above" else "below"
    return f"{series_name(row)} has gone {moved} {metric_limit(row['metric'], row['threshold'])} for certain"


TITLES: dict[str, Words] = {
    "run_unfinished": lambda row, numbers: "The last scoring run is not finished",
    "run_skipped": lambda row, numbers: f"Nothing was scored: {numbers['error']}",
    "run_failed": lambda row, numbers: f"The last scoring run {numbers['status']}",
    "run_without_rows": lambda row, numbers: "The last scoring run found no rows",
    "rows_rejected": _rejected,
    "scores_old": lambda row, numbers: f"Last scored {ago(numbers['age_days'])}",
    "features_old": lambda row, numbers: f"No new features since {stamp(numbers['newest'])}",
    "metric_below_limit": _below,
    "metric_far_from_registration": _far,
    "anytime_alarm": _anytime,
    "slice_worse": _slice,
    "dbt_failed": _dbt,
    "source_stale": _dbt,
    "output_drift": lambda row, numbers: f"The distribution of {row['feature']} has changed",
    "scores_missing": _of_feature,
    "attribution_drift": lambda row, numbers: "Other features drive the scores than before",
    "feature_drift": lambda row, numbers: f"{row['feature']} has drifted",
    "feature_shift": _of_feature,
    "pair_drift": lambda row, numbers: f"{row['feature']} go together in another way than in training",
    "features_of_little_importance": (
        lambda row, numbers: f"{numbers['n_features']} features of little importance have changed"
    ),
    "feature_quality": _of_feature,
    "rows_repeated": lambda row, numbers: "Rows repeat the features of other rows, under other keys",
    "retrain": lambda row, numbers: f"Version {numbers['version']} should be retrained",
    "data_fault": (
        lambda row, numbers: f"Do not retrain version {numbers['version']} yet: look at the data first"
    ),
    "not_monitored": lambda row, numbers: f"Version {numbers['version']} is not monitored",
}


def _drift_text(row: Row, _: Numbers) -> str:
    value, allowed = metric_value(row["metric"], row["value"]), metric_limit(row["metric"], row["threshold"])
    floor = f"; {chance(row['floor_value'])} expected by chance" if row["floor_value"] else ""
    certain = f"; p {p_value(row['p_value'])}" if row["p_value"] is not None else ""
    return (
        f"{metric_name(row['metric'])} {value} in {_window(row)}; limit {allowed}{floor}{certain}; "
        f"{row['n_current'] or 0:,} rows"
    )


def _below_text(row: Row, _: Numbers) -> str:
    metric = row["metric"]
    return (
        f"{metric_value(metric, row['value'])} in {_window(row)}; limit "
        f"{metric_value(metric, row['threshold'])}; {row['n_current']:,} labelled rows"
    )


def _far_text(row: Row, numbers: Numbers) -> str:
    metric = row["metric"]
    return (
        f"{metric_value(metric, row['value'])} in {_window(row)}, "
        f"{metric_value(metric, numbers['registered'])} at registration; "
        f"limit {metric_value(metric, numbers['limit'])}; {row['n_current']:,} labelled rows"
    )


def _anytime_text(row: Row, _: Numbers) -> str:
    return (
        f"{metric_value(row['metric'], row['value'])} in {_window(row)}; "
        f"certain since {row['alarm_since']:%d %b %Y}; "
        f"p {p_value(row['p_value'])} over all windows, however often one looks"
    )


def _slice_text(row: Row, numbers: Numbers) -> str:
    metric = row["metric"]
    others = "before" if metric == "score_shift" else "in all other rows"
    return (
        f"{metric_value(metric, row['value'])}, and {metric_value(metric, row['rest_value'])} {others}; "
        f"the difference is at least {metric_value(metric, row['difference_low'])}, "
        f"limit {metric_limit(metric, numbers['limit'])}; "
        f"{row['n_current']:,} rows, {percent(row['share_of_rows'])} of all"
    )


def _pair_text(row: Row, _: Numbers) -> str:
    return (
        f"Correlation {number(row['reference_correlation'], 2)} in training, "
        f"{number(row['correlation'], 2)} in {_window(row)}; "
        f"limit of the change {metric_limit(row['metric'], row['threshold'])}; "
        f"p {p_value(row['p_value'])}; {row['n_current']:,} rows"
    )


def _attribution_text(row: Row, _: Numbers) -> str:
    return (
        f"Agreement of the order {number(row['value'], 2)} in {_window(row)}, "
        f"compared with the window from {row['reference_start']:%d %b %Y} on; "
        f"limit {metric_limit(row['metric'], row['threshold'])}; "
        f"{row['n_current']:,} rows"
    )


def _rejected_text(_: Row, numbers: Numbers) -> str:
    reasons: Sequence[tuple[str, int]] = numbers["reject_reasons"]
    most = "".join(f", {count:,} for {reason}" for reason, count in reasons)
    return _run(numbers, f"{numbers['rows_rejected']:,} of {numbers['rows_in']:,} rows{most}")


def _run(numbers: Numbers, said: str) -> str:
    return f"{numbers['table']}, {stamp(numbers['started_at'])}: {said}"


TEXTS: dict[str, Words] = {
    "run_unfinished": lambda row, numbers: _run(numbers, "it is still running, or its process was killed"),
    "run_skipped": lambda row, numbers: _run(numbers, "dbt skipped it"),
    "run_failed": lambda row, numbers: _run(numbers, numbers["error"] or "no error message was recorded"),
    "run_without_rows": lambda row, numbers: _run(numbers, "it got no rows"),
    "rows_rejected": _rejected_text,
    "scores_old": (
        lambda row, numbers: f"{numbers['table']}, {stamp(numbers['newest'])} UTC; {numbers['usual']}"
    ),
    "features_old": (
        lambda row, numbers: (
            f"{numbers['table']}: later runs read the same rows and values; {numbers['usual']}"
        )
    ),
    "metric_below_limit": _below_text,
    "metric_far_from_registration": _far_text,
    "anytime_alarm": _anytime_text,
    "slice_worse": _slice_text,
    "dbt_failed": lambda row, numbers: f"{numbers['message']}; checked {numbers['checked_at']}",
    "source_stale": lambda row, numbers: f"{numbers['message']}; checked {numbers['checked_at']}",
    "output_drift": _drift_text,
    "scores_missing": _drift_text,
    "attribution_drift": _attribution_text,
    "feature_drift": _drift_text,
    "feature_shift": _drift_text,
    "pair_drift": _pair_text,
    "features_of_little_importance": (
        lambda row, numbers: f"each has less than {percent(numbers['limit'])} of the importance"
    ),
    "feature_quality": _drift_text,
    "rows_repeated": _drift_text,
    "retrain": lambda row, numbers: str(numbers["reasons"]),
    "data_fault": lambda row, numbers: f"{numbers['faults']}; reasons to retrain: {numbers['reasons']}",
    "not_monitored": lambda row, numbers: f"{numbers['missing']}; next: {numbers['next']}",
}
