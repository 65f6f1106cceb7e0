"""What an alert says, by its code: a title and a text, made of its row and numbers alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from scorehouse.report.volumes import LOADED
from scorehouse.report.volumes import TEST as VOLUMES
from scorehouse.report.warehouse import Row
from scorehouse.report.words import (
    ago,
    chance,
    in_window,
    lower_first,
    metric_limit,
    metric_name,
    metric_value,
    number,
    p_value,
    part_name,
    percent,
    target_option,
)

WIDEST = 160  # letters of a database's message in a title


class Words(NamedTuple):
    """The section of the report for a code, its title (a sentence without a full stop), its text, what to do.

    All are formats: in braces stand `row`, a number of the alert, or a word of `DERIVED`.
    """

    topic: str
    title: str
    text: str
    action: str


# Titles without their reason, which may be long, for a page that has the whole title as well
SHORT = {
    "run_skipped": "Nothing was scored in {tables}",
    "run_failed": "Scoring {table} {status}",
}


class _Known(dict[str, Any]):
    """The numbers of an alert and its `row`, and what `DERIVED` makes of them."""

    def __missing__(self, name: str) -> str:
        return DERIVED[name](self, self["row"])


def phrase(template: str, row: Row, numbers: Mapping[str, Any]) -> str:
    """What a template says of a row and numbers."""
    return template.format_map(_Known(numbers, row=row))


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


def _mended(known: Mapping[str, Any]) -> str:
    if str(known.get("error")).startswith(f"test {VOLUMES} "):
        return LOADED
    return CORRECT if known["of_test"] else MEND


WORSE = {"rejected_share": "More rows are rejected", "score_shift": "Scores have shifted"}
REVERSED = ", and whether labels or classes are reversed, since guessing is better"
WRONG_WAY = 0.4  # of ROC AUC
# What templates name beside `row` and the numbers: the first argument knows both.
DERIVED: dict[str, Callable[[Mapping[str, Any], Row], str]] = {
    # of the row of a monitoring table
    "measure": lambda _, row: metric_name(row["metric"]),
    "measure_within": lambda _, row: lower_first(metric_name(row["metric"])),
    "measure_of_feature": lambda _, row: f"{row['feature']}: {lower_first(metric_name(row['metric']))}",
    "series": lambda _, row: series_name(row),
    "segment": lambda _, row: "" if row["segment"] == "all" else f" of {row['segment']}",
    "where": lambda _, row: "" if row["segment"] == "all" else f" where {row['segment']}",
    "value": lambda _, row: metric_value(row["metric"], row["value"]),
    "threshold": lambda _, row: metric_limit(row["metric"], row["threshold"]),
    "in_window": lambda _, row: in_window(row["window_start"], row["window_end"]),
    "rows": lambda _, row: f"{row['n_current'] or 0:,}",
    "p": lambda _, row: p_value(row["p_value"]),
    # of drift
    "chance": lambda _, row: (
        f"; {chance(row['floor_value'])} expected by chance" if row["floor_value"] else ""
    ),
    "certainty": lambda _, row: f"; p {p_value(row['p_value'])}" if row["p_value"] is not None else "",
    "before": lambda _, row: number(row["reference_correlation"], 2),
    "now": lambda _, row: number(row["correlation"], 2),
    "agreement": lambda _, row: number(row["value"], 2),
    "within": lambda known, _: f" ({known['days']})" if known.get("days") else "",
    # of performance
    "exact_threshold": lambda _, row: metric_value(row["metric"], row["threshold"]),
    "was": lambda known, row: metric_limit(row["metric"], known["registered"]),
    "exactly_was": lambda known, row: metric_value(row["metric"], known["registered"]),
    "exact_limit": lambda known, row: metric_value(row["metric"], known["limit"]),
    # of segments
    "worse": lambda known, row: WORSE.get(row["metric"], f"{known['measure']} is worse"),
    "rows_in": lambda _, row: part_name(row["segment"]),
    "rest": lambda _, row: metric_value(row["metric"], row["rest_value"]),
    "compared": lambda _, row: "before" if row["metric"] == "score_shift" else "in all other rows",
    "difference": lambda _, row: metric_value(row["metric"], row["difference_low"]),
    "most": lambda known, row: metric_limit(row["metric"], known["limit"]),
    "share": lambda _, row: percent(row["share_of_rows"]),
    "reversed": lambda _, row: REVERSED * (row["metric"] == "roc_auc" and row["value"] < WRONG_WAY),
    "in_target": lambda known, _: target_option(known.get("target", "")) or " --target TARGET",
    # of runs, of dbt and of several features
    "why": lambda known, _: (
        known["error"][:WIDEST] + " …" * (len(known["error"]) > WIDEST) or "no error message was recorded"
    ),
    "in_full": lambda known, _: f": {known['error']}" if len(known["error"]) > WIDEST else "",
    "rejected": lambda known, _: (
        "every row" if known["rejected_share"] == 1 else f"{percent(known['rejected_share'])} of its rows"
    ),
    "most_for": lambda known, _: "".join(f", the most for {one}" for one, _ in known["reject_reasons"][:1]),
    "by_reason": lambda known, _: "".join(f", {n:,} for {reason}" for reason, n in known["reject_reasons"]),
    "found": lambda known, _: f"{known['message']}; " if known["message"] else "",
    "age": lambda known, _: ago(known["age_days"]),
    "ended": lambda known, _: "warns" if known["level"] == "warn" else "failed",
    "least": lambda known, _: percent(known["limit"]),
    "correct": lambda known, _: _mended(known),
}
CORRECT = "correct the rows where they come from, and build again"
MEND = "mend what the message names, and build again"
FEATURE = "look at {row[feature]} in the table of the features: if it is wrong, " + CORRECT
REAL = "see whether the change is real where the rows come from: if it is, think of training again"
WORSE_SCORES = "look for faults of the data first{reversed}; if there are none, measure whether a refit " + (
    "helps: scorehouse retrain {row[ml_model]}{in_target} --measure"
)
SCHEDULE = "see why no scheduled build has scored since: whether it runs, and how it ends; then build"
LOADER = "see why its loader brings no new rows, and load them"
RUN = "{table}, {started_at:%d %b %Y, %H:%M}: "
DBT = "{found}checked {checked_at}"
DRIFT = "{measure} {value} {in_window}{within}; limit {threshold}{chance}{certainty}; {rows} rows"
# By code; the first sections are the first to act on.
WORDS: dict[str, Words] = {
    "run_unfinished": Words(
        "runs",
        "The last scoring run is not finished",
        RUN + "it is still running, or its process was killed",
        "wait for its end; if its process was killed, build again",
    ),
    "run_skipped": Words(
        "runs", "Nothing was scored in {tables}: {error}", RUN + "dbt skipped it", "{correct}"
    ),
    "version_not_built": Words(
        "runs",
        "{tables} of version {built}, and {alias} is version {version}",
        "last scored {started_at:%d %b %Y, %H:%M}: {alias} has been moved, and nothing scored since",
        "{next}",
    ),
    "run_failed": Words(
        "runs",
        "Scoring {table} {status}: {why}",
        "{started_at:%d %b %Y, %H:%M}, nothing scored since{in_full}",
        MEND,
    ),
    "run_without_rows": Words(
        "runs",
        "The last scoring run found no rows",
        RUN + "it got no rows",
        "see why its input has no rows, and build again",
    ),
    "rows_rejected": Words(
        "runs",
        "The last scoring run rejected {rejected}{most_for}",
        RUN + "{rows_rejected:,} of {rows_in:,} rows{by_reason}",
        "look at the rejected rows: " + CORRECT,
    ),
    "scores_old": Words(
        "runs", "Last scored {age}{tried}", "{table}, {newest:%d %b %Y, %H:%M} UTC; {usual}", SCHEDULE
    ),
    "features_old": Words(
        "runs",
        "No new features since {newest:%d %b %Y, %H:%M}",
        "{table}: later runs read the same rows and values; {usual}",
        LOADER,
    ),
    "labels_stopped": Words(
        "labels",
        "Labels{of_output} have stopped: predictions after {newest:%d %b %Y} have none",
        "{rows} of these have waited a week longer than labels take; what is said of performance is older",
        "see why the table of labels brings no new rows, and load them; if labels come less often than "
        "weekly, raise days in maturity of the performance table",
    ),
    "metric_below_limit": Words(
        "performance",
        "{metric}{segment} is worse than allowed",
        "{value} {in_window}; limit {exact_threshold}; {rows} labelled rows",
        WORSE_SCORES,
    ),
    "metric_far_from_registration": Words(
        "performance",
        "{metric} is {value}, and was {was} at registration",
        "{value} {in_window}, {exactly_was} at registration; limit {exact_limit}; {rows} labelled rows",
        WORSE_SCORES,
    ),
    "sequential_alert": Words(
        "sequential",
        "{series} has gone {row[side]} {threshold} for certain",
        "{value} {in_window}; certain since {row[alert_since]:%d %b %Y}; "
        "p {p} over all windows, however often one looks",
        WORSE_SCORES,
    ),
    "segment_worse": Words(
        "segments",
        "{worse} where {rows_in}",
        "{value}, and {rest} {compared}; the difference is at least {difference}, limit {most}; "
        "{rows} rows, {share} of all",
        "look at the rows of this segment for faults of the data, then for what has changed in it",
    ),
    "dbt_failed": Words("tests", "The dbt {kind} {name} {ended}", DBT, "{correct}"),
    "source_stale": Words("sources", "The source {name} is stale", DBT, LOADER),
    "output_drift": Words(
        "scores",
        "The distribution of {row[feature]} has changed",
        DRIFT,
        "look at the features that drive the scores: a fault of the data, or a real change",
    ),
    "scores_missing": Words(
        "scores",
        "{measure_of_feature}",
        DRIFT,
        "see why these rows have no score: rejected rows have a reason in the prediction table",
    ),
    "attribution_drift": Words(
        "scores",
        "Other features drive the scores than before",
        "Agreement of the order {agreement} {in_window}, compared with the window from "
        "{row[reference_start]:%d %b %Y} on; limit {threshold}; {rows} rows",
        REAL,
    ),
    "feature_drift": Words("drift", "{row[feature]} has drifted", DRIFT, REAL),
    "feature_shift": Words("drift", "{measure_of_feature}", DRIFT, REAL),
    "pair_drift": Words(
        "drift",
        "{row[feature]} go together in another way than in training",
        "Correlation {before} in training, {now} {in_window}; limit of the change {threshold}; "
        "p {p}; {rows} rows",
        REAL,
    ),
    "features_of_little_importance": Words(
        "drift",
        "{n_features} features of little importance have changed",
        "each has less than {least} of the importance",
        REAL,
    ),
    "unit_changed": Words(
        "quality",
        "{row[feature]} may be a data fault: about {factor} times what training had, as in another unit",
        DRIFT,
        FEATURE,
    ),
    "feature_fault": Words(
        "quality", "{row[feature]} may be a data fault{where}: {measure_within}", DRIFT, FEATURE
    ),
    "feature_quality": Words("quality", "{measure_of_feature}", DRIFT, FEATURE),
    "rows_repeated": Words(
        "quality",
        "Rows repeat the features of other rows, under other keys",
        DRIFT,
        "look at the table of the features: if the rows are copies, " + CORRECT,
    ),
    "retrain": Words(
        "retraining",
        "Version {version} should be retrained",
        "{reasons}; {refit}",
        "{command}",
    ),
    "retrain_without_gain": Words(
        "retraining",
        "A refit of version {version} {helps}: look for other causes",
        "{reasons}; {refit}",
        "look for other causes: labels, features that are missing, a change of the process",
    ),
    "data_fault": Words(
        "retraining",
        "Do not retrain version {version} yet: look at the data first",
        "{faults}; reasons to retrain: {reasons}",
        "look at these features first: if they are wrong, " + CORRECT + "; if right: {command} --force",
    ),
    "not_monitored": Words(
        "retraining", "Version {version} is not monitored", "{missing}; next: {next}", "{next}"
    ),
}
# Faults of the data, the most specific first.
FAULTS = ("unit_changed", "feature_fault", "rows_repeated")
TOPICS = tuple(dict.fromkeys(words.topic for words in WORDS.values()))
