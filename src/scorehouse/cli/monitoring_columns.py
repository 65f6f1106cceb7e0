"""Descriptions of the columns of monitoring tables, for the YAML of scaffolded models."""

PROFILES = {
    "ml_model": "Name of the ML model.",
    "version": "Version that scored; rows are counted in its bins.",
    "run_id": "Scoring run; NULL if a day has several runs.",
    "window_start": "Start of the day, or first timestamp of the run.",
    "window_end": "End of the day, excluded, or last timestamp of the run.",
    "part": "Feature or output.",
    "feature": "Name of the column.",
    "segment": "`all`, or `column=value`.",
    "kind": (
        "`numeric`, `category`, `other` (pooled at registration), `unseen` and `missing` are bins, "
        "whose counts add up to all rows; `all` is one row per column with the counts and moments "
        "below."
    ),
    "bin": "Number of the bin in the reference.",
    "lower": "Lower edge, excluded; NULL: open.",
    "upper": "Upper edge, included; NULL: open.",
    "category": "The value; NULL for unseen values beyond the hundred most frequent.",
    "row_count": "Rows.",
    "n_null": "Rows with NULL.",
    "n_nan": "Rows with NaN.",
    "n_infinite": "Rows with an infinite value.",
    "n_below": "Rows below the smallest value in training.",
    "n_above": "Rows above the largest value in training.",
    "n_unseen": "Rows with a value that was not in training.",
    "mean": "Mean of the finite values.",
    "deviation": "Standard deviation of the finite values (population).",
    "minimum": "Smallest finite value.",
    "maximum": "Largest finite value.",
}
DRIFT = {
    "run_id": "Scoring run of the window; NULL if there are several.",
    "ml_model": "Name of the ML model.",
    "version": "Version that scored.",
    "part": "Feature or output.",
    "feature": "Name of the column.",
    "segment": "`all`, `column=value`, or `column=(small groups)`.",
    "metric": "Name of the metric.",
    "window_start": "Start of the window.",
    "window_end": "End of the window, excluded.",
    "value": "Value of the metric.",
    "threshold": "Value from which the metric counts as drift; NULL: not judged.",
    "status": (
        "`ok`; `drift`; `small_drift` (certain, but below the threshold); `too_small` to judge; "
        "`not_compared` (the values of a date); or `info` if there is no threshold."
    ),
    "n_reference": "Rows of the reference that were compared.",
    "n_current": "Rows of the window that were compared.",
    "p_value": "Probability of such a distance if nothing has changed.",
    "floor_value": "The PSI to expect from a window of this size if nothing has changed.",
    "n_bins": "Number of bins.",
    "importance": "Importance of the feature; 1 if it has none.",
    "place": "Rank of the feature by PSI times importance, from 1.",
    "q_value": "`p_value`, adjusted for all verdicts of the window; compared with the limit of `p_value`.",
    "standard_error": "Standard error of `mean_shift`.",
    "reason": "What the verdict rests on; NULL if there is no threshold.",
}
PERFORMANCE = {
    "run_id": "NULL: a cohort is not a run.",
    "ml_model": "Name of the ML model.",
    "version": "Version that scored.",
    "feature": "NULL: the metric is for the ML model as a whole.",
    "segment": "`all`, `column=value`, or `column=(small groups)`.",
    "metric": "Name of the metric.",
    "window_start": "Start of the cohort.",
    "window_end": "End of the cohort, excluded.",
    "value": "Value of the metric; NULL if none is reported.",
    "threshold": "Worst value allowed; NULL: not judged.",
    "status": (
        "`ok`; `below` (worse than the threshold); `uncertain` (worse, but the interval of the value reaches "
        "the threshold); `info` (no threshold); `immature` (labels are still "
        "to arrive); `complete` (all labels have arrived before the cohort has ended; not judged yet); "
        "`too_small`; `undefined`, such as the ROC AUC of one class; or `estimate` (no labels were used)."
    ),
    "n_reference": "Scored predictions of the cohort.",
    "n_current": "Predictions with a label and a finite score, from which the value is computed.",
    "labels_arrived": "Share of the scored predictions that have a label.",
    "value_low": "Lower end of the 95 % interval of `value`; NULL if the metric has none.",
    "value_high": "Upper end of the 95 % interval of `value`; NULL if the metric has none.",
}
RETRAINING = {
    "ml_model": "Name of the ML model.",
    "version": "Version that has the alias.",
    "retrain": "Whether there is a reason to retrain.",
    "reasons": "The reasons, separated by semicolons; NULL for none.",
    "n_drifted": "Features with drift in the newest window.",
    "drifted_features": "Their names.",
    "metric": "Metric whose decay is judged.",
    "reference_value": "Its value at registration.",
    "current_value": "Its value in the newest mature cohort.",
    "decay": "How much worse the metric has become.",
    "age_days": "Days since the end of the training data, or since registration.",
    "rejected_share": "Share of rejected rows.",
}
CALIBRATION = {
    "ml_model": "Name of the ML model.",
    "version": "Version that scored.",
    "class_label": "Class whose score is meant; NULL unless there are more than two.",
    "bin": "Number of the bin, from 1.",
    "lowest_score": "Lowest score, or prediction of a regression, in the bin.",
    "highest_score": "Highest score in the bin.",
    "mean_score": "Mean score.",
    "positive_rate": "Share of positive labels; NULL for a regression.",
    "mean_absolute_error": "Mean of the absolute errors; NULL for a classification.",
    "mean_squared_error": "Mean of the squared errors.",
    "mean_error": "Mean of prediction minus label.",
    "absolute_error_deviation": "Standard deviation of the absolute errors.",
    "squared_error_deviation": "Standard deviation of the squared errors.",
    "n_labelled": "Predictions with a label.",
}
ESTIMATES = {name: text for name, text in PERFORMANCE.items() if name != "labels_arrived"}
MARGINS = {
    "ml_model": "Name of the ML model.",
    "version": "Version that scored.",
    "basis": "`all`, or `group`.",
    "interval_group": "Value of the group column; NULL for all.",
    "interval_level": "Share of labels that the intervals promise.",
    "n_labelled": "Predictions with a label.",
    "labels_needed": "Labels that the level needs.",
    "margin": "What is added on both sides of a prediction; NULL: too few labels.",
    "status": "`calibrated` or `too_few_labels`.",
}
INTERVALS = {
    "prediction_low": "Lower end of the interval.",
    "prediction_high": "Upper end of the interval.",
    "interval_level": "Share of labels that the intervals promise.",
    "interval_basis": "Whether the margin is that of a group or of all rows.",
}
