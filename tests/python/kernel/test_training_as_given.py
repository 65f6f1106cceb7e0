"""The kernel scores training rows as the estimator does on the frame as given, or registration refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder
from sklearn.tree import DecisionTreeClassifier

from project import MakeKernel
from scorehouse import ScorehouseError, register
from scorehouse.kernel.scorer import Kernel

pytestmark = pytest.mark.slow

ROWS = 400
FEATURES = f"""
select
    case when i % 7 = 0 then null else i % 3 = 0 end as flag,
    case when i % 11 = 0 then null else (i % 5)::tinyint end as stars,
    (i % 6)::utinyint as shop,
    (i % 8)::decimal(9, 2) / 4 as price,
    sum(i) over (partition by i % 9) as total,
    date '2024-01-01' + (i % 4)::integer as day
from range({ROWS}) as numbers(i)
order by i
"""


def rows_of(way: str) -> pd.DataFrame:
    relation = duckdb.sql(FEATURES)
    return relation.df() if way == "df" else relation.to_arrow_table().to_pandas()


def scored(kernel: Kernel) -> pa.RecordBatch:
    reader = duckdb.sql(FEATURES).to_arrow_reader(ROWS)
    return kernel(reader.read_next_batch())


@pytest.mark.parametrize("way", ["df", "arrow"])
@pytest.mark.parametrize("column", ["flag", "stars", "shop", "price", "total", "day"])
def test_encoded_column_scores_as_trained(make_kernel: MakeKernel, column: str, way: str) -> None:
    """An encoder looks values up, so it tells apart what is merely written otherwise."""
    X = rows_of(way)[[column]]
    y = pd.factorize(X[column])[0] % 2 == 0
    estimator = make_pipeline(
        make_column_transformer((OneHotEncoder(handle_unknown="ignore"), [column])), LogisticRegression()
    ).fit(X, y)
    found = scored(make_kernel(estimator, X, y, task="classification", program=False))
    assert found.column("reject_reason").null_count == ROWS
    assert np.abs(found.column("score").to_numpy() - estimator.predict_proba(X)[:, 1]).max() < 1e-12


def test_missing_booleans_as_objects(make_kernel: MakeKernel) -> None:
    """NULL booleans are None among objects; as numbers, the encoder took True and False for unseen."""
    X = rows_of("arrow")[["flag", "shop"]]
    assert X["flag"].dtype == object
    estimator = make_pipeline(
        make_column_transformer(
            (OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), ["flag"]),
            remainder="passthrough",
        ),
        DecisionTreeClassifier(),
    ).fit(X, (X["flag"].isna()) | (X["shop"] > 3))
    found = scored(make_kernel(estimator, X, task="classification"))
    assert found.column("prediction").to_pylist() == estimator.predict(X).tolist()


class ByDtype(ClassifierMixin, BaseEstimator):
    """Reads what no feature table can hold: the dtype of a column."""

    def fit(self, X: Any, y: Any) -> ByDtype:
        self.feature_names_in_ = np.array(X.columns, dtype=object)
        self.classes_ = np.array([False, True])
        return self

    def predict(self, X: Any) -> np.ndarray:
        return np.asarray((X["small"].dtype == np.int8) & (X["other"] > 90))


def test_a_difference_is_refused_with_rows_and_columns(empty_project: Path) -> None:
    X = pd.DataFrame({"other": np.arange(100.0), "small": np.arange(100, dtype="int8")})
    with pytest.raises(ScorehouseError) as refused:
        register(ByDtype().fit(X, None), "odd", X, task="classification")
    text = str(refused.value)
    assert "9 of 100 training rows would not be scored as the estimator scores" in text
    assert "rows [91, 92, 93, 94, 95] and others; row 91: prediction False instead of prediction True" in text
    assert "reach the estimator in another form: 'small' (int8 became int64)" in text
    assert not (empty_project / "seeds").exists() and not (empty_project / "artifacts").exists()


CITIES = [("Ulm", "Bonn", "Kiel")[row % 3] for row in range(ROWS)]
TABLE = pa.table({"city": CITIES, "spend": [row * 7 % 50 / 2 for row in range(ROWS)]})
LABELS = pd.Series(["yes" if row % 3 == 0 or row * 7 % 50 > 30 else "no" for row in range(ROWS)])


class Stream:
    """What any library with Arrow data offers, such as a polars frame that has no `to_pandas`."""

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return TABLE.__arrow_c_stream__(requested_schema)


def in_chunks(rows: Any) -> Any:
    return pd.concat([rows[:150], rows[150:]])


def of_row_groups(folder: Path, **options: Any) -> pd.DataFrame:
    """As `pd.read_parquet` gives a file with several row groups."""
    coded = TABLE.append_column("code", TABLE.column("city").dictionary_encode())
    pq.write_table(coded, folder / "train.parquet", row_group_size=150)
    return pd.read_parquet(folder / "train.parquet", **options)


@pytest.mark.parametrize(
    "way",
    ["concat", "row groups", "pyarrow", "numpy_nullable", "object", "ordered", "table", "stream", "duckdb"],
)
def test_ordinary_training_data_is_registered(way: str, make_kernel: MakeKernel, tmp_path: Path) -> None:
    """Frames in chunks, in each backend of pandas, and tables of other libraries, with strings as labels."""
    frame, labels = TABLE.to_pandas(), LABELS
    X: Any = frame
    if way == "concat":
        X, labels = in_chunks(frame.astype({"city": "string[pyarrow]"})), in_chunks(LABELS)
    elif way == "row groups":
        X, labels = of_row_groups(tmp_path), LABELS.astype("string[pyarrow]")
    elif way in ("pyarrow", "numpy_nullable"):
        X, labels = of_row_groups(tmp_path, dtype_backend=way), LABELS.tolist()
    elif way == "object":
        X, labels = frame.astype({"city": object}), LABELS.to_numpy()
    elif way == "ordered":
        known = pd.CategoricalDtype(["Kiel", "Ulm", "Bonn", "unused"], ordered=True)
        X, labels = frame.astype({"city": known}), LABELS.astype(pd.CategoricalDtype(["yes", "no", "unused"]))
    elif way == "table":
        X, labels = pa.concat_tables([TABLE[:150], TABLE[150:]]), pa.chunked_array([CITIES[:9], CITIES[9:]])
    else:
        X = Stream() if way == "stream" else duckdb.from_arrow(TABLE)
    fitted_on = X if isinstance(X, pd.DataFrame) else frame
    coded = ["city", *(name for name in ("code",) if name in fitted_on)]
    estimator = make_pipeline(
        make_column_transformer((OneHotEncoder(handle_unknown="ignore"), coded), remainder="passthrough"),
        LogisticRegression(max_iter=1000),
    ).fit(fitted_on, labels)
    kernel = make_kernel(estimator, X, labels, task="classification", program=False)
    assert kernel.version.training_rows == ROWS
    assert set(kernel.version.classes) == set(labels if way != "table" else CITIES)


@pytest.mark.parametrize("dtype", ["Int64", "Float64", "boolean", "int64[pyarrow]", "double[pyarrow]"])
def test_nullable_numbers_in_chunks_are_registered(dtype: str, make_kernel: MakeKernel) -> None:
    values = [None if row % 9 == 0 else row % 2 for row in range(ROWS)]
    X = in_chunks(pd.DataFrame({"amount": pd.array(values, dtype=dtype)}))
    X["spend"] = np.arange(ROWS) % 50 / 2
    estimator = HistGradientBoostingClassifier(max_iter=3).fit(X, LABELS)
    assert make_kernel(estimator, X, LABELS, task="classification", program=False).version.classes == (
        "no",
        "yes",
    )


class Moody(LogisticRegression):  # type: ignore[misc]
    """It says something else each time, whatever form its columns have."""

    def predict_proba(self, X: pd.DataFrame) -> np.ndarray:
        chance = np.random.default_rng().uniform(size=len(X))
        return np.column_stack([1 - chance, chance])


def test_an_estimator_that_is_not_deterministic_is_named_so(make_kernel: MakeKernel) -> None:
    """The column of int8 is in another form too, and not the cause."""
    X = pd.DataFrame({"a": (np.arange(ROWS) % 9).astype(np.int8), "b": np.arange(ROWS) % 7})
    with pytest.raises(ScorehouseError, match="Moody is not deterministic: asked twice for the same 400"):
        make_kernel(Moody().fit(X, X.b > 3), X, X.b > 3, task="classification", program=False)
