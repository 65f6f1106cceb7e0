"""Columns of a feature table: types that hold what was trained, types that do not, missing names."""

from __future__ import annotations

import datetime as dt
import decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestRegressor
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder

from mixed_types import ROWS, column, mixed_columns, pipeline_by_name, target_of
from project import MakeKernel, batch_of
from scorehouse import ScorehouseError
from scorehouse.kernel.frames import to_numpy
from scorehouse.kernel.rows import check_batch, in_unit
from scorehouse.registry.signature import Feature, Signature, check_types, match_columns


def hour_and_day(frame: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({"hour": frame["at"].dt.hour, "day": frame["at"].dt.day_of_week})


@pytest.mark.slow
@pytest.mark.parametrize("zone", [None, "UTC", "Europe/Zurich"])
def test_timestamps(zone: str | None, make_kernel: MakeKernel) -> None:
    X = pd.DataFrame({"at": pd.date_range("2025-01-01", periods=ROWS, freq="7h", tz=zone)})
    estimator = make_pipeline(FunctionTransformer(hour_and_day), RandomForestRegressor(3, random_state=0))
    estimator.fit(X, np.arange(ROWS))
    kernel = make_kernel(estimator, X, task="regression")
    assert kernel.signature.features[0].type == "timestamp"
    assert column(kernel(batch_of(X)), "prediction") == estimator.predict(X).tolist()


@pytest.mark.slow
def test_dates_serve_as_timestamps(make_kernel: MakeKernel) -> None:
    X = pd.DataFrame({"at": pd.date_range("2025-01-01", periods=40, freq="D")})
    estimator = make_pipeline(FunctionTransformer(hour_and_day), LinearRegression()).fit(X, np.arange(40))
    kernel = make_kernel(estimator, X, task="regression")
    batch = pa.RecordBatch.from_pydict({"at": pa.array([dt.date(2025, 1, 3)])})
    assert column(kernel(batch), "prediction") == estimator.predict(X.iloc[2:3]).tolist()


POWERS = {"s": 0, "ms": 3, "us": 6, "ns": 9}  # of ten, by which a second has as many


@pytest.mark.parametrize("given", POWERS)
@pytest.mark.parametrize("wanted", POWERS)
def test_what_is_finer_than_a_unit_is_cut_off_towards_the_past(given: str, wanted: str) -> None:
    ticks = [0, 1, -1, 1_500_000_007, -1_500_000_007, -1_000_000_000]
    power = POWERS[wanted] - POWERS[given]
    expected = [tick * 10**power if power > 0 else tick // 10**-power for tick in ticks]
    found = in_unit(pa.array(ticks, pa.timestamp(given)), wanted)
    assert found.type == pa.timestamp(wanted)
    assert found.view(pa.int64()).to_pylist() == expected


COARSER = [(one, other) for one in POWERS for other in POWERS if POWERS[one] <= POWERS[other]]


@pytest.mark.parametrize(("given", "wanted"), [*(("date", unit) for unit in POWERS), *COARSER])
def test_infinity_and_times_that_the_unit_cannot_hold_are_out_of_type(given: str, wanted: str) -> None:
    largest = 2 ** (31 if given == "date" else 63) - 1  # which is how DuckDB holds infinity
    rate = 86_400 * 10 ** POWERS[wanted] if given == "date" else 10 ** (POWERS[wanted] - POWERS[given])
    last = min(largest - 1, (2**63 - 1) // rate)
    ticks = [0, last, -last, largest, -largest, last + 1, -last - 1]
    kind = pa.date32() if given == "date" else pa.timestamp(given)
    column = pa.array(ticks, pa.int32() if given == "date" else pa.int64()).view(kind)
    signature = Signature((Feature("at", "timestamp", f"datetime64[{wanted}]"),), "frame")
    checked = check_batch(signature, pa.RecordBatch.from_arrays([column], names=["at"]), frozenset())
    assert checked.reasons is not None
    assert checked.reasons.to_pylist() == [None] * 3 + ["out_of_type:at"] * 4
    assert checked.accepted[0].view(pa.int64()).to_pylist() == [tick * rate for tick in ticks[:3]]


@pytest.mark.parametrize(
    ("values", "dtype"),
    [([-128, 127, None], "Int8"), ([128, None], "Int64"), ([-129, 0], "Int64"), ([None], "Int8")],
)
def test_integers_beyond_a_narrow_training_dtype_are_not_changed(
    values: list[int | None], dtype: str
) -> None:
    found = to_numpy(pa.array(values, pa.int64()), Feature("n", "integer", "Int8"))
    assert found.dtype == dtype
    assert [None if value is pd.NA else value for value in found] == values


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
    X = mixed_columns().assign(amount=lambda frame: frame.amount.round())
    estimator = pipeline_by_name().fit(X, target_of(X))
    kernel = make_kernel(estimator, X, task="classification")
    batch = batch_of(X)
    place = batch.schema.get_field_index(name)
    array = batch.column(name)
    array = array.dictionary_encode().cast(arrow_type) if "dictionary" in str(arrow_type) else array
    other = batch.set_column(place, name, array.cast(arrow_type))
    check_types(kernel.signature, other.schema, "test")
    assert kernel(other) == kernel(batch)


def test_dictionary_with_nulls_and_more_entries_than_rows(make_kernel: MakeKernel) -> None:
    X = mixed_columns()
    estimator = pipeline_by_name().fit(X, target_of(X))
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
    X = mixed_columns()[["amount"]]
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
    for arrow_type in (pa.int64(), pa.uint64(), pa.decimal128(38, 0)):
        batch = pa.RecordBatch.from_arrays([pa.array([big, big + 2]).cast(arrow_type)], names=["id"])
        np.testing.assert_allclose(column(kernel(batch), "prediction"), [3.0, 4.0], rtol=1e-9)


def test_features_are_found_but_for_case(make_kernel: MakeKernel) -> None:
    X = mixed_columns()
    signature = make_kernel(pipeline_by_name().fit(X, target_of(X)), X, task="classification").signature
    found = match_columns(signature, ["PLAN", "Amount", "visits", "other"], "test")
    assert found == {"plan": "PLAN", "amount": "Amount", "visits": "visits"}


def test_missing_features_are_named_all_at_once(make_kernel: MakeKernel) -> None:
    X = mixed_columns()
    signature = make_kernel(pipeline_by_name().fit(X, target_of(X)), X, task="classification").signature
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
    X = mixed_columns()
    signature = make_kernel(pipeline_by_name().fit(X, target_of(X)), X, task="classification").signature
    fields = {"amount": pa.float64(), "visits": pa.int64(), "plan": pa.string(), name: arrow_type}
    with pytest.raises(ScorehouseError) as error:
        check_types(signature, pa.schema(fields), "test")
    assert message in str(error.value) and "cast these columns" in str(error.value)
