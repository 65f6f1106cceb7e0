"""What reaches the estimator is what it was fitted on, whatever form the feature table holds it in."""

from __future__ import annotations

import datetime as dt
import decimal
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from project import MakeKernel, batch_of
from scorehouse import ScorehouseError
from scorehouse.kernel.frames import estimator_input
from scorehouse.kernel.rows import check_batch
from scorehouse.registry.signature import check_types, match_columns

ROWS = 200


def mixed(rows: int = ROWS, seed: int = 0) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "amount": random.uniform(0, 100, rows),
            "visits": random.integers(0, 9, rows),
            "plan": random.choice(["free", "paid"], rows),
        }
    )


def target(X: pd.DataFrame) -> np.ndarray:
    return (X.amount + 9 * X.visits + 20 * (X.plan == "paid") > 90).to_numpy(dtype=int)


def by_name() -> Pipeline:
    """A pipeline that selects columns by name, as most people write them."""
    numeric = make_pipeline(SimpleImputer(), StandardScaler())
    columns = make_column_transformer((numeric, ["amount", "visits"]), (OneHotEncoder(), ["plan"]))
    return make_pipeline(columns, LogisticRegression())


def column(batch: pa.RecordBatch, name: str) -> list[Any]:
    return batch.column(name).to_pylist()


def test_column_transformer_by_name(make_kernel: MakeKernel) -> None:
    X = mixed()
    estimator = by_name().fit(X, target(X))
    fresh = mixed(seed=1)
    scored = make_kernel(estimator, X, task="classification")(batch_of(fresh))
    assert column(scored, "prediction") == estimator.predict(fresh).tolist()
    np.testing.assert_allclose(column(scored, "score"), estimator.predict_proba(fresh)[:, 1], rtol=1e-12)


def test_column_order_and_further_columns_do_not_matter(make_kernel: MakeKernel) -> None:
    X = mixed()
    kernel = make_kernel(by_name().fit(X, target(X)), X, task="classification")
    shuffled = X[["plan", "visits", "amount"]].assign(note="x")
    assert kernel(batch_of(shuffled)) == kernel(batch_of(X))


def test_array_estimator_takes_columns_by_name_too(make_kernel: MakeKernel) -> None:
    X = np.random.default_rng(0).normal(size=(ROWS, 3))
    estimator = LinearRegression().fit(X, X @ [1.0, 10.0, 100.0])
    kernel = make_kernel(estimator, X, task="regression", feature_names=["c", "a", "b"])
    frame = pd.DataFrame(X, columns=["c", "a", "b"])[["a", "b", "c"]]
    np.testing.assert_allclose(
        column(kernel(batch_of(frame)), "prediction"), estimator.predict(X), rtol=1e-12
    )


@pytest.mark.parametrize("container", ["frame", "array"])
def test_no_warning(container: str, make_kernel: MakeKernel) -> None:
    X = mixed()[["amount", "visits"]]
    estimator = make_pipeline(StandardScaler(), LogisticRegression())
    estimator.fit(X if container == "frame" else X.to_numpy(), X.visits > 4)
    kernel = make_kernel(estimator, X, task="classification")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        kernel(batch_of(X))
        # nor is there one to silence: names are given to those who know them, and only to those
        checked = check_batch(kernel.signature, batch_of(X), frozenset())
        estimator.predict(estimator_input(kernel.signature, checked.columns))


def test_float32_is_what_the_estimator_sees(make_kernel: MakeKernel) -> None:
    X = mixed()[["amount"]].astype(np.float32)
    estimator = DecisionTreeClassifier().fit(X, X.amount > 50)
    kernel = make_kernel(estimator, X, task="classification")
    edge = float(estimator.tree_.threshold[0])
    near = pd.DataFrame({"amount": [np.nextafter(edge, 0), edge, np.nextafter(edge, 100), edge + 1e-3]})
    expected = estimator.predict(near.astype(np.float32)).tolist()
    assert column(kernel(batch_of(near)), "prediction") == expected


def test_array_of_float32(make_kernel: MakeKernel) -> None:
    X = mixed()[["amount", "visits"]].to_numpy(dtype=np.float32)
    estimator = LinearRegression().fit(X, X[:, 0])
    kernel = make_kernel(estimator, X, task="regression", feature_names=["amount", "visits"])
    assert kernel.signature.array_dtype == "float32"
    scored = kernel(batch_of(pd.DataFrame(X.astype(float), columns=["amount", "visits"])))
    np.testing.assert_allclose(column(scored, "prediction"), estimator.predict(X), rtol=1e-6)


@pytest.mark.parametrize("categories", [["a", "b", "c"], [1, 5, 7]], ids=["texts", "numbers"])
def test_category_dtype(categories: list[Any], make_kernel: MakeKernel) -> None:
    random = np.random.default_rng(0)
    kind = pd.CategoricalDtype(categories)
    X = pd.DataFrame(
        {"kind": pd.Series(random.choice(categories, ROWS), dtype=kind), "x": random.random(ROWS)}
    )
    y = (X.kind == categories[1]) ^ (X.x > 0.9)
    estimator = HistGradientBoostingClassifier(categorical_features="from_dtype", max_iter=20).fit(X, y)
    kernel = make_kernel(estimator, X, task="classification")
    plain = pd.DataFrame({"x": X.x, "kind": X.kind.astype(object)})
    scored = kernel(pa.RecordBatch.from_pandas(plain, preserve_index=False))
    np.testing.assert_allclose(column(scored, "score"), estimator.predict_proba(X)[:, 1], rtol=1e-12)
    missing = plain.iloc[:6].assign(kind=[None, *plain.kind[1:6]])
    asked = missing.assign(kind=missing.kind.astype(kind))[["kind", "x"]]
    scored = kernel(pa.RecordBatch.from_pandas(missing, preserve_index=False))
    np.testing.assert_allclose(column(scored, "score"), estimator.predict_proba(asked)[:, 1], rtol=1e-12)


def test_booleans_and_integers_keep_their_types(make_kernel: MakeKernel) -> None:
    random = np.random.default_rng(0)
    X = pd.DataFrame({"new": random.random(ROWS) < 0.5, "visits": random.integers(0, 50, ROWS)})
    numbers = make_column_selector(dtype_include="int64")
    flags = make_column_selector(dtype_include="bool")
    columns = make_column_transformer((StandardScaler(), numbers), ("passthrough", flags))
    estimator = make_pipeline(columns, LogisticRegression()).fit(X, X.visits + 20 * X.new > 30)
    kernel = make_kernel(estimator, X, task="classification")
    assert [feature.type for feature in kernel.signature.features] == ["boolean", "integer"]
    assert column(kernel(batch_of(X)), "prediction") == estimator.predict(X).tolist()


def hour_and_day(frame: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({"hour": frame["at"].dt.hour, "day": frame["at"].dt.day_of_week})


@pytest.mark.parametrize("zone", [None, "UTC", "Europe/Zurich"])
def test_timestamps(zone: str | None, make_kernel: MakeKernel) -> None:
    X = pd.DataFrame({"at": pd.date_range("2025-01-01", periods=ROWS, freq="7h", tz=zone)})
    estimator = make_pipeline(FunctionTransformer(hour_and_day), RandomForestRegressor(3, random_state=0))
    estimator.fit(X, np.arange(ROWS))
    kernel = make_kernel(estimator, X, task="regression")
    assert kernel.signature.features[0].type == "timestamp"
    assert column(kernel(batch_of(X)), "prediction") == estimator.predict(X).tolist()


def test_dates_serve_as_timestamps(make_kernel: MakeKernel) -> None:
    X = pd.DataFrame({"at": pd.date_range("2025-01-01", periods=40, freq="D")})
    estimator = make_pipeline(FunctionTransformer(hour_and_day), LinearRegression()).fit(X, np.arange(40))
    kernel = make_kernel(estimator, X, task="regression")
    batch = pa.RecordBatch.from_pydict({"at": pa.array([dt.date(2025, 1, 3)])})
    assert column(kernel(batch), "prediction") == estimator.predict(X.iloc[2:3]).tolist()


FORMS: dict[str, tuple[str, pa.DataType]] = {
    "float32 for double": ("amount", pa.float32()),
    "int32 for double": ("amount", pa.int32()),
    "decimal for double": ("amount", pa.decimal128(12, 2)),
    "int8 for integer": ("visits", pa.int8()),
    "uint64 for integer": ("visits", pa.uint64()),
    "double for integer": ("visits", pa.float64()),
    "decimal for integer": ("visits", pa.decimal128(38, 0)),
    "dictionary for string": ("plan", pa.dictionary(pa.uint8(), pa.string())),
    "large string for string": ("plan", pa.large_string()),
    "string view for string": ("plan", pa.string_view()),
}


@pytest.mark.parametrize(("name", "arrow_type"), FORMS.values(), ids=FORMS)
def test_other_types_that_hold_the_same(name: str, arrow_type: pa.DataType, make_kernel: MakeKernel) -> None:
    X = mixed().assign(amount=lambda frame: frame.amount.round())
    estimator = by_name().fit(X, target(X))
    kernel = make_kernel(estimator, X, task="classification")
    batch = batch_of(X)
    place = batch.schema.get_field_index(name)
    array = batch.column(name)
    array = array.dictionary_encode().cast(arrow_type) if "dictionary" in str(arrow_type) else array
    other = batch.set_column(place, name, array.cast(arrow_type))
    check_types(kernel.signature, other.schema, "test")
    assert kernel(other) == kernel(batch)


def test_dictionary_with_nulls_and_more_entries_than_rows(make_kernel: MakeKernel) -> None:
    X = mixed()
    estimator = by_name().fit(X, target(X))
    kernel = make_kernel(estimator, X, task="classification")
    plans = pa.DictionaryArray.from_arrays(
        pa.array([3, None, 0, 2], pa.int8()), pa.array(["free", "gone", "ZZ", "paid"])
    )
    columns = {"plan": plans, "amount": [1.0, 2.0, 3.0, 4.0], "visits": [1, 2, 3, 4]}
    scored = kernel(pa.RecordBatch.from_pydict(columns))
    reasons = [None, "null:plan", None, "unseen_category:plan=ZZ"]
    assert column(scored, "reject_reason") == reasons
    assert column(scored, "prediction")[1::2] == [None, None]


def test_decimals_beyond_double_precision_are_rounded(make_kernel: MakeKernel) -> None:
    X = mixed()[["amount"]]
    kernel = make_kernel(LinearRegression().fit(X, X.amount), X, task="regression")
    exact = decimal.Decimal("12345678901234567890.123456789")
    batch = pa.RecordBatch.from_pydict({"amount": pa.array([exact], pa.decimal128(38, 9))})
    assert column(kernel(batch), "prediction")[0] == pytest.approx(float(exact), rel=1e-9)


def test_nullable_integers(make_kernel: MakeKernel) -> None:
    X = pd.DataFrame({"visits": pd.array([1, 2, None, 4] * 20, dtype="Int64"), "x": np.arange(80.0)})
    estimator = HistGradientBoostingClassifier(max_iter=5, min_samples_leaf=2)
    estimator.fit(X, np.arange(80) % 4 == 3)
    kernel = make_kernel(estimator, X, task="classification")
    batch = pa.RecordBatch.from_pandas(X, preserve_index=False)
    assert batch.schema.field("visits").type == pa.int64()
    assert column(kernel(batch), "prediction") == estimator.predict(X).tolist()


def test_whole_numbers_above_what_a_double_holds(make_kernel: MakeKernel) -> None:
    big = 2**53 + 1
    X = pd.DataFrame({"id": [1, 2, big, big + 2] * 10})
    columns = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), ["id"]))
    estimator = make_pipeline(columns, LinearRegression()).fit(X, np.tile([1.0, 2.0, 3.0, 4.0], 10))
    kernel = make_kernel(estimator, X, task="regression")
    for form in (pa.int64(), pa.uint64(), pa.decimal128(38, 0)):
        batch = pa.RecordBatch.from_arrays([pa.array([big, big + 2]).cast(form)], names=["id"])
        np.testing.assert_allclose(column(kernel(batch), "prediction"), [3.0, 4.0], rtol=1e-9)


def test_empty_batch(make_kernel: MakeKernel) -> None:
    X = mixed()
    kernel = make_kernel(by_name().fit(X, target(X)), X, task="classification")
    scored = kernel(batch_of(X).slice(0, 0))
    assert scored.num_rows == 0 and scored.schema == kernel.schema


def test_one_row(make_kernel: MakeKernel) -> None:
    X = mixed()
    kernel = make_kernel(by_name().fit(X, target(X)), X, task="classification")
    whole = kernel(batch_of(X))
    one = kernel(batch_of(X).slice(17, 1))
    assert one == whole.slice(17, 1)


def test_all_rows_rejected(make_kernel: MakeKernel) -> None:
    X = mixed()
    kernel = make_kernel(by_name().fit(X, target(X)), X, task="classification")
    scored = kernel(batch_of(X.assign(plan="ZZ")))
    assert scored.schema == kernel.schema
    assert column(scored, "reject_reason") == ["unseen_category:plan=ZZ"] * ROWS
    assert column(scored, "prediction") == column(scored, "score") == [None] * ROWS


def test_columns_selected_by_a_mask(make_kernel: MakeKernel) -> None:
    X = mixed()[["amount", "plan"]].assign(shop=["north", "south"] * (ROWS // 2))
    columns = make_column_transformer((OneHotEncoder(), [False, True, True]), remainder="passthrough")
    estimator = make_pipeline(columns, LogisticRegression(max_iter=500)).fit(X, X.amount > 50)
    kernel = make_kernel(estimator, X, task="classification")
    known = {feature.name: feature.categories for feature in kernel.signature.features}
    assert known == {"amount": None, "plan": ("free", "paid"), "shop": ("north", "south")}
    assert column(kernel(batch_of(X)), "prediction") == estimator.predict(X).tolist()


def test_array_of_texts(make_kernel: MakeKernel) -> None:
    X = mixed()[["plan"]]
    estimator = make_pipeline(OneHotEncoder(), LogisticRegression()).fit(X.to_numpy(), target(mixed()))
    kernel = make_kernel(estimator, X, task="classification")
    assert column(kernel(batch_of(X)), "prediction") == estimator.predict(X.to_numpy()).tolist()


def test_features_are_found_but_for_case(make_kernel: MakeKernel) -> None:
    X = mixed()
    signature = make_kernel(by_name().fit(X, target(X)), X, task="classification").signature
    found = match_columns(signature, ["PLAN", "Amount", "visits", "other"], "test")
    assert found == {"plan": "PLAN", "amount": "Amount", "visits": "visits"}


def test_missing_features_are_named_all_at_once(make_kernel: MakeKernel) -> None:
    X = mixed()
    signature = make_kernel(by_name().fit(X, target(X)), X, task="classification").signature
    with pytest.raises(ScorehouseError) as error:
        match_columns(signature, ["amuont", "Visit", "kind"], "test")
    assert "lacks 3 of 3 features: 'amount' (near: 'amuont'), 'visits' (near: 'Visit'), 'plan'" in str(
        error.value
    )


MISFITS = {
    "text for double": ("amount", pa.string(), "'amount' is string where double was trained"),
    "boolean for integer": ("visits", pa.bool_(), "'visits' is bool where integer was trained"),
    "number for string": ("plan", pa.int64(), "'plan' is int64 where string was trained"),
    "timestamp for double": ("amount", pa.timestamp("us"), "'amount' is timestamp[us] where double"),
}


@pytest.mark.parametrize(("name", "arrow_type", "message"), MISFITS.values(), ids=MISFITS)
def test_types_that_do_not_fit(
    name: str, arrow_type: pa.DataType, message: str, make_kernel: MakeKernel
) -> None:
    X = mixed()
    signature = make_kernel(by_name().fit(X, target(X)), X, task="classification").signature
    fields = {"amount": pa.float64(), "visits": pa.int64(), "plan": pa.string(), name: arrow_type}
    with pytest.raises(ScorehouseError) as error:
        check_types(signature, pa.schema(fields), "test")
    assert message in str(error.value) and "cast these columns" in str(error.value)
