"""The kernel scores training rows as the estimator does on the frame as given, or registration refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder
from sklearn.tree import DecisionTreeClassifier

from project import MakeKernel
from scorehouse import ScorehouseError, register
from scorehouse.kernel.scorer import Kernel

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
    found = scored(make_kernel(estimator, X, y, task="classification", forms=False))
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
