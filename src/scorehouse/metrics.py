"""The metrics of monitoring: each is declared here, once, and computed by one macro.

docs/generate_reference.py writes from here what the macros need to know (macros/monitoring/_metrics.sql) and
the page docs/reference/metrics.md. The report, the model card and the written monitors read this module.
CONTRIBUTING says how to add a metric.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Flag, auto
from functools import partial

HIGHER, LOWER = "higher", "lower"
# The kinds of performance tables, by task of the ML model. Sets and intervals come with options of the table.
KINDS = {
    "classification": ("classification", "classes", "sets"),
    "regression": ("regression", "intervals"),
    "ranking": ("ranking",),
    "clustering": ("clustering",),
}


class Use(Flag):
    """What takes a metric, besides the table that has it."""

    NONE = 0
    SHOWN = auto()  # the report's tiles and charts, in the order of the table below
    COMPARED = auto()  # the report's lights: how far it is from its value at registration
    ESTIMATED = auto()  # `estimated_performance`, as `estimated_<name>`
    CONTEST = auto()  # `compare_metric`, and so the gate `challenger_not_worse`
    WATCHED = auto()  # `sequential_monitor`: it is a mean of values from 0 to 1
    SEGMENTS = auto()  # `worst_segments`, of labelled rows
    UNLABELLED = auto()  # `worst_segments`, of all rows
    SHARE = auto()  # a share of rows, shown as a percentage


@dataclass(frozen=True)
class Column:
    """The column of a CTE that has the metric, in the macro of a kind of performance table.

    `interval` is how the 95 % interval is computed: `wilson` (of a share of `n` rows), `f1` (of `n` rows that
    are hits or errors), `mean` (of `n` rows, from the column `<column>_deviation`), `loss` (a mean from 0, of
    which `<column>_largest` is the largest), `rest` (1 without such a mean), `root` (of `mse`), `ece`,
    empty, or from a standard error, the column `<column>_error` or `error`: `log`, `logit` or `correlation`,
    by what is transformed, or `bounded`; at an end of the range of `logit` and `correlation`, from `n` rows.
    Where `n` is empty, it is the column `<metric>_rows` of `wilson` (without `_of_`), `f1_rows` of `f1`,
    `n_side` of `logit`, else `n`.
    With `by`, there is one metric per value of this column, and its name ends in the value. A `minor` one is
    in the table alone: neither shown nor estimated.
    """

    cte: str
    interval: str = ""
    n: str = ""
    column: str = ""
    by: str = ""
    error: str = ""
    minor: bool = False


Columns = dict[str, Column]


@dataclass(frozen=True)
class Drift:
    """From which change on `drift` raises an alert, and the smallest that it reports; None: never.

    `moved` says that a distribution has moved. From `fault` on, drift is a fault of the data: no world gets
    there from one window to the next. Dates have no `shape`. Of what is `learned`, registration knows how
    much windows of training differ. `few_rows` tell it, too. What is `exact` is computed from raw values.
    """

    threshold: float | None = None
    min_effect: float | None = None
    shape: bool = False
    moved: bool = False
    learned: bool = False
    fault: float | None = None
    few_rows: bool = False
    exact: bool = False


@dataclass(frozen=True)
class Metric:
    """One metric: its name in tables, and its label for readers, with a `short` one for narrow places.

    `columns` has its column in each kind of performance table. `guess` is what guessing reaches, where this
    does not depend on the data.
    """

    name: str
    label: str
    better: str = ""
    use: Use = Use.NONE
    columns: Columns = field(default_factory=dict)
    guess: float | None = None
    short: str = ""
    drift: Drift | None = None
    definition: str = ""


SHOWN, COMPARED, ESTIMATED, CONTEST = Use.SHOWN, Use.COMPARED, Use.ESTIMATED, Use.CONTEST
WATCHED, SEGMENTS, UNLABELLED, SHARE = Use.WATCHED, Use.SEGMENTS, Use.UNLABELLED, Use.SHARE
MAIN = SHOWN | COMPARED
OUTSIDE_FAULT = 0.25  # values beyond the range of training are a fault where they are more of what has moved
STEP_OVER, WINDOWS = 7, 60  # windows before with which a mean or spread is compared; those read of a history
UNIT, SAME = 8.0, 2.0  # another unit: how many times mean and spread are others, and how far the two differ
# of a gross fault: more than this share of a day's rows, if as many, of this many days
GROSS, FEWEST, NEWEST_DAYS = 0.67, 10, 30
LEARNED = "the threshold is added to the expected share"


def _of(
    kind: str, cte: str, interval: str = "", n: str = "", column: str = "", by: str = "", error: str = ""
) -> Columns:
    return {kind: Column(cte, interval, n, column, by, error)}


two, several, sets, errors, intervals, ranks, clusters = (
    partial(_of, kind) for kinds in KINDS.values() for kind in kinds
)
# fmt: off
TABLE = (
    # classification, of two classes and of several
    Metric("roc_auc", "ROC AUC", HIGHER, MAIN | ESTIMATED | CONTEST, two("ranks", "logit"), 0.5),
    Metric("average_precision", "Average precision", HIGHER, COMPARED,
           two("ranks", "wilson", "n_pos"),
           short="AP"),
    Metric("score_ks", "Score separation (KS)", HIGHER, COMPARED,
           two("ranks", "bounded", error="sqrt(0.25e0 / n_pos + 0.25e0 / n_neg)"),
           0.0),
    Metric("roc_auc_ovr", "ROC AUC, one-vs-rest", HIGHER, COMPARED | ESTIMATED,
           several("mean_areas", "logit"), 0.5, "ROC AUC"),
    Metric("roc_auc_ovr_weighted", "ROC AUC, one-vs-rest, weighted", HIGHER, COMPARED,
           several("mean_areas", "logit"), 0.5),
    Metric("roc_auc_ovo", "ROC AUC, one-vs-one", HIGHER, COMPARED,
           several("mean_areas", "logit"), 0.5),
    Metric("macro_f1", "Macro F1", HIGHER, MAIN | ESTIMATED, several("averages", "logit")),
    Metric("weighted_f1", "Weighted F1", HIGHER, COMPARED, several("averages", "logit")),
    Metric("macro_precision", "Macro precision", HIGHER, ESTIMATED, several("averages", "logit")),
    Metric("macro_recall", "Macro recall", HIGHER, ESTIMATED, several("averages", "logit")),
    Metric("log_loss", "Log loss", LOWER, MAIN | CONTEST | SEGMENTS,
           two("at_threshold", "loss") | several("losses", "loss")),
    Metric("excess_log_loss", "Log loss beyond what scores promise", LOWER, SEGMENTS,
           definition="log loss less that expected if scores are right"),
    Metric("brier", "Brier score", LOWER, COMPARED | CONTEST | WATCHED | SEGMENTS,
           two("at_threshold", "loss")),
    Metric("f1", "F1", HIGHER, MAIN | ESTIMATED, two("at_threshold", "f1")),
    Metric("precision", "Precision", HIGHER, MAIN | ESTIMATED,
           two("at_threshold", "wilson", column="precision_value")),
    Metric("recall", "Recall", HIGHER, MAIN | ESTIMATED, two("at_threshold", "wilson")),
    Metric("ece", "Calibration error (ECE)", LOWER, SHOWN, two("calibration", "ece"), short="ECE"),
    Metric("mce", "Largest calibration error", LOWER, columns=two("calibration")),
    Metric("accuracy", "Accuracy", HIGHER, MAIN | ESTIMATED | CONTEST | WATCHED,
           two("at_threshold", "wilson") | several("averages", "wilson")),
    Metric("mcc", "Matthews correlation", HIGHER, COMPARED,
           two("at_threshold", "correlation") | several("averages", "correlation"), 0.0),
    Metric("cohen_kappa", "Cohen's kappa", HIGHER, COMPARED, several("averages", "correlation"), 0.0),
    Metric("balanced_accuracy", "Balanced accuracy", HIGHER, COMPARED,
           several("averages", "logit")),
    Metric("top_k_accuracy", "Label among the k highest scores", HIGHER,
           columns=several("losses", "wilson", "top_k_rows"),
           definition="k is 2, or the option `k`; of equal scores, the label's comes first"),
    Metric("tp", "True positives", columns=two("counts")),
    Metric("fp", "False positives", columns=two("counts")),
    Metric("fn", "False negatives", columns=two("counts")),
    Metric("tn", "True negatives", columns=two("counts")),
    Metric("mean_score", "Mean score", "", WATCHED, two("at_threshold", "mean")),
    Metric("positive_rate", "Positive rate", "", ESTIMATED | WATCHED | SHARE,
           two("at_threshold", "wilson")),
    Metric("selection_rate", "Predicted positive", "", WATCHED,
           two("at_threshold", "wilson")),
    Metric("false_positive_rate", "False positive rate", LOWER,
           columns=two("at_threshold", "wilson")),
    Metric("lift_decile_", "Lift of a decile, the highest scores first", HIGHER,
           columns=two("lifts", column="lift", by="decile_text")),
    Metric("precision_of_", "Precision of a class", HIGHER, ESTIMATED,
           several("class_metrics", "wilson", column="class_precision", by="class_label")),
    Metric("recall_of_", "Recall of a class", HIGHER, ESTIMATED,
           several("class_metrics", "wilson", column="class_recall", by="class_label")),
    Metric("f1_of_", "F1 of a class", HIGHER, ESTIMATED,
           several("class_metrics", "f1", column="class_f1", by="class_label")),
    Metric("labels_of_", "Labels of a class",
           columns=several("class_metrics", column="n_labels", by="class_label")),
    Metric("roc_auc_of_", "ROC AUC of a class and the rest", HIGHER, ESTIMATED,
           several("areas", "logit", column="roc_auc", by="class_label"), 0.5),
    Metric("error_rate", "Error rate", LOWER, SEGMENTS | SHARE, definition="of predicted labels"),
    # regression
    Metric("mae", "Mean absolute error", LOWER, MAIN | ESTIMATED | CONTEST | SEGMENTS,
           errors("explained", "loss"), short="MAE"),
    Metric("rmse", "RMSE", LOWER, MAIN | ESTIMATED | CONTEST, errors("explained", "root")),
    Metric("mse", "Mean squared error", LOWER, ESTIMATED | SEGMENTS, errors("explained", "loss")),
    Metric("wape", "WAPE", LOWER, MAIN, errors("explained", "log")),
    Metric("r2", "R²", HIGHER, MAIN, errors("explained", "rest"), 0.0),
    Metric("bias", "Bias", "", SHOWN | ESTIMATED,
           errors("explained", "mean") | {"classification": Column("at_threshold", "mean", minor=True)},
           definition="prediction, or score, minus label"),
    Metric("mape", "MAPE", LOWER, COMPARED, errors("explained", "loss", "(n * (1e0 - zero_share))"),
           definition="labels of 0 left out, see `zero_share`"),
    Metric("zero_share", "Labels of 0", columns=errors("explained", "wilson")),
    Metric("median_absolute_error", "Median absolute error", LOWER, COMPARED, errors("explained", "log")),
    Metric("max_error", "Largest error", LOWER, columns=errors("explained")),
    # sets and intervals
    Metric("coverage", "Labels within intervals or sets", HIGHER, SHOWN | WATCHED | SHARE,
           sets("set_points", "wilson") | intervals("explained", "wilson")),
    Metric("interval_width", "Width of intervals", LOWER,
           columns=intervals("explained", "mean", "n_bounded")),
    Metric("set_size", "Classes per set", LOWER, columns=sets("set_points", "mean")),
    Metric("single_share", "Sets of one class", HIGHER, SHARE,
           sets("set_points", "wilson")),
    Metric("empty_share", "Empty sets", LOWER, SHARE, sets("set_points", "wilson")),
    # ranking: means over all orders of items with the same score; a query without a relevant item counts as 0
    Metric("ndcg", "NDCG", HIGHER, MAIN, ranks("means", "mean")),
    Metric("ndcg_with_hits", "NDCG where something is relevant", HIGHER, MAIN,
           ranks("means", "mean", "n_with_gain"), short="NDCG with hits"),
    Metric("hit_rate", "Hit rate", HIGHER, MAIN, ranks("means", "wilson", "n")),
    Metric("mrr", "Mean reciprocal rank (MRR)", HIGHER, MAIN, ranks("means", "mean"), short="MRR"),
    Metric("map", "Mean average precision (MAP)", HIGHER, MAIN, ranks("means", "mean"), short="MAP"),
    Metric("precision_at_k", "Precision at k", HIGHER, columns=ranks("means", "mean")),
    Metric("recall_at_k", "Recall at k", HIGHER, columns=ranks("means", "mean")),
    Metric("n_queries", "Queries", columns=ranks("means")),
    # clustering
    Metric("mean_distance", "Mean distance to the centroid", LOWER, MAIN, clusters("points", "mean"),
           short="Distance"),
    Metric("n_clusters", "Clusters", "", SHOWN, clusters("points")),
    Metric("largest_share", "Largest cluster", "", SHOWN | SHARE, clusters("points")),
    Metric("smallest_share", "Smallest cluster", "", SHARE, clusters("points")),
    Metric("entropy", "Cluster entropy", "", SHOWN, clusters("points", "mean"), short="Entropy"),
    Metric("share_of_", "Share of a cluster",
           columns=clusters("sized", "wilson", "n", column="share", by="cluster_label")),
    Metric("mean_distance_of_", "Mean distance in a cluster", LOWER,
           columns=clusters("sized", "mean", "n_own", "mean_score", "cluster_label")),
    # any task
    Metric("labels_arrived", "Labels arrived", HIGHER, SHARE),
    Metric("labelled_days", "Labelled days",
           definition="from the start of the window to the newest label; 0 and less: it is before"),
    Metric("rejected_share", "Rejected rows", LOWER, WATCHED | UNLABELLED | SHARE),
    Metric("score_shift", "Mean score", "", UNLABELLED),
    # drift
    Metric("psi", "PSI", drift=Drift(0.1, 0.02, shape=True, moved=True, learned=True),
           definition="sum of (q - p) ln(q / p) over the bins; an empty bin counts as a share of 1e-4"),
    Metric("js", "Jensen-Shannon distance", drift=Drift(shape=True), definition="base 2: 0 to 1"),
    Metric("tvd", "Total variation", drift=Drift(shape=True),
           definition="half the sum of the absolute differences of shares"),
    Metric("l_inf", "Largest change in a share", drift=Drift(shape=True)),
    Metric("hellinger", "Hellinger distance", drift=Drift(shape=True)),
    Metric("chi2", "Chi-square", drift=Drift(shape=True),
           definition="of the contingency table; its p-value is in `p_value`"),
    Metric("mean_shift", "Shift of the mean, in standard deviations",
           drift=Drift(0.3, 0.1, moved=True, learned=True, fault=2.5),
           definition="difference of the means, in standard deviations of training"),
    Metric("spread_shift", "Change of the spread (log ratio)",
           drift=Drift(0.3, 0.1, moved=True, learned=True, fault=0.7),
           definition="logarithm of the ratio of the standard deviations, without its sign"),
    Metric("missing_share", "Missing values", "", WATCHED | SHARE,
           drift=Drift(0.05, 0.005, learned=True, fault=0, few_rows=True),
           definition=f"NULL, NaN and infinities; {LEARNED}"),
    Metric("unseen_share", "Unseen values", "", WATCHED | SHARE,
           drift=Drift(0.01, 0.002, learned=True, fault=0, few_rows=True),
           definition=f"values that the reference does not have, of all that are not missing; {LEARNED}"),
    Metric("out_of_range_share", "Outside the training range", "", WATCHED | SHARE,
           drift=Drift(0.01, 0.002, learned=True, few_rows=True), definition=f"of finite values; {LEARNED}"),
    Metric("filled_share", "Filled, though always empty in training", "", WATCHED | SHARE,
           drift=Drift(0.01, 0, fault=0),
           definition="rows with a value in a column that was empty in training"),
    Metric("extreme_value", "Farthest value, in distances of the training data's", drift=Drift(3, fault=0),
           definition="distance from the training mean, divided by that of the farthest training value"),
    Metric("constant_value", "One value only", drift=Drift(1, fault=0, few_rows=True),
           definition="1 if the window has one value only, and training had several"),
    Metric("repeated_share", "Rows with the features of another row", "", SHARE,
           drift=Drift(0.05, 0.005, learned=True, fault=0),
           definition=f"of the same run or day, under the name `(all features)`; {LEARNED}"),
    Metric("ks", "Kolmogorov-Smirnov distance", drift=Drift(0.1, exact=True)),
    Metric("ks_p", "p-value of the Kolmogorov-Smirnov distance", drift=Drift(exact=True)),
    Metric("wasserstein", "Wasserstein distance", drift=Drift(exact=True),
           definition="in units of the column"),
    Metric("wasserstein_normed", "Wasserstein distance, normed", drift=Drift(0.1, exact=True),
           definition="divided by the standard deviation of the reference"),
    Metric("joint_shift", "Change of the correlation"),
    Metric("rank_agreement", "Agreement of the order of features"),
)
# fmt: on
METRICS = {metric.name: metric for metric in TABLE}


def used(use: Use, kind: str = "") -> dict[str, Metric]:
    """The metrics that something takes; only those of a kind of performance table, if one is named."""
    return {
        name: metric
        for name, metric in METRICS.items()
        if use in metric.use and (not kind or (kind in metric.columns and not metric.columns[kind].minor))
    }


def of_drift(trait: str) -> list[str]:
    """The metrics of the macro `drift` that have a trait, such as `moved`."""
    return [name for name, metric in METRICS.items() if metric.drift and getattr(metric.drift, trait)]


def shown(task: str) -> list[str]:
    """The metrics that the report shows of an ML model of this task, the main one first.

    Of several outputs, each has the metrics of one: `multioutput_regression` those of a regression.
    """
    names = [used(Use.SHOWN, kind) for kind in KINDS.get(task.rpartition("_")[2], ())]
    return [name for name in METRICS if any(name in of_kind for of_kind in names)]
