"""Descriptions of the columns of monitoring tables, for the YAML of scaffolded models."""

ZONE = {"time_zone": "Time zone in which windows begin and end; NULL if their column has none."}
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
        "below; `withdrawn` is a window whose rows are gone."
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
    "mean": "Mean of the finite values; of dates, of their ages in days.",
    "deviation": "Standard deviation of the finite values (population).",
    "minimum": "Smallest finite value.",
    "maximum": "Largest finite value.",
    **ZONE,
    "reference_size": "What the rows of the version's reference count together; another one has other bins.",
}
DRIFT = {
    "run_id": "Scoring run of the window; NULL if there are several.",
    "ml_model": "Name of the ML model.",
    "version": "Version that scored.",
    "part": "Feature or output.",
    "feature": "Name of the column.",
    "segment": "`all`, `column=value` (if small, without what is 0 and `ok`), or `column=(small groups)`.",
    "metric": "Name of the metric.",
    "window_start": "Start of the window.",
    "window_end": "End of the window, excluded.",
    "value": "Value of the metric.",
    "threshold": "Value from which the metric counts as drift; NULL: not judged.",
    "status": (
        "`ok`; `drift`; `small_drift` (certain, but below the threshold); `too_small` to judge; "
        "`blind` (windows of training differ as much as a change would); `not_judged` (the value is beyond "
        "the threshold or windows of training, but not for certain); `no_reference` of the version; "
        "`not_compared` (a date without a time to tell its age); or `info` if there is no threshold."
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
    "minimum_detectable": (
        "Smallest change, in the unit of `value`, that is found in 80 % of such windows; NULL for shares."
    ),
    **ZONE,
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
        "`ok`; `below` (worse than the threshold); `uncertain` (worse, but not for certain); "
        "`info` (no threshold); `immature` (labels are still "
        "to arrive); `complete` (all labels have arrived before the cohort has ended; not judged yet); "
        "`too_small`; `undefined`, such as the ROC AUC of one class; `not_judged` (the version was trained "
        "on all of these days); `overdue` (labels come no more); or `estimate` (no labels were used)."
    ),
    "n_reference": "Scored predictions of the cohort.",
    "n_current": "Predictions with a label and a finite score, from which the value is computed; "
    "of `labelled_days`, those whose label is overdue.",
    "labels_arrived": "Share of the scored predictions that have a label.",
    "value_low": "Lower end of the 95 % interval of `value`; NULL if the metric has none.",
    "value_high": "Upper end of the 95 % interval of `value`; NULL if the metric has none.",
    **ZONE,
    "n_training": (
        "Predictions of days that the version was trained on, which are left out; NULL if that is not known."
    ),
}
RETRAINING = {
    "ml_model": "Name of the ML model.",
    "version": "Version that has the alias.",
    "retrain": "Whether there is a reason to retrain, and no data fault; NULL if that cannot be judged.",
    "reasons": "The reasons, separated by semicolons; NULL for none.",
    "reason_codes": "The same as codes: drift, output_drift, decay, age.",
    "data_faults": "What is wrong with the data: while it is not NULL, `retrain` is false.",
    "n_drifted": (
        "Features with drift in the newest window, apart from those with a data fault; NULL if it judges "
        "none of this version."
    ),
    "drifted_features": "Their names.",
    "metric": "Metric whose decay is judged.",
    "reference_value": "Its value at registration.",
    "current_value": "Its value in the newest mature cohort.",
    "decay": "How much worse the metric has become.",
    "age_days": "Days since the end of the training data, or since registration.",
    "rejected_share": "Share of rejected rows.",
    "status": "`retrain`, `data_fault`, `refit_no_help`, `not_needed`, or `not_judged`.",
    "not_judged": "What says nothing about this version yet, separated by semicolons; NULL: all is judged.",
    "refit": "Whether a refit helps, as measured since the newest window began; NULL: not known.",
}
RETRAINING_OUTPUTS = {
    "n_drifted_outputs": "Outputs with drift in the newest window.",
    "drifted_outputs": "Their names.",
}
RETRAINING_OUTPUT = {"output": "The output that became worse by most, whose numbers these are."}
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
ESTIMATES = {name: text for name, text in PERFORMANCE.items() if name not in ("labels_arrived", "n_training")}
INTERVAL_CALIBRATION = {
    "ml_model": "Name of the ML model.",
    "version": "Version that scored.",
    "basis": "`all`, or `group`.",
    "interval_group": "Value of the group column; NULL for all.",
    "interval_level": "Share of labels that the intervals promise.",
    "n_labelled": "Predictions with a label.",
    "labels_needed": "Labels that the level needs.",
    "half_width": "What is added on both sides of a prediction; NULL: too few labels.",
    "status": "`calibrated` or `too_few_labels`.",
}
INTERVALS = {
    "prediction_low": "Lower end of the interval.",
    "prediction_high": "Upper end of the interval.",
    "interval_level": "Share of labels that the intervals promise.",
    "interval_basis": "Whether the half width is that of a group or of all rows.",
}
JOINT = {name: DRIFT[name] for name in DRIFT if name not in ("n_bins", "minimum_detectable")} | {
    "run_id": "NULL: a window is not a run.",
    "part": "`feature`.",
    "feature": "Names of the two features.",
    "segment": "`all`.",
    "metric": "`joint_shift`: the change of the correlation.",
    "value": "Change of the correlation.",
    "status": (
        "`ok`; `drift`; `small_drift` (certain, but below the threshold); `too_small` to judge; or "
        "`not_judged` (windows of training differ too much, or the reference has no pairs)."
    ),
    "floor_value": "NULL.",
    "importance": "NULL.",
    "place": "Place by the change, from 1.",
    "standard_error": "Standard error of the change.",
    "correlation": "Correlation of the bin numbers in the window.",
    "reference_correlation": "The same in training.",
    "reason": "What the verdict rests on, or why there is none.",
}
WORST_SEGMENTS = {
    "run_id": "NULL: a segment is not of one run.",
    "ml_model": "Name of the ML model.",
    "version": "Version that scored.",
    "feature": "NULL: the measure is for the ML model as a whole.",
    "segment": "Its columns and values, such as `country=IS and spend > 9`.",
    "metric": "The measure.",
    "window_start": "First day of its rows.",
    "window_end": "Last day of its rows.",
    "value": "Mean of the measure in the segment.",
    "threshold": "Difference that is too much; NULL: no limit was set.",
    "status": "`worse` than what it is compared with, or `ok`.",
    "n_reference": "Rows that it is compared with.",
    "n_current": "Rows of the segment.",
    "depth": "How many columns it combines.",
    "rest_value": "Mean of the measure in the rows that it is compared with.",
    "difference": "Difference of the two.",
    "difference_low": "Lower end of its 95 % interval.",
    "share_of_rows": "Share of all rows that are in the segment.",
    "p_value": "Probability of such a difference by chance.",
    "q_value": "`p_value`, adjusted for all segments.",
    "place": "Place by `difference_low`, from 1.",
    **ZONE,
}
SEQUENTIAL = {
    "run_id": "NULL: a window is not a run.",
    "ml_model": "Name of the ML model.",
    "version": "Version that scored.",
    "feature": "Name of the column; NULL if the metric is for the ML model as a whole.",
    "segment": "`all`, or `column=value`.",
    "metric": "Name of the metric.",
    "window_start": "Start of the window.",
    "window_end": "End of the window, excluded.",
    "value": "Value of the metric in the window.",
    "threshold": "The limit.",
    "status": "`ok`, or `alert`; an alert stays.",
    "n_reference": "Rows so far.",
    "n_current": "Rows of the window.",
    "side": "`above` or `below`: the side on which the limit is broken.",
    "e_value": "Evidence so far that the limit is broken.",
    "p_value": "Probability that such evidence is ever found without a change.",
    "alert_since": "Window of the first alert.",
    **ZONE,
}
