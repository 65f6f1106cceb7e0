"""The reader of the certificate: every family is certified, and its leaves are those of the library."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestRegressor

import certified_models
from certified_models import Stored, frame, labels, stored
from scorehouse.certificate.forest import Forest, as_doubles, as_singles, cuts, doubles_at
from scorehouse.certificate.libraries import trees_of

FAMILIES = {
    "scikit-learn": certified_models.sklearn_trees,
    "histogram": certified_models.histogram_boosting,
    "lightgbm": certified_models.lightgbm_models,
    "xgboost": certified_models.xgboost_models,
}
pytestmark = pytest.mark.slow
OF_TREES = ["trees", "links", "preprocessing", "inputs"]
WITHOUT_SQL = ("two outputs", "forest of two outputs", "isolation", "isolation of some")  # or another task


OPTIONAL = ("lightgbm", "xgboost")
CHOSEN = [pytest.param(name, marks=pytest.mark.heavy) if name in OPTIONAL else name for name in FAMILIES]


@pytest.fixture(scope="module", params=CHOSEN)
def models(request: pytest.FixtureRequest) -> dict[str, Stored]:
    if request.param in OPTIONAL:
        pytest.importorskip(request.param, reason="the extra `boosters` is not installed")
    return FAMILIES[request.param]()


def test_trees_are_certified(models: dict[str, Stored]) -> None:
    for name, model in models.items():
        found = model.certificate()
        assert found.differences == (), name
        of_sql = [] if name in WITHOUT_SQL else ["sql", "checks of sql"]
        assert found.names(certified=True) == [*OF_TREES, *of_sql], (name, found.parts)


def places(values: np.ndarray) -> np.ndarray:
    """The places of doubles among all of them, from -inf, which has place 1."""
    signed = (values + 0.0).view(np.int64)
    signed = np.where(signed < 0, -(signed & np.int64(2**63 - 1)), signed)
    return (signed.view(np.uint64) + np.uint64((0x7FF << 52) + 1)).astype(np.uint64)


def leaves_of(forest: Forest, rows: np.ndarray) -> np.ndarray:
    """The node of its tree at which each row ends, of shape (rows, trees)."""
    ended = np.empty((len(rows), len(forest.roots)), dtype=np.int64)
    for tree, root in enumerate(forest.roots.tolist()):
        at = np.full(len(rows), root)
        while (inner := forest.left[at] >= 0).any():
            x = rows[np.arange(len(rows)), forest.feature[at]]
            left = places(x) <= forest.cut[at]
            missing = np.isnan(x) | (forest.zero[at] & (np.abs(x) <= float(np.float32(1e-35))))
            left = np.where(missing, forest.missing_left[at], left)
            for i in np.flatnonzero(inner):
                if (side := forest.categories.get(int(at[i]))) is not None:
                    known = x[i] == x[i] and -1.0 < x[i] < 1e6 and int(x[i]) in side[1]
                    left[i] = side[0] != known
            at = np.where(inner, np.where(left, forest.left[at], forest.right[at]), at)
        ended[:, tree] = at - root
    return ended


def hard(X: pd.DataFrame, *, infinite: bool, missing: bool, cast: Callable[[Any], Any]) -> np.ndarray:
    """Values of training, one step beside them, and extremes."""
    rng = np.random.default_rng(5)
    values = X.to_numpy(dtype=float)[rng.integers(0, len(X), 400)]
    steps = cast(rng.choice([-np.inf, np.inf], values.shape))
    with np.errstate(over="ignore"):
        beside = np.nextafter(cast(values), steps).astype(float)
    extremes = [0.0, -0.0, 1e-35, -1e-35, 5e-324, -0.5, 3.7, *((np.nan,) if missing else ())]
    extremes += [np.inf, -np.inf] if infinite else []
    which = rng.integers(0, 6, values.shape)
    made = np.select([which == 0, which == 1], [beside, rng.choice(extremes, values.shape)], values)
    with np.errstate(over="ignore"):
        beyond = np.isinf(made.astype(np.float32)) if not infinite else np.zeros(made.shape, dtype=bool)
    return np.where(beyond, 1.0, made)


def library_leaves(estimator: Any, rows: np.ndarray) -> np.ndarray | None:
    """The leaves as the library numbers them; None where it does not say."""
    kind = type(estimator).__module__.partition(".")[0]
    if kind == "lightgbm":
        leaves = estimator.booster_.predict(rows, pred_leaf=True).astype(int).reshape(len(rows), -1)
        splits = [info["num_leaves"] - 1 for info in estimator.booster_.dump_model()["tree_info"]]
        return np.asarray(leaves + np.array(splits))
    if type(estimator).__name__ == "IsolationForest":
        rows = rows.astype(np.float32)
        pairs = zip(estimator.estimators_, estimator.estimators_features_, strict=True)
        return np.column_stack([one.tree_.apply(rows[:, chosen]) for one, chosen in pairs])
    if not hasattr(estimator, "apply"):
        return None
    given = pd.DataFrame(rows, columns=estimator.feature_names_in_) if kind == "xgboost" else rows
    leaves = np.asarray(estimator.apply(given)).astype(int)
    if leaves.ndim == 3 and leaves.shape[2] == 1:
        leaves = leaves[:, :, 0]
    return leaves.reshape(len(rows), -1)


def sums_of(forest: Forest, ended: np.ndarray) -> np.ndarray:
    """The sums of the leaves at which rows end, in the order and the precision of the forest."""
    kind = np.float32 if forest.facts["the sums are in float32"] else np.float64
    sums = np.tile(np.array(forest.facts["the starts of the sums"], dtype=kind), (len(ended), 1))
    width = forest.value.shape[1]
    for tree, group in enumerate(forest.facts["the output of each tree"]):
        sums[:, group : group + width] += forest.value[forest.roots[tree] + ended[:, tree]].astype(kind)
    return np.asarray(sums / kind(forest.facts["the sums are divided by"]))


def library_sums(estimator: Any, rows: np.ndarray, sums: np.ndarray) -> np.ndarray:
    """The sums before the link, as the library itself gives them."""
    kind = type(estimator).__module__.partition(".")[0]
    if kind == "xgboost":
        given = pd.DataFrame(rows, columns=estimator.feature_names_in_)
        return np.asarray(estimator.predict(given, output_margin=True)).reshape(sums.shape)
    if kind == "lightgbm":
        raw = np.asarray(estimator.booster_.predict(rows, raw_score=True)).reshape(sums.shape)
        # of a forest the sums, not their mean
        return raw / estimator.n_estimators if estimator.boosting_type == "rf" else raw
    if type(estimator).__name__ == "IsolationForest":
        (denominator,) = trees_of(estimator)[1]["score_samples"][1]
        np.testing.assert_array_equal(-(2.0 ** -(sums[:, 0] / denominator)), estimator.score_samples(rows))
        return sums
    if hasattr(estimator, "_raw_predict"):
        rows = rows.astype(np.float32) if hasattr(estimator, "init_") else rows
        return np.asarray(estimator._raw_predict(rows)).reshape(sums.shape)
    method = estimator.predict_proba if hasattr(estimator, "classes_") else estimator.predict
    return np.asarray(method(rows)).reshape(sums.shape)


@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
def test_it_finds_the_leaves_of_the_library(models: dict[str, Stored]) -> None:
    compared = 0
    for name, model in models.items():
        encodes = getattr(model.estimator, "_preprocessor", None) is not None
        if encodes or any(feature.dtype == "category" for feature in model.signature.features):
            continue  # the library takes no numbers for categories
        forest = trees_of(model.estimator)[0]
        module = type(model.estimator).__module__
        missing = forest.facts["it takes missing values"]
        # predict() of XGBoost takes infinite values, and apply() does not
        infinite = forest.facts["it takes infinite values"] and not module.startswith("xgboost")
        doubles = module.startswith(("lightgbm", "sklearn.ensemble._hist"))
        X = frame(7, missing=missing, doubles=doubles)[[one.name for one in model.signature.features]]
        rows = hard(X, infinite=infinite, missing=missing, cast=np.float64 if doubles else np.float32)
        expected = library_leaves(model.estimator, rows)
        ended = leaves_of(forest, rows)
        if expected is not None:
            np.testing.assert_array_equal(ended, expected, err_msg=name)
        sums = sums_of(forest, ended)
        np.testing.assert_array_equal(sums, library_sums(model.estimator, rows, sums), err_msg=name)
        compared += 1
    assert compared > len(models) / 2


@pytest.mark.heavy
def test_sums_of_dart_that_round_on_the_way_are_proven_on_rows_only() -> None:
    xgb = pytest.importorskip("xgboost", reason="the extra `boosters` is not installed")
    X = frame()
    estimator = xgb.XGBRegressor(booster="dart", rate_drop=0.5, n_estimators=6, n_jobs=1)
    found = stored(estimator.fit(X, labels(X) + 3.0), X).certificate()
    (trees,) = (part for part in found.parts if part.name == "trees")
    assert not trees.certified and "the sums of dart" in trees.reason
    assert found.differences == ()


def test_a_model_of_a_hundred_trees_takes_less_than_a_second() -> None:
    X = frame()
    model = RandomForestRegressor(100, max_leaf_nodes=31, random_state=0)
    tried = stored(model.fit(X, labels(X)), X)
    seconds = []
    for _ in range(3):
        start = time.process_time()
        assert tried.certificate().differences == ()
        seconds.append(time.process_time() - start)
    assert min(seconds) < 1.0


def test_a_cut_is_the_largest_double_that_goes_left() -> None:
    rng = np.random.default_rng(0)
    largest = float(np.finfo(np.float32).max)
    given = [
        0.0,
        -0.0,
        5e-324,
        -5e-324,
        1e308,
        -1e308,
        np.inf,
        -np.inf,
        largest,
        -largest,
        1.4e-45,
        16_777_217.0,
    ]
    thresholds = np.array([*given, *rng.normal(size=50) * 10.0 ** rng.integers(-300, 300, 50)])
    for rule in (as_doubles, as_singles):
        found = cuts(rule, thresholds)
        some, none = found > 0, found == 0
        at = doubles_at(found[some])
        assert rule(at, thresholds[some]).all()
        with np.errstate(over="ignore"):
            above = np.nextafter(at, np.inf)
        assert not rule(above, thresholds[some])[at < np.inf].any()
        assert not rule(np.full(none.sum(), -np.inf), thresholds[none]).any()
    np.testing.assert_array_equal(doubles_at(cuts(as_doubles, thresholds)), thresholds)
    np.testing.assert_array_equal(places(thresholds), cuts(as_doubles, thresholds))


def test_every_double_has_its_place() -> None:
    values = np.array([-np.inf, -1.5, -5e-324, 0.0, 5e-324, 1.0, 1.7976931348623157e308, np.inf])
    np.testing.assert_array_equal(doubles_at(places(values)), values)
    assert places(values)[0] == 1
