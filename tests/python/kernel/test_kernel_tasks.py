"""The kernel against scikit-learn's own answers: numbers, segments, relevance and anomalies."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.base import clone
from sklearn.cluster import DBSCAN, Birch, BisectingKMeans, KMeans, MeanShift, MiniBatchKMeans
from sklearn.covariance import EllipticEnvelope
from sklearn.ensemble import GradientBoostingRegressor, HistGradientBoostingRegressor, IsolationForest
from sklearn.linear_model import LinearRegression, LogisticRegression, PoissonRegressor
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import LocalOutlierFactor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import OneClassSVM

from project import MakeKernel, batch_of
from scorehouse import ScorehouseError

ROWS = 300


def numbers(seed: int = 0, rows: int = ROWS) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    return pd.DataFrame(
        random.normal(size=(rows, 2)) + random.integers(0, 3, (rows, 1)) * 5, columns=["a", "b"]
    )


def column(batch: pa.RecordBatch, name: str) -> np.ndarray:
    assert batch.column(name).null_count == 0
    return batch.column(name).to_numpy()


def label(estimator: Any) -> str:
    return type(estimator).__name__


@pytest.mark.parametrize(
    "estimator",
    [
        LinearRegression(),
        PoissonRegressor(),
        GradientBoostingRegressor(n_estimators=10),
        HistGradientBoostingRegressor(max_iter=10),
        make_pipeline(StandardScaler(), LinearRegression()),
    ],
    ids=label,
)
def test_regression(estimator: Any, make_kernel: MakeKernel) -> None:
    X = numbers()
    estimator.fit(X, np.abs(X.a) + 1)
    unseen = numbers(seed=1)
    scored = make_kernel(estimator, X, task="regression")(batch_of(unseen))
    assert scored.schema.names == ["prediction", "reject_reason"]
    np.testing.assert_allclose(column(scored, "prediction"), estimator.predict(unseen), rtol=1e-12)


def test_regression_of_a_column_vector(make_kernel: MakeKernel) -> None:
    X = numbers()
    estimator = LinearRegression().fit(X, X[["a"]])
    scored = make_kernel(estimator, X, task="regression")(batch_of(X))
    np.testing.assert_allclose(column(scored, "prediction"), estimator.predict(X)[:, 0], rtol=1e-12)


def test_regression_of_several_outputs_is_refused(make_kernel: MakeKernel) -> None:
    X = numbers()
    with pytest.raises(ScorehouseError, match="2 outputs per row"):
        make_kernel(LinearRegression().fit(X, X), X, task="regression")


@pytest.mark.parametrize(
    "estimator",
    [
        KMeans(4, n_init=2, random_state=0),
        MiniBatchKMeans(4, n_init=2, random_state=0),
        BisectingKMeans(5, random_state=0),
        KMeans(1),
        make_pipeline(StandardScaler(), KMeans(3, n_init=2, random_state=0)),
        make_pipeline(StandardScaler(), StandardScaler(), KMeans(3, n_init=2, random_state=0)),
    ],
    ids=label,
)
def test_clustering_with_centres(estimator: Any, make_kernel: MakeKernel) -> None:
    X = numbers()
    estimator.fit(X)
    unseen = numbers(seed=1)
    scored = make_kernel(estimator, X, task="clustering")(batch_of(unseen))
    assert scored.schema.names == ["prediction", "distance", "reject_reason"]
    segments = estimator.predict(unseen)
    np.testing.assert_array_equal(column(scored, "prediction"), segments)
    expected = estimator.transform(unseen)[np.arange(ROWS), segments]
    np.testing.assert_allclose(column(scored, "distance"), expected, rtol=1e-9)


def test_rows_halfway_between_two_centres(make_kernel: MakeKernel) -> None:
    X = pd.DataFrame({"a": [0.0, 0.2, 100.0, 100.2], "b": [0.1, 0.3, 0.1, 0.3]})
    estimator = KMeans(2, n_init=1, random_state=0).fit(X)
    middle = estimator.cluster_centers_.mean(axis=0)
    halfway = pd.DataFrame({"a": np.full(500, middle[0]), "b": np.linspace(-40, 40, 500)})
    scored = make_kernel(estimator, X, task="clustering")(batch_of(halfway))
    np.testing.assert_array_equal(column(scored, "prediction"), estimator.predict(halfway))


@pytest.mark.parametrize(
    "estimator",
    [
        GaussianMixture(3, random_state=0),
        Birch(n_clusters=3),
        MeanShift(),
        make_pipeline(StandardScaler(), GaussianMixture(2, random_state=0)),
    ],
    ids=label,
)
def test_clustering_without_distances(estimator: Any, make_kernel: MakeKernel) -> None:
    X = numbers()
    estimator.fit(X)
    unseen = numbers(seed=1)
    scored = make_kernel(estimator, X, task="clustering")(batch_of(unseen))
    assert scored.schema.names == ["prediction", "reject_reason"]
    np.testing.assert_array_equal(column(scored, "prediction"), estimator.predict(unseen))


def test_clustering_that_cannot_predict_is_refused(make_kernel: MakeKernel) -> None:
    X = numbers()
    with pytest.raises(ScorehouseError, match="DBSCAN has no method 'predict'"):
        make_kernel(DBSCAN().fit(X), X, task="clustering")


@pytest.mark.parametrize(
    "estimator", [LogisticRegression(), HistGradientBoostingRegressor(max_iter=9)], ids=label
)
def test_ranking(estimator: Any, make_kernel: MakeKernel) -> None:
    X = numbers()
    estimator.fit(X, (X.a > 5).astype(int))
    unseen = numbers(seed=1)
    scored = make_kernel(estimator, X, task="ranking")(batch_of(unseen))
    assert scored.schema.names == ["score", "reject_reason"]
    answers = (
        estimator.predict_proba(unseen)[:, 1] if hasattr(estimator, "classes_") else estimator.predict(unseen)
    )
    np.testing.assert_allclose(column(scored, "score"), answers, rtol=1e-12)


@pytest.mark.parametrize(
    "estimator",
    [
        IsolationForest(n_estimators=20, random_state=0),
        IsolationForest(n_estimators=20, contamination=0.1, random_state=0),
        OneClassSVM(nu=0.1),
        LocalOutlierFactor(novelty=True),
        EllipticEnvelope(random_state=0),
        make_pipeline(StandardScaler(), OneClassSVM(nu=0.1)),
    ],
    ids=label,
)
@pytest.mark.parametrize("container", ["frame", "array"])
def test_anomaly(estimator: Any, container: str, make_kernel: MakeKernel) -> None:
    X = numbers()
    estimator = clone(estimator).fit(X if container == "frame" else X.to_numpy())
    unseen = numbers(seed=1)
    scored = make_kernel(estimator, X, task="anomaly")(batch_of(unseen))
    assert scored.schema.names == ["prediction", "score", "reject_reason"]
    asked = unseen if container == "frame" else unseen.to_numpy()
    np.testing.assert_array_equal(column(scored, "prediction"), estimator.predict(asked))
    np.testing.assert_allclose(
        column(scored, "score"), estimator.decision_function(asked), rtol=1e-9, atol=1e-12
    )
