"""Every row comes out once: scored, or rejected with a reason that a machine can read."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder

from project import MakeKernel
from scorehouse import ScorehouseError
from scorehouse.kernel.rows import check_batch
from scorehouse.kernel.scorer import Kernel
from scorehouse.registry.signature import Feature, Signature

NAN, INF = float("nan"), float("inf")
ROWS = 120
Cells = dict[str, Any]


def training() -> pd.DataFrame:
    random = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "delay": random.uniform(-10, 100, ROWS),
            "stops": random.integers(0, 4, ROWS),
            "carrier": random.choice(["AA", "UA"], ROWS),
        }
    )


def plain_pipeline() -> Any:
    """Takes neither a NULL nor a category that it does not know."""
    columns = make_column_transformer((OneHotEncoder(), ["carrier"]), remainder="passthrough")
    return make_pipeline(columns, LinearRegression())


def batch(*rows: Cells) -> pa.RecordBatch:
    whole = [{"delay": 1.0, "stops": 1, "carrier": "AA", **row} for row in rows]
    types = {"delay": pa.float64(), "stops": pa.int64(), "carrier": pa.string()}
    if any(isinstance(row["stops"], float) for row in whole):
        types["stops"] = pa.float64()
    # NaN stays NaN here: in a warehouse it is a value, and not NULL
    arrays = [pa.array([row[name] for row in whole], kind) for name, kind in types.items()]
    return pa.RecordBatch.from_arrays(arrays, names=list(types))


def reasons(kernel: Kernel, *rows: Cells) -> list[str | None]:
    scored = kernel(batch(*rows))
    found = scored.column("reject_reason").to_pylist()
    for name in scored.schema.names[:-1]:
        assert [value is None for value in scored.column(name).to_pylist()] == [bool(why) for why in found]
    return found


@pytest.fixture
def strictly_plain(make_kernel: MakeKernel) -> Kernel:
    X = training()
    return make_kernel(plain_pipeline().fit(X, X.delay), X, task="regression")


REASONS: dict[str, tuple[Cells, str | None]] = {
    "nothing": ({}, None),
    "null number": ({"delay": None}, "null:delay"),
    "null integer": ({"stops": None}, "null:stops"),
    "null text": ({"carrier": None}, "null:carrier"),
    "nan": ({"delay": NAN}, "not_finite:delay"),
    "infinity": ({"delay": INF}, "not_finite:delay"),
    "minus infinity": ({"delay": -INF}, "not_finite:delay"),
    "unseen text": ({"carrier": "ZZ"}, "unseen_category:carrier=ZZ"),
    "empty text": ({"carrier": ""}, "unseen_category:carrier="),
    "fraction for integer": ({"stops": 1.5}, "out_of_type:stops=1.5"),
    "infinity for integer": ({"stops": INF}, "out_of_type:stops=inf"),
    "nan for integer": ({"stops": NAN}, "null:stops"),
    "beyond integer": ({"stops": 1e19}, "out_of_type:stops=1e+19"),
    "several": (
        {"delay": None, "stops": 1.5, "carrier": "ZZ"},
        "null:delay;out_of_type:stops=1.5;unseen_category:carrier=ZZ",
    ),
}


@pytest.mark.parametrize(("row", "reason"), REASONS.values(), ids=REASONS)
def test_reason_of_one_row(row: Cells, reason: str | None, strictly_plain: Kernel) -> None:
    assert reasons(strictly_plain, row) == [reason]


def test_rows_keep_their_places(strictly_plain: Kernel) -> None:
    rows = [row for row, _ in REASONS.values()]
    found = reasons(strictly_plain, *rows)
    assert found == [reason for _, reason in REASONS.values()]


def test_scored_rows_among_rejected_ones_get_their_own_values(strictly_plain: Kernel) -> None:
    rows: list[Cells] = [{"delay": float(i), "carrier": "ZZ" if i % 3 else "UA"} for i in range(30)]
    together = strictly_plain(batch(*rows)).to_pylist()
    alone = [strictly_plain(batch(row)).to_pylist()[0] for row in rows]
    assert together == alone


def test_too_large_for_float32(make_kernel: MakeKernel) -> None:
    X = training()[["delay"]]
    estimator = RandomForestRegressor(3, random_state=0).fit(X, X.delay)
    kernel = make_kernel(estimator, X, task="regression")
    largest = float(np.finfo(np.float32).max)
    scored = kernel(pa.RecordBatch.from_pydict({"delay": [1e39, -1e39, largest, 5.0]}))
    assert scored.column("reject_reason").to_pylist() == ["too_large:delay", "too_large:delay", None, None]


class Touchy(RegressorMixin, BaseEstimator):
    """Fails on a batch with a value above its limit, and divides by zero at -1."""

    def __init__(self, limit: float = 1000.0) -> None:
        self.limit = limit

    def fit(self, X: pd.DataFrame, y: Any) -> Touchy:
        self.n_features_in_ = X.shape[1]
        self.feature_names_in_ = np.asarray(X.columns, dtype=object)
        return self

    def predict(self, X: pd.DataFrame) -> np.ndarray:
        values = X["delay"].to_numpy()
        if (values > self.limit).any():
            raise OverflowError("over the limit")
        return 1 / (values + 1)


@pytest.fixture
def touchy(make_kernel: MakeKernel) -> Kernel:
    X = training()[["delay"]].abs()
    return make_kernel(Touchy().fit(X, X.delay), X, task="regression")


@pytest.mark.slow
def test_rows_on_which_the_estimator_fails_are_found(touchy: Kernel) -> None:
    delays = np.arange(300.0)
    delays[[7, 8, 211]] = 5000.0
    found = touchy(pa.RecordBatch.from_pydict({"delay": delays})).column("reject_reason").to_pylist()
    assert {i: why for i, why in enumerate(found) if why} == dict.fromkeys(
        [7, 8, 211], "estimator_error:OverflowError"
    )


@pytest.mark.slow
def test_an_estimator_that_fails_on_row_after_row_ends_the_run(touchy: Kernel) -> None:
    with pytest.raises(ScorehouseError) as error:
        touchy(pa.RecordBatch.from_pydict({"delay": np.full(300, 5000.0)}))
    assert "Touchy fails on too many rows of a batch of 300 (OverflowError: over the limit)" in str(
        error.value
    )


@pytest.mark.slow
def test_a_result_that_is_not_finite_is_no_result(touchy: Kernel) -> None:
    scored = touchy(pa.RecordBatch.from_pydict({"delay": [-1.0, 0.0]}))
    assert scored.to_pylist() == [
        {"prediction": None, "reject_reason": "not_finite:prediction"},
        {"prediction": 1.0, "reject_reason": None},
    ]


def tolerant_pipeline() -> Any:
    numeric = make_column_transformer(
        (SimpleImputer(), ["delay", "stops"]),
        (
            make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore")),
            ["carrier"],
        ),
    )
    return make_pipeline(numeric, LogisticRegression(max_iter=1000))


def test_what_the_pipeline_handles_is_not_rejected(make_kernel: MakeKernel) -> None:
    X = training()
    estimator = tolerant_pipeline().fit(X, X.delay > 40)
    kernel = make_kernel(estimator, X, task="classification")
    rows: list[Cells] = [
        {"delay": None},
        {"delay": NAN},
        {"stops": None},
        {"carrier": None},
        {"carrier": "ZZ"},
    ]
    assert reasons(kernel, *rows) == [None] * 5
    asked = pd.DataFrame(
        {
            "delay": [NAN, NAN, 1, 1, 1],
            "stops": [1, 1, NAN, 1, 1],
            "carrier": ["AA", "AA", "AA", NAN, "ZZ"],
        }
    )
    asked["carrier"] = asked.carrier.astype(object)
    scores = kernel(batch(*rows)).column("score").to_numpy()
    np.testing.assert_allclose(scores, estimator.predict_proba(asked)[:, 1], rtol=1e-12)
    # an imputer takes what is missing, not what is infinite
    assert reasons(kernel, {"delay": INF}) == ["not_finite:delay"]


def test_missing_text_as_none(make_kernel: MakeKernel) -> None:
    """An encoder fitted on None knows no NaN."""
    X = training()
    X["carrier"] = pd.Series([None, *X.carrier[1:]], dtype=object)
    columns = make_column_transformer((OneHotEncoder(), ["carrier"]), remainder="passthrough")
    estimator = make_pipeline(columns, LinearRegression()).fit(X, X.delay + X.carrier.isna() * 50)
    kernel = make_kernel(estimator, X, task="regression")
    assert reasons(kernel, {"carrier": None}, {"carrier": "ZZ"}) == [None, "unseen_category:carrier=ZZ"]
    predicted = kernel(batch({"carrier": None, "delay": 3.0})).column("prediction").to_pylist()
    assert predicted == pytest.approx([53.0])


def test_gradient_boosting_takes_null(make_kernel: MakeKernel) -> None:
    X = training()[["delay", "stops"]]
    estimator = HistGradientBoostingClassifier(max_iter=5).fit(X, X.delay > 40)
    kernel = make_kernel(estimator, X, task="classification")
    assert reasons(kernel, {"delay": None}, {"delay": NAN}, {"stops": None}) == [None] * 3


def test_encoder_with_a_value_for_the_unknown(make_kernel: MakeKernel) -> None:
    X = training()
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    columns = make_column_transformer((encoder, ["carrier"]), remainder="passthrough")
    estimator = make_pipeline(columns, HistGradientBoostingClassifier(max_iter=5)).fit(X, X.delay > 40)
    assert reasons(make_kernel(estimator, X, task="classification"), {"carrier": "ZZ"}) == [None]


@pytest.mark.parametrize("imputed", [False, True])
def test_numbers_that_are_categories(imputed: bool, make_kernel: MakeKernel) -> None:
    X = training()
    encoder = make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder())
    columns = make_column_transformer(
        (encoder if imputed else OneHotEncoder(), ["stops"]), (OneHotEncoder(), ["carrier"])
    )
    estimator = make_pipeline(columns, LinearRegression()).fit(X, X.delay)
    kernel = make_kernel(estimator, X, task="regression")
    null = None if imputed else "null:stops"
    assert reasons(kernel, {"stops": 3}, {"stops": 9}, {"stops": None}) == [
        None,
        "unseen_category:stops=9",
        null,
    ]


STRICT: dict[str, tuple[str, Cells, str]] = {
    "null": ("null", {"delay": None}, "null:delay"),
    "null text": ("null", {"carrier": None}, "null:carrier"),
    "nan": ("not_finite", {"delay": NAN}, "not_finite:delay"),
    "unseen": ("unseen_category", {"carrier": "ZZ"}, "unseen_category:carrier=ZZ"),
    "below": ("out_of_range", {"stops": -1}, "out_of_range:stops=-1"),
    "above": ("out_of_range", {"stops": 4}, "out_of_range:stops=4"),
    "far": ("out_of_range", {"delay": 1234.5}, "out_of_range:delay=1234.5"),
}


@pytest.mark.parametrize(("check", "row", "reason"), STRICT.values(), ids=STRICT)
def test_strict_overrides_what_the_pipeline_takes(
    check: str, row: Cells, reason: str, make_kernel: MakeKernel
) -> None:
    X = training()
    estimator = tolerant_pipeline().fit(X, X.delay > 40)
    lenient = make_kernel(estimator, X, task="classification")
    assert reasons(lenient, row, {}) == [None, None]
    strict = Kernel(
        lenient.estimator, lenient.version, lenient.signature, strict=frozenset([check]), call="test"
    )
    assert reasons(strict, row, {}) == [reason, None]


def test_what_is_not_finite_has_one_reason() -> None:
    values = pa.RecordBatch.from_pydict({"x": pa.array([INF, -INF, NAN, 1.0])})
    for accepts in (True, False):
        feature = Feature("x", "double", "float64", accepts_null=accepts, accepts_non_finite=accepts)
        strict = check_batch(Signature((feature,), "frame"), values, frozenset({"not_finite"})).reasons
        assert strict is not None and strict.to_pylist() == ["not_finite:x"] * 3 + [None]
        lenient = check_batch(Signature((feature,), "frame"), values, frozenset()).reasons
        assert (lenient is None) == accepts


def test_numbers_with_categories_have_reasons_of_their_own() -> None:
    """What is too large or infinite is not judged as a category."""
    feature = Feature(
        "x", "double", "float64", max_magnitude=1e3, accepts_unseen=False, categories=(1.0, 2.0)
    )
    for limit, large in ((1e3, "too_large:x"), (None, "unseen_category:x=1001")):
        batch = pa.RecordBatch.from_pydict({"x": pa.array([1.0, 3.0, 1001.0, INF])})
        signature = Signature((replace(feature, max_magnitude=limit),), "frame")
        found = check_batch(signature, batch, frozenset()).reasons
        assert found is not None
        assert found.to_pylist() == [None, "unseen_category:x=3", large, "not_finite:x"]


def test_strict_out_of_range_leaves_missing_values_to_the_other_checks(make_kernel: MakeKernel) -> None:
    X = training()
    estimator = tolerant_pipeline().fit(X, X.delay > 40)
    kernel = make_kernel(estimator, X, task="classification", strict=["out_of_range"])
    low, high = float(X.delay.min()), float(X.delay.max())
    rows: list[Cells] = [{"delay": None}, {"delay": NAN}, {"delay": low}, {"delay": high}]
    assert reasons(kernel, *rows) == [None] * 4


def test_every_strict_check_at_once(make_kernel: MakeKernel) -> None:
    X = training()
    estimator = tolerant_pipeline().fit(X, X.delay > 40)
    every = ["null", "not_finite", "unseen_category", "out_of_range"]
    kernel = make_kernel(estimator, X, task="classification", strict=every)
    assert reasons(kernel, {"delay": NAN, "stops": 7, "carrier": None}, {}) == [
        "not_finite:delay;out_of_range:stops=7;null:carrier",
        None,
    ]
