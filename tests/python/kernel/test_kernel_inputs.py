"""What reaches the estimator is what it was fitted on: its columns, their names, their dtypes."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from mixed_types import ROWS, column, mixed_columns, pipeline_by_name, target_of
from project import MakeKernel, batch_of
from scorehouse.kernel.frames import estimator_input
from scorehouse.kernel.rows import check_batch


def test_column_transformer_by_name(make_kernel: MakeKernel) -> None:
    X = mixed_columns()
    estimator = pipeline_by_name().fit(X, target_of(X))
    unseen = mixed_columns(seed=1)
    scored = make_kernel(estimator, X, task="classification")(batch_of(unseen))
    assert column(scored, "prediction") == estimator.predict(unseen).tolist()
    np.testing.assert_allclose(column(scored, "score"), estimator.predict_proba(unseen)[:, 1], rtol=1e-12)


def test_column_order_and_further_columns_do_not_matter(make_kernel: MakeKernel) -> None:
    X = mixed_columns()
    kernel = make_kernel(pipeline_by_name().fit(X, target_of(X)), X, task="classification")
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
    X = mixed_columns()[["amount", "visits"]]
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
    X = mixed_columns()[["amount"]].astype(np.float32)
    estimator = DecisionTreeClassifier().fit(X, X.amount > 50)
    kernel = make_kernel(estimator, X, task="classification")
    edge = float(estimator.tree_.threshold[0])
    near = pd.DataFrame({"amount": [np.nextafter(edge, 0), edge, np.nextafter(edge, 100), edge + 1e-3]})
    expected = estimator.predict(near.astype(np.float32)).tolist()
    assert column(kernel(batch_of(near)), "prediction") == expected


def test_array_of_float32(make_kernel: MakeKernel) -> None:
    X = mixed_columns()[["amount", "visits"]].to_numpy(dtype=np.float32)
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


def test_empty_batch(make_kernel: MakeKernel) -> None:
    X = mixed_columns()
    kernel = make_kernel(pipeline_by_name().fit(X, target_of(X)), X, task="classification")
    scored = kernel(batch_of(X).slice(0, 0))
    assert scored.num_rows == 0 and scored.schema == kernel.schema


def test_one_row(make_kernel: MakeKernel) -> None:
    X = mixed_columns()
    kernel = make_kernel(pipeline_by_name().fit(X, target_of(X)), X, task="classification")
    whole = kernel(batch_of(X))
    one = kernel(batch_of(X).slice(17, 1))
    assert one == whole.slice(17, 1)


def test_all_rows_rejected(make_kernel: MakeKernel) -> None:
    X = mixed_columns()
    kernel = make_kernel(pipeline_by_name().fit(X, target_of(X)), X, task="classification")
    scored = kernel(batch_of(X.assign(plan="ZZ")))
    assert scored.schema == kernel.schema
    assert column(scored, "reject_reason") == ["unseen_category:plan=ZZ"] * ROWS
    assert column(scored, "prediction") == column(scored, "score") == [None] * ROWS


def test_columns_selected_by_a_mask(make_kernel: MakeKernel) -> None:
    X = mixed_columns()[["amount", "plan"]].assign(shop=["north", "south"] * (ROWS // 2))
    columns = make_column_transformer((OneHotEncoder(), [False, True, True]), remainder="passthrough")
    estimator = make_pipeline(columns, LogisticRegression(max_iter=500)).fit(X, X.amount > 50)
    kernel = make_kernel(estimator, X, task="classification")
    known = {feature.name: feature.categories for feature in kernel.signature.features}
    assert known == {"amount": None, "plan": ("free", "paid"), "shop": ("north", "south")}
    assert column(kernel(batch_of(X)), "prediction") == estimator.predict(X).tolist()


def test_array_of_texts(make_kernel: MakeKernel) -> None:
    rows = mixed_columns()
    X = rows[["plan"]]
    estimator = make_pipeline(OneHotEncoder(), LogisticRegression()).fit(X.to_numpy(), target_of(rows))
    kernel = make_kernel(estimator, X, task="classification")
    assert column(kernel(batch_of(X)), "prediction") == estimator.predict(X.to_numpy()).tolist()
