"""The columns of an ML model's seeds, in their order: the type of each, and what dbt docs say of it."""

from __future__ import annotations

from collections.abc import Mapping

from scorehouse.registry.version import CALIBRATION, OUTPUTS, PROVENANCE, SEGMENTS, TASKS

REGISTRY = {
    "name": ("varchar", "Name of the ML model."),
    "version": ("integer", "Number of the version; counts up and is never reused."),
    "aliases": ("varchar", "Aliases of this version, separated by a vertical bar."),
    "task": (
        "varchar",
        f"One of {', '.join(TASKS)}.",
    ),
    "artifact": ("varchar", "Path of the serialized estimator, below the project's folder."),
    "artifact_format": ("varchar", "Format of the artifact."),
    "sha256": ("varchar", "SHA-256 digest of the artifact; checked before it is opened."),
    "size_bytes": ("bigint", "Size of the artifact in bytes."),
    "signature_sha256": ("varchar", "SHA-256 digest of the signature file next to the artifact."),
    "classes": (
        "varchar",
        "Class labels as JSON, in the estimator's order; of two classes, the second is the positive one.",
    ),
    "score_method": ("varchar", "Method of the estimator that computes the score."),
    "label_method": (
        "varchar",
        "Where labels come from: the estimator's predict, or the scores if they were proven equal.",
    ),
    "threshold": (
        "double precision",
        "Score from which the positive class is predicted; NULL: the estimator's own rule.",
    ),
    "n_features": ("integer", "Number of features."),
    "training_rows": ("bigint", "Number of rows in the training frame."),
    "trained_from": ("varchar", "Start of the training window."),
    "trained_to": ("varchar", "End of the training window."),
    "registered_at": ("varchar", "Time of registration, UTC."),
    "python_version": ("varchar", "Python that saved the estimator."),
    "sklearn_version": ("varchar", "scikit-learn that saved the estimator."),
    "libraries": ("varchar", "Other libraries and their versions, as JSON."),
    "metrics": ("varchar", "Metrics as reported at registration, as JSON."),
    "owner": ("varchar", "Who is responsible for the ML model."),
    "description": ("varchar", "Description of this version."),
    "parity": (
        "varchar",
        "Difference between the artifact and the estimator on training rows, as JSON; NULL: stored as is.",
    ),
    "program": (
        "varchar",
        "Backends proven equal to the estimator, why others were refused, and what is certified for every "
        "input, as JSON; NULL: none was tried.",
    ),
    "class_columns": (
        "varchar",
        "The class of each score column of the prediction table, as JSON; NULL: no scores per class.",
    ),
    SEGMENTS: (
        "varchar",
        "Of an estimator per segment, as JSON: the column that has the segment, the fallback, how many "
        "segments there are, and the smallest, median and largest number of training rows of one; the column "
        "is there if a version has it.",
    ),
    PROVENANCE: (
        "varchar",
        "What `scorehouse retrain` trained it from (query, rows, code, seed, environment), as JSON; the "
        "column is there if a version has it.",
    ),
    OUTPUTS: (
        "varchar",
        "The output in each column of the prediction table, as JSON, for an estimator with several outputs; "
        "the column is there if a version has it.",
    ),
    CALIBRATION: (
        "varchar",
        "By which method intervals or sets were calibrated at registration, from how many labels, and the "
        "digest of the rows of the seed `__calibration`, as JSON; the column is there if a version has it.",
    ),
}
SIGNATURE = {
    "version": ("integer", "Version that the row belongs to."),
    "position": ("integer", "Position of the feature in the estimator's input, from 1."),
    "feature": ("varchar", "Column of the feature table."),
    "type": ("varchar", "Double, integer, boolean, string or timestamp."),
    "dtype": ("varchar", "Type of the column in the training frame."),
    "accepts_null": ("boolean", "Whether the fitted pipeline accepts a missing value."),
    "accepts_non_finite": ("boolean", "Whether the fitted pipeline accepts an infinite value."),
    "accepts_unseen": ("boolean", "Whether the fitted pipeline accepts a value that was not in training."),
    "max_magnitude": (
        "double precision",
        "Largest absolute value that the fitted pipeline accepts; NULL: any.",
    ),
    "minimum": ("double precision", "Smallest value in training."),
    "maximum": ("double precision", "Largest value in training."),
    "null_share": ("double precision", "Share of missing values in training."),
    "categories": ("varchar", "Values known to the encoder, or seen in training, as JSON."),
    "importance": ("double precision", "The feature's share of the total importance, 0 to 1."),
    "importance_kind": (
        "varchar",
        "What was measured when the values of the feature were shuffled, such as the increase of log_loss.",
    ),
}
REFERENCE = {
    "version": ("integer", "Version that the row belongs to."),
    "part": ("varchar", "Feature, or output of the ML model."),
    "name": ("varchar", "Name of the column, or `(all features)`."),
    "kind": (
        "varchar",
        "Bins: `numeric`, `category`, `other` (rare categories pooled) and `missing`; of all features "
        "together, `repeated` (rows with the features of another row) and `single`. Facts, in lower and "
        "upper: `moments` (mean, standard deviation), `range` (minimum, maximum), `tail` (tail indices), "
        "`window` (by how much windows of training differ more than independent rows, and what 99 % stay "
        "below), `age` (the bins are of days before the time of the row; first and last time, in days since "
        "1970), `pair` (correlation with another feature, and its variance) and `pair_window` (by how much "
        "windows differ in it).",
    ),
    "bin": ("integer", "Number of the row within its column, from 0."),
    "lower": ("double precision", "Lower edge of a bin, excluded, or a fact; NULL: open."),
    "upper": ("double precision", "Upper edge of a bin, included, or a fact; NULL: open."),
    "category": ("varchar", "The category; of a window, its unit and metric; of a pair, the other feature."),
    "row_count": ("bigint", "Training rows in the bin, behind the fact, or per window."),
}
CALIBRATIONS = {
    "ml_model": ("varchar", "Name of the ML model."),
    "version": ("integer", "Version that the row belongs to."),
    "method": ("varchar", "`split` for a regression; `lac` or `aps` for a classification."),
    "basis": ("varchar", "`all`: all rows of the calibration."),
    "interval_group": ("varchar", "NULL: a registration calibrates no groups."),
    "interval_level": ("double precision", "Share of labels that an interval or a set should contain."),
    "n_labelled": ("bigint", "Labels that it was calibrated from."),
    "labels_needed": ("bigint", "Labels that this level needs at least."),
    "half_width": (
        "double precision",
        "The distance from prediction to label that holds this share of labels; NULL for a classification.",
    ),
    "score_quantile": (
        "double precision",
        "How unlikely a class of a set may be, by `method`, to hold this share; NULL for a regression.",
    ),
    "status": ("varchar", "`calibrated`."),
    "n_unknown": ("bigint", "Labels that are no class of the ML model; NULL for a regression."),
    "classes_without_label": ("varchar", "Classes that no label had, as JSON; NULL for a regression."),
}
REHEARSALS = {
    "ml_model": ("varchar", "Name of the ML model."),
    "version": ("integer", "The champion then."),
    "measured_on": ("varchar", "Day, UTC."),
    "monitor": ("varchar", "Table of drift or performance."),
    "feature": ("varchar", "NULL: all, or a metric of performance."),
    "metric": ("varchar", "NULL: all lights of the feature."),
    "window_from": ("varchar", "Start of the first window."),
    "window_to": ("varchar", "End of the last."),
    "window_days": ("double precision", "Median length."),
    "windows": ("bigint", "Their number."),
    "windows_judged": ("bigint", "Those with a verdict."),
    "alarms": ("bigint", "Windows in which it came on, without a planted fault."),
    "alarm_rate": ("double precision", "Their share."),
    "alarm_rate_low": ("double precision", "Lower end of its 95 % interval."),
    "alarm_rate_high": ("double precision", "Upper end."),
    "faults_planted": ("bigint", "Kinds of faults, each in one feature."),
    "faults_found": ("bigint", "Those that half of the windows show."),
    "days_to_find": ("double precision", "Median until one is found."),
    "unseen": ("varchar", "The others, as JSON; NULL of a whole monitor."),
}
REFITS = {
    "ml_model": ("varchar", "Name of the ML model."),
    "version": ("integer", "The champion then."),
    "measured_on": ("varchar", "Day, UTC."),
    "newer_rows": ("bigint", "Labelled rows after its training, on which both were measured."),
    "metric": ("varchar", "ROC AUC of two classes, log loss of more, or MAE."),
    "gain": ("double precision", "By how much a refit is better; negative: worse."),
    "gain_low": ("double precision", "Lower end of its 95 % interval."),
    "gain_high": ("double precision", "Upper end."),
    "verdict": ("varchar", "`helps`, `is not certain to help`, or `does not help`; NULL: not known."),
    "not_measured": ("varchar", "Why it cannot be known."),
}
PARTS: Mapping[str, Mapping[str, tuple[str, str]]] = {  # the seeds beside the registry
    "signature": SIGNATURE,
    "reference": REFERENCE,
    "calibration": CALIBRATIONS,
    "rehearsal": REHEARSALS,
    "refit": REFITS,
}
REGISTERED = ("signature", "reference", "calibration")  # by `register`; a version is not loaded without them
