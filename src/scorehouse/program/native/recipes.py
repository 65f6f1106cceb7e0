"""Which function reads which estimator: one explicit dict; a subclass is not treated like its parent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from scorehouse.program.links import Link
from scorehouse.program.several import FOR_EACH, MULTI_LABEL, OTHER_CLASSES, QUANTILES, has_two_classes
from scorehouse.program.sql.builder import name_of
from scorehouse.program.trees import Ensemble, Read, Recipe, Refuse
from scorehouse.program.trees import of_catboost as catboost
from scorehouse.program.trees import of_lightgbm as lightgbm
from scorehouse.program.trees import of_sklearn as sklearn
from scorehouse.program.trees import of_xgboost as xgboost

Outputs = Mapping[str, Link]
FIRST = Link("first")
# the link of one output, of several, and of several that are sorted
SEVERAL = {FIRST: ("sums", "sorted"), Link("single"): ("singles", "sorted_singles")}


def recipe_of(estimator: Any, refuse: Refuse) -> Read:
    """The trees of a fitted estimator, and the recipe for its outputs.

    Raises the error from `refuse(estimator, problem)` if there is no exact equivalent in native code.
    """
    reader = READERS.get(name_of(estimator))
    if reader is None:
        raise refuse(estimator, "this estimator has no equivalent in native code")
    ensemble, recipe = reader(estimator, refuse)
    if not ensemble.trees:
        raise refuse(estimator, "it has no trees")
    return ensemble, recipe


def _forest(estimator: Any, outputs: Outputs) -> Read:
    trees = getattr(estimator, "estimators_", [estimator])
    takes_missing = bool(trees[0]._support_missing_values(np.zeros((1, 1))))
    return sklearn.forest(trees), Recipe(outputs, takes_missing, takes_infinite=False)


def _forest_classifier(estimator: Any, refuse: Refuse) -> Read:
    outputs = {"predict_proba": Link("sums"), "predict": Link("largest", is_label=True)}
    if estimator.n_outputs_ != 1:
        if not has_two_classes(estimator):
            raise refuse(estimator, OTHER_CLASSES)
        outputs = {method: link.of_each(2) for method, link in outputs.items()}
    return _forest(estimator, outputs)


def _forest_regressor(estimator: Any, refuse: Refuse) -> Read:
    return _forest(estimator, {"predict": FIRST if estimator.n_outputs_ == 1 else Link("sums")})


def _single_trees(estimator: Any, refuse: Refuse) -> Any:
    """The decision trees of an ensemble that may hold any estimators."""
    for one in estimator.estimators_:
        if not (hasattr(one, "tree_") and name_of(one).startswith("sklearn.")):
            raise refuse(one, "of what it holds, only decision trees have an equivalent in native code")
        if one.n_outputs_ != 1:
            raise refuse(one, "it has several outputs")
    return estimator.estimators_


def _bagging(estimator: Any, refuse: Refuse) -> Read:
    """The mean of its trees, each of which may read some of the columns."""
    trees, columns = _single_trees(estimator, refuse), estimator.estimators_features_
    if len(np.unique(np.concatenate(columns))) < estimator.n_features_in_:
        raise refuse(estimator, "no tree reads some of its columns")
    outputs: Outputs = {"predict": FIRST}
    if hasattr(estimator, "classes_"):
        outputs = {"predict_proba": Link("sums"), "predict": Link("largest", is_label=True)}
        if any(len(tree.classes_) < estimator.n_classes_ for tree in trees):
            raise refuse(estimator, "some of its trees do not know all classes")
    takes_missing = bool(trees[0]._support_missing_values(np.zeros((1, 1))))
    return sklearn.forest(trees, columns), Recipe(outputs, takes_missing, takes_infinite=False)


def _adaptive(estimator: Any, refuse: Refuse) -> Read:
    """The weighted votes of its trees."""
    trees = _single_trees(estimator, refuse)
    if getattr(estimator, "algorithm", "") == "SAMME.R":  # until scikit-learn 1.5
        raise refuse(estimator, "its algorithm is 'SAMME.R'")
    outputs = {
        "predict_proba": Link("shares", (1.0 / (estimator.n_classes_ - 1),)),
        "decision_function": Link("decisions"),
        "predict": Link("above_zero", is_label=True),
    }
    return sklearn.votes(estimator, trees), Recipe(outputs, takes_missing=False, takes_infinite=False)


def _for_each(estimator: Any, refuse: Refuse) -> Read:
    """Trees for each output, as one ensemble that adds each output's trees to its own sums."""
    parts = [recipe_of(one, refuse) for one in estimator.estimators_]
    first, recipe = parts[0]
    width = len(first.base)
    for one, (ensemble, own) in zip(estimator.estimators_, parts, strict=True):
        if own != recipe or not own.takes_numbers:
            raise refuse(one, "the outputs read their numbers in different ways")
        if _kind(ensemble) != _kind(first):
            raise refuse(one, "the trees of its outputs are not of one kind")
    outputs = _links_of_each(estimator, recipe.outputs, width, refuse)
    merged = replace(
        first,
        trees=tuple(tree for ensemble, _ in parts for tree in ensemble.trees),
        groups=tuple(
            output * width + group for output, (ensemble, _) in enumerate(parts) for group in ensemble.groups
        ),
        base=tuple(start for ensemble, _ in parts for start in ensemble.base),
    )
    return merged, replace(recipe, outputs=outputs)


def _links_of_each(estimator: Any, links: Outputs, width: int, refuse: Refuse) -> Outputs:
    """The links of an estimator for each output, from those of one output, which has `width` sums."""
    if name_of(estimator) == MULTI_LABEL:
        if not has_two_classes(estimator):
            raise refuse(estimator, OTHER_CLASSES)
        methods = ("predict", "predict_proba")
        return {method: links[method].of_each(width) for method in methods if method in links}
    kinds = SEVERAL.get(links["predict"])
    if kinds is None:
        raise refuse(estimator.estimators_[0], "of several outputs, predict() is no sum of trees")
    return {"predict": Link(kinds[name_of(estimator) == QUANTILES])}


def _kind(ensemble: Ensemble) -> tuple[object, ...]:
    """What has to be equal for trees to be added in one pass; a mean divides by one number of trees."""
    trees = len(ensemble.trees) if ensemble.average else None
    return len(ensemble.base), ensemble.average, ensemble.rounds_inputs, ensemble.single, trees


def _isolation_forest(estimator: Any, refuse: Refuse) -> Read:
    from sklearn.ensemble._iforest import _average_path_length

    denominator = float(len(estimator.estimators_) * _average_path_length([estimator._max_samples])[0])
    numbers = (denominator, float(estimator.offset_))
    outputs = {
        "score_samples": Link("isolation", (denominator,)),
        "decision_function": Link("isolation_decisions", numbers),
        "predict": Link("isolation_labels", numbers),
    }
    return sklearn.isolation(estimator), Recipe(outputs)


def _boosting(estimator: Any, outputs: Outputs, refuse: Refuse) -> Read:
    """The trees on top of a start that is the same for all rows."""
    init = estimator.init_
    if not (isinstance(init, str) and init == "zero") and not name_of(init).startswith("sklearn.Dummy"):
        raise refuse(estimator, f"its init is a {type(init).__name__}")
    start = estimator._raw_predict_init(np.zeros((1, estimator.n_features_in_), dtype=np.float32))[0]
    return sklearn.boosting(estimator, start), Recipe(outputs, takes_missing=False, takes_infinite=False)


def _boosting_classifier(estimator: Any, refuse: Refuse) -> Read:
    slope = 2.0 if type(estimator._loss).__name__ == "ExponentialLoss" else 1.0
    outputs = {
        "predict_proba": Link("shares", (slope,)),
        "decision_function": Link("decisions"),
        "predict": Link("from_zero", is_label=True),
    }
    return _boosting(estimator, outputs, refuse)


def _boosting_regressor(estimator: Any, refuse: Refuse) -> Read:
    return _boosting(estimator, {"predict": FIRST}, refuse)


def _hist(estimator: Any, outputs: Outputs) -> Read:
    # with categories, the estimator itself turns them into the codes that its trees read
    return sklearn.histogram_boosting(estimator), Recipe(
        outputs, takes_numbers=estimator._preprocessor is None
    )


def _hist_classifier(estimator: Any, refuse: Refuse) -> Read:
    return _hist(
        estimator,
        {
            "predict_proba": Link("hist_shares"),
            "decision_function": Link("decisions"),
            "predict": Link("above_zero", is_label=True),
        },
    )


def _hist_regressor(estimator: Any, refuse: Refuse) -> Read:
    log = type(estimator._loss.link).__name__ == "LogLink"
    return _hist(estimator, {"predict": Link("power") if log else FIRST})


READERS: Mapping[str, Callable[[Any, Refuse], Read]] = {
    "sklearn.DecisionTreeClassifier": _forest_classifier,
    "sklearn.ExtraTreeClassifier": _forest_classifier,
    "sklearn.RandomForestClassifier": _forest_classifier,
    "sklearn.ExtraTreesClassifier": _forest_classifier,
    "sklearn.DecisionTreeRegressor": _forest_regressor,
    "sklearn.ExtraTreeRegressor": _forest_regressor,
    "sklearn.RandomForestRegressor": _forest_regressor,
    "sklearn.ExtraTreesRegressor": _forest_regressor,
    "sklearn.BaggingClassifier": _bagging,
    "sklearn.BaggingRegressor": _bagging,
    "sklearn.AdaBoostClassifier": _adaptive,
    **dict.fromkeys(FOR_EACH, _for_each),
    "sklearn.IsolationForest": _isolation_forest,
    "sklearn.GradientBoostingClassifier": _boosting_classifier,
    "sklearn.GradientBoostingRegressor": _boosting_regressor,
    "sklearn.HistGradientBoostingClassifier": _hist_classifier,
    "sklearn.HistGradientBoostingRegressor": _hist_regressor,
    "catboost.CatBoostClassifier": partial(catboost.boosted, catboost.CLASSIFICATIONS),
    "catboost.CatBoostRegressor": partial(catboost.boosted, catboost.REGRESSIONS),
    "catboost.CatBoostRanker": partial(catboost.boosted, catboost.RANKINGS),
    "lightgbm.LGBMClassifier": lightgbm.classifier,
    "lightgbm.LGBMRegressor": lightgbm.regressor,
    "lightgbm.LGBMRanker": lightgbm.regressor,
    "xgboost.XGBClassifier": partial(xgboost.boosted, xgboost.CLASSIFICATIONS),
    "xgboost.XGBRFClassifier": partial(xgboost.boosted, xgboost.CLASSIFICATIONS),
    "xgboost.XGBRegressor": partial(xgboost.boosted, xgboost.REGRESSIONS),
    "xgboost.XGBRFRegressor": partial(xgboost.boosted, xgboost.REGRESSIONS),
    "xgboost.XGBRanker": partial(xgboost.boosted, xgboost.REGRESSIONS),
}
# Those of one estimator that scores; SQL takes the others apart by itself.
TREES = tuple(name for name in READERS if name not in (*FOR_EACH, "sklearn.IsolationForest"))
