"""The rule behind each light, as the page says it."""

from __future__ import annotations

from scorehouse.report import limits
from scorehouse.report.words import percent

FAR_WARN, FAR_BAD = (f"{limits.FAR[level]:g}" for level in ("warn", "bad"))
RULES = {
    "Last run": (
        "Red when a run has failed since the table was scored, or the newest one was skipped, found no rows, "
        "or rejected more than "
        f"{percent(limits.REJECTED_BAD)} of its rows; amber above {percent(limits.REJECTED_WARN)}, or when "
        "its version is not the one that the alias has now. A run that found nothing to score is judged by "
        "the last run before it that scored rows. With several prediction tables, the worst one counts."
    ),
    "Last scored": (
        "Red when a prediction table is older than its rhythm by more than a quarter or half a day, or older "
        "than `max_age_hours` of its test. Its rhythm is the second-longest of its recent gaps between days; "
        "where the run log is too short to show one, a month is assumed, and late is amber. Red, too, "
        "when what it is scored from has not changed for longer than is usual."
    ),
    "Data quality": (
        "Amber when a feature has clearly more missing, unseen or out-of-range values than in training, "
        "by the thresholds of its drift table; or a segment has more than in its own windows before."
    ),
    "Drift": (
        "Amber when the PSI, the mean or the spread of a feature reaches its threshold and chance does not "
        "explain it. "
        "Features with too few rows, without a threshold, or of which windows of training differ as much as "
        "a change would, are not judged. "
        "Amber, too, when the correlation of a pair of features reaches its threshold (`joint_drift`)."
    ),
    "Scores": (
        "Amber when the distribution of a score or prediction has drifted, or other features drive the "
        "scores than before (`attribution`), by the thresholds of these tables."
    ),
    "Performance": (
        "Red when a metric is worse than its threshold in the performance table, amber when its interval "
        "reaches the threshold. A metric without one "
        f"is compared with its value at registration, from {limits.MINIMUM_LABELS} labels on: amber when the "
        f"error (for a score, its distance from 1) is {FAR_WARN} times as large or the lead over "
        f"guessing is {FAR_WARN} times smaller, red at {FAR_BAD} times. Red, too, when labels have stopped. "
        "Grey when neither "
        "a threshold nor a comparable value is known."
    ),
    "Segments": (
        "Amber when a segment is certainly worse than all other rows, by more than the threshold of "
        f"its table. Without one: an error {FAR_WARN} times that of all other rows, or "
        f"{percent(limits.REJECTED_WARN)} more rejected rows, or {limits.EXCESS_WARN:g} more log loss beyond "
        "what scores promise, for at least "
        f"{percent(limits.SEGMENT_SHARE)} of the rows."
    ),
    "Sequential alert": (
        "Red when a sequential monitor has raised an alert: a limit is broken for certain, by the evidence "
        "of all windows. At most 5 % of ML models within their limits (or what `alpha` says) ever raise "
        "one, so it stays red until a new version scores."
    ),
    "Retraining": (
        "Amber when the table of retraining signals gives a reason: drift, decay or age; or when it finds "
        "the data at fault, which training would not mend. `scorehouse retrain --measure` says whether a "
        "refit helps."
    ),
    "dbt tests": (
        "By the last dbt command, for what depends on the registry of this ML model: red when a test or a "
        "model failed, amber when a test warns. A command that does not test writes over what is known."
    ),
    "Sources": (
        "By dbt source freshness, for what depends on the registry of this ML model and the sources behind "
        "it: red when a source is older than error_after, amber after warn_after."
    ),
}
