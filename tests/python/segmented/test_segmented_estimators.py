"""An estimator per segment equals clones that are fitted one by one, behind scikit-learn's interface."""

from __future__ import annotations

import io
import warnings
from decimal import Decimal
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from scorehouse import SegmentedClassifier, SegmentedRegressor

NAMES = ['a"b', "Привет", "", "it's; {{ x }}", "few"]
ROWS = 700


def shops(segments: Any = NAMES) -> tuple[pd.DataFrame, pd.Series]:
    """Rows of a few segments, of which the last has three; some have none."""
    draw = np.random.default_rng(0)
    codes = draw.integers(0, len(segments) - 1, ROWS)
    codes[:3] = len(segments) - 1
    X = pd.DataFrame({"size": draw.normal(size=ROWS), "shop": [segments[c] for c in codes]})
    X["price"] = draw.normal(10, 3, ROWS)
    X["shop"] = X["shop"].where((draw.random(ROWS) > 0.02) | (X.index < 3), None)
    return X, X["size"] * (codes + 1) - X["price"] * codes + draw.normal(size=ROWS) / 9


def rest(X: pd.DataFrame) -> pd.DataFrame:
    return X.drop(columns="shop")


def test_each_row_gets_the_answer_of_the_clone_of_its_segment() -> None:
    X, y = shops()
    inner = make_pipeline(StandardScaler(), Ridge())
    found = SegmentedRegressor(inner, "shop", min_rows=10).fit(X, y)
    everything = clone(inner).fit(rest(X), y)
    assert found.segments_.tolist() == sorted(NAMES[:-1])
    made = pd.Series(found.predict(X), index=X.index)
    for name in NAMES[:-1]:
        own = X.shop == name
        alone = clone(inner).fit(rest(X)[own], y[own]).predict(rest(X)[own])
        np.testing.assert_allclose(made[own], alone, rtol=1e-12)
    others = X.shop.isna() | (X.shop == "few")
    assert others.sum() > 10
    np.testing.assert_allclose(made[others], everything.predict(rest(X)[others]), rtol=1e-12)
    unknown = X.head(9).assign(shop="nobody's")
    np.testing.assert_allclose(found.predict(unknown), everything.predict(rest(unknown)), rtol=1e-12)
    facts = found.segment_facts()
    assert (facts["by"], facts["segments"], facts["own"], facts["rows"][0]) == ("shop", 5, 4, 3)


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([3, -1, 2**40, 7], "int64"),
        ([3, -1, 2**40, 7], "Int64"),
        ([3, -1, 2**40, 7], "object"),
        ([0.5, -1.0, 2.25, 7.0], "float64"),
        ([False, True, True], "boolean"),
        ([Decimal("1.5"), Decimal(2), Decimal(3)], "object"),
        (["x", "y", "z", "w"], "category"),
        (["x", "y", "z", "w"], "string"),
    ],
)
def test_a_segment_has_any_type_of_column_and_may_be_missing_later(values: list[Any], dtype: str) -> None:
    X, y = shops([*values, values[0]])
    X["shop"] = X["shop"].fillna(values[0]).astype(dtype)
    found = SegmentedRegressor(Ridge(), "shop").fit(X, y)
    assert [str(one) for one in found.segments_] == [
        str(float(v))
        if "float" in dtype or "Decimal" in repr(v)
        else str(int(v))
        if dtype == "boolean"
        else str(v)
        for v in sorted(set(values))
    ]
    own = X.shop == values[1]
    alone = Ridge().fit(rest(X)[own], y[own]).predict(rest(X)[own])
    np.testing.assert_allclose(found.predict(X)[own.to_numpy(bool)], alone, rtol=1e-12)
    later = X.head(4).copy()  # as a feature table has it: numbers with a missing one are doubles
    later["shop"] = pd.Series(
        [None, values[1], None, values[1]],
        dtype=None if dtype == "object" else dtype.lower().replace("int64", "float64"),
    )
    assert np.isfinite(found.predict(later)).all()
    np.testing.assert_allclose(
        found.predict(later)[[1, 3]],
        Ridge().fit(rest(X)[own], y[own]).predict(rest(later).iloc[[1, 3]]),
        rtol=1e-12,
    )


def test_without_a_fallback_a_row_of_no_segment_has_no_answer() -> None:
    X, y = shops()
    found = SegmentedRegressor(Ridge(), "shop", fallback="reject", min_rows=10).fit(X, y)
    without = (X.shop.isna() | (X.shop == "few")).to_numpy()
    assert found.fallback_ is None and (np.isnan(found.predict(X)) == without).all()
    labels = np.where(X["size"] > 0, "yes", "no")
    classes = SegmentedClassifier(LogisticRegression(), "shop", fallback="reject", min_rows=10).fit(X, labels)
    assert (np.isnan(classes.predict_proba(X)).all(axis=1) == without).all()
    assert ([label is None for label in classes.predict(X)] == without).all()


def test_a_segment_may_lack_classes() -> None:
    X, _ = shops()
    labels = pd.Series(np.digitize(X["size"], [-0.3, 0.4]), index=X.index)
    labels[X.shop == ""] = 2
    labels[X.shop == "Привет"] = labels[X.shop == "Привет"].clip(1)
    found = SegmentedClassifier(LogisticRegression(max_iter=500), "shop", min_rows=10).fit(X, labels)
    assert found.classes_.tolist() == [0, 1, 2] and "" not in found.segments_.tolist()
    shares = found.predict_proba(X)
    np.testing.assert_allclose(shares.sum(axis=1), 1.0)
    assert (shares[X.shop == "Привет", 0] == 0).all() and (shares[X.shop == 'a"b', 0] > 0).any()
    assert (found.classes_[shares.argmax(axis=1)] == found.predict(X)).all()
    assert not hasattr(found, "decision_function")
    all_known = SegmentedClassifier(RidgeClassifier(), "shop").fit(X, X["size"] > 0)
    assert hasattr(all_known, "decision_function") and not hasattr(all_known, "predict_proba")
    assert ((all_known.decision_function(X) > 0) == all_known.predict(X)).all()


def test_a_score_does_not_depend_on_the_rows_beside_it() -> None:
    X, _ = shops()
    found = SegmentedClassifier(make_pipeline(StandardScaler(), LogisticRegression()), "shop").fit(
        X, X["size"] > 0
    )
    whole, draw = found.predict_proba(X), np.random.default_rng(1)
    for size in (1, 5, 64, 333):
        part = draw.permutation(ROWS)[:size]
        assert (found.predict_proba(X.iloc[part]) == whole[part]).all()


def test_weights_reach_each_fit() -> None:
    X, y = shops()
    weights = np.random.default_rng(2).integers(0, 3, ROWS)
    found = SegmentedRegressor(Ridge(), "shop").fit(X, y, sample_weight=weights)
    own = (X.shop == "Привет").to_numpy()
    alone = Ridge().fit(rest(X)[own], y[own], sample_weight=weights[own])
    np.testing.assert_allclose(found.predict(X)[own], alone.predict(rest(X)[own]), rtol=1e-9)


def wrong(X: Any, y: Any, by: Any = "shop", later: Any = None, **parameters: Any) -> str:
    with pytest.raises((ValueError, TypeError)) as caught:
        SegmentedRegressor(Ridge(), by, **parameters).fit(X, y).predict(X if later is None else later)
    return str(caught.value)


def test_errors_say_what_was_wrong_and_what_to_do() -> None:
    X, y = shops()
    dates = X.assign(shop=pd.Timestamp("2026-01-01"))
    for message, *parts in (
        (wrong(X, y, "shops"), "has no column 'shops'", "columns size, shop, price", "correct by"),
        (wrong(X, y, fallback="mean"), "fallback is 'mean'", "one of global, reject"),
        (wrong(X, y, min_rows=0), "min_rows is 0", "from 1"),
        (wrong(X.assign(shop=None), y), "no row has a value of 'shop'", "in at least one row"),
        (wrong(X.assign(shop=[1, "a"] * (ROWS // 2)), y), "'shop' holds mixed", "to strings"),
        (wrong(dates, y), "'shop' holds datetime", "to strings"),
        (wrong(X.assign(shop=2**60), y), "a double rounds", "to strings"),
        (
            wrong(X, y, later=X.assign(shop=3)),
            "predict: the column 'shop' holds numbers",
            "strings, as in fit",
        ),
        (wrong(X, y, later=rest(X)), "shop"),
        (
            wrong(X.assign(size=np.where(X.shop == "few", np.inf, 0.0)), y),
            "the segment 'few' (3 rows)",
            "infinity",
        ),
    ):
        assert [part for part in parts if part not in message] == [], message


def test_it_is_an_estimator_as_others_are() -> None:
    X, y = shops()
    template = SegmentedRegressor(Ridge(), "shop", min_rows=10)
    template.set_params(estimator__alpha=0.5)
    copied = clone(template)
    assert copied.get_params()["estimator__alpha"] == 0.5 and not hasattr(copied, "segments_")
    found = copied.fit(X, y)
    assert found.score(X, y) > 0.9
    stream = io.BytesIO()
    joblib.dump(found, stream)
    stream.seek(0)
    assert (joblib.load(stream).predict(X) == found.predict(X)).all()
    with joblib.parallel_config("threading"):
        parallel = clone(template).set_params(n_jobs=2).fit(X, y)
    assert (parallel.predict(X) == found.predict(X)).all()
    block = X[["size", "price"]].to_numpy()
    array = SegmentedRegressor(Ridge(), 2).fit(np.column_stack([block, pd.factorize(X.shop)[0]]), y)
    assert array.segments_.tolist() == [-1, 0, 1, 2, 3, 4]


EXPECTED = {
    "check_dtype_object": "a column of objects is no segment",
    "check_estimators_nan_inf": "a missing segment has the fallback; the clones refuse what they refuse",
    "check_estimators_empty_data_messages": "without columns there is no segment",
    "check_fit2d_1feature": "the segment alone leaves no feature",
    "check_classifiers_train": "segments of one row each",
    "check_all_zero_sample_weights_error": "rows of weight 0 are left out, and then there is none",
}


@pytest.mark.skipif(sklearn.__version__ < "1.6", reason="its checks cannot be expected to fail one by one")
def test_the_checks_of_scikit_learn_pass() -> None:
    from sklearn.utils.estimator_checks import check_estimator

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        estimator = SegmentedClassifier(DecisionTreeClassifier(random_state=0), 0)
        checked = check_estimator(estimator, on_fail=None, expected_failed_checks=EXPECTED)
    assert [one["check_name"] for one in checked if one["status"] == "failed"] == []
    assert sum(one["status"] == "passed" for one in checked) > 40
