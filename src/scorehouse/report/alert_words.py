"""What an alert says, by its code: a title and a text, made of its row and numbers alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

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
    row_window,
)

Numbers = Mapping[str, Any]
Template = str | Callable[[Row, Numbers], str]  # a string is formatted with `row` and the numbers


class Words(NamedTuple):
    """The section of the report for a code, its title (a sentence without a full stop) and its text."""

    topic: str
    title: Template
    text: Template


def phrase(template: Template, row: Row, numbers: Numbers) -> str:
    """What a template says of a row and numbers."""
    return template.format(row=row, **numbers) if isinstance(template, str) else template(row, numbers)


def series_name(row: Row) -> str:
    """What a sequential monitor watches in one series, for the start of a sentence."""
    metric = metric_name(row["metric"])
    if row["metric"] == "mean":
        name = f"The mean of {row['feature']}"
    elif row["feature"] and row["metric"] != "rejected_share":
        name = f"{row['feature']}: {lower_first(metric)}"
    else:
        name = metric
    return name if row["segment"] == "all" else f"{name} of {row['segment']}"


def _of_feature(row: Row, _: Numbers) -> str:
    return f"{row['feature']}: {lower_first(metric_name(row['metric']))}"


def _below(row: Row, numbers: Numbers) -> str:
    part = "" if row["segment"] == "all" else f" of {row['segment']}"
    return f"{numbers['metric']}{part} is worse than allowed"


def _far(row: Row, numbers: Numbers) -> str:
    now, then = metric_value(row["metric"], row["value"]), metric_limit(row["metric"], numbers["registered"])
    return f"{numbers['metric']} is {now}, and was {then} at registration"


def _segment(row: Row, _: Numbers) -> str:
    metric, where = row["metric"], row["segment"]
    found = {"rejected_share": "More rows are rejected", "score_shift": "Scores have shifted"}
    return f"{found.get(metric, f'{metric_name(metric)} is worse')} where {where}"


def _dbt(_: Row, numbers: Numbers) -> str:
    return (
        f"The dbt {numbers['kind']} {numbers['name']} {'warns' if numbers['level'] == 'warn' else 'failed'}"
    )


def _rejected(_: Row, numbers: Numbers) -> str:
    share = numbers["rejected_share"]
    return f"The last scoring run rejected {'every row' if share == 1 else f'{percent(share)} of its rows'}"


def _sequential(row: Row, _: Numbers) -> str:
    return f"{series_name(row)} has gone {row['side']} {_threshold(row)} for certain"


def _threshold(row: Row) -> str:
    return metric_limit(row["metric"], row["threshold"])


def _value(row: Row) -> str:
    """The value of a row, and its window."""
    return f"{metric_value(row['metric'], row['value'])} in {row_window(row)}"


def _drift_text(row: Row, _: Numbers) -> str:
    floor = f"; {chance(row['floor_value'])} expected by chance" if row["floor_value"] else ""
    certain = f"; p {p_value(row['p_value'])}" if row["p_value"] is not None else ""
    return (
        f"{metric_name(row['metric'])} {_value(row)}; limit {_threshold(row)}{floor}{certain}; "
        f"{row['n_current'] or 0:,} rows"
    )


def _below_text(row: Row, _: Numbers) -> str:
    limit = metric_value(row["metric"], row["threshold"])
    return f"{_value(row)}; limit {limit}; {row['n_current']:,} labelled rows"


def _far_text(row: Row, numbers: Numbers) -> str:
    registered, limit = (metric_value(row["metric"], numbers[name]) for name in ("registered", "limit"))
    return f"{_value(row)}, {registered} at registration; limit {limit}; {row['n_current']:,} labelled rows"


def _sequential_text(row: Row, _: Numbers) -> str:
    return (
        f"{_value(row)}; certain since {row['alert_since']:%d %b %Y}; "
        f"p {p_value(row['p_value'])} over all windows, however often one looks"
    )


def _segment_text(row: Row, numbers: Numbers) -> str:
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
        f"{number(row['correlation'], 2)} in {row_window(row)}; "
        f"limit of the change {_threshold(row)}; p {p_value(row['p_value'])}; {row['n_current']:,} rows"
    )


def _attribution_text(row: Row, _: Numbers) -> str:
    return (
        f"Agreement of the order {number(row['value'], 2)} in {row_window(row)}, "
        f"compared with the window from {row['reference_start']:%d %b %Y} on; "
        f"limit {_threshold(row)}; {row['n_current']:,} rows"
    )


def _failed_text(row: Row, numbers: Numbers) -> str:
    return phrase(RUN, row, numbers) + (numbers["error"] or "no error message was recorded")


def _rejected_text(row: Row, numbers: Numbers) -> str:
    most = "".join(f", {count:,} for {reason}" for reason, count in numbers["reject_reasons"])
    return phrase(RUN + "{rows_rejected:,} of {rows_in:,} rows", row, numbers) + most


RUN = "{table}, {started_at:%d %b %Y, %H:%M}: "
DBT = "{message}; checked {checked_at}"
# By code; the first sections are the first to act on.
WORDS: dict[str, Words] = {
    "run_unfinished": Words(
        "runs",
        "The last scoring run is not finished",
        RUN + "it is still running, or its process was killed",
    ),
    "run_skipped": Words("runs", "Nothing was scored: {error}", RUN + "dbt skipped it"),
    "run_failed": Words("runs", "The last scoring run {status}", _failed_text),
    "run_without_rows": Words("runs", "The last scoring run found no rows", RUN + "it got no rows"),
    "rows_rejected": Words("runs", _rejected, _rejected_text),
    "scores_old": Words(
        "runs",
        lambda row, numbers: f"Last scored {ago(numbers['age_days'])}",
        "{table}, {newest:%d %b %Y, %H:%M} UTC; {usual}",
    ),
    "features_old": Words(
        "runs",
        "No new features since {newest:%d %b %Y, %H:%M}",
        "{table}: later runs read the same rows and values; {usual}",
    ),
    "metric_below_limit": Words("performance", _below, _below_text),
    "metric_far_from_registration": Words("performance", _far, _far_text),
    "sequential_alert": Words("sequential", _sequential, _sequential_text),
    "segment_worse": Words("segments", _segment, _segment_text),
    "dbt_failed": Words("tests", _dbt, DBT),
    "source_stale": Words("sources", "The source {name} is stale", DBT),
    "output_drift": Words("scores", "The distribution of {row[feature]} has changed", _drift_text),
    "scores_missing": Words("scores", _of_feature, _drift_text),
    "attribution_drift": Words("scores", "Other features drive the scores than before", _attribution_text),
    "feature_drift": Words("drift", "{row[feature]} has drifted", _drift_text),
    "feature_shift": Words("drift", _of_feature, _drift_text),
    "pair_drift": Words("drift", "{row[feature]} go together in another way than in training", _pair_text),
    "features_of_little_importance": Words(
        "drift",
        "{n_features} features of little importance have changed",
        lambda row, numbers: f"each has less than {percent(numbers['limit'])} of the importance",
    ),
    "feature_quality": Words("quality", _of_feature, _drift_text),
    "rows_repeated": Words(
        "quality", "Rows repeat the features of other rows, under other keys", _drift_text
    ),
    "retrain": Words("retraining", "Version {version} should be retrained", "{reasons}"),
    "data_fault": Words(
        "retraining",
        "Do not retrain version {version} yet: look at the data first",
        "{faults}; reasons to retrain: {reasons}",
    ),
    "not_monitored": Words("retraining", "Version {version} is not monitored", "{missing}; next: {next}"),
}
TOPICS = tuple(dict.fromkeys(words.topic for words in WORDS.values()))
