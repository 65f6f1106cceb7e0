"""A row's score is its own: it does not depend on the batch that the row came in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.cluster import KMeans
from sklearn.datasets import make_classification
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import scorehouse
from scorehouse.kernel.scorer import BLOCK_ROWS, Kernel
from scorehouse.registry.artifact import load
from scorehouse.registry.policy import LoadPolicy

ESTIMATORS: dict[str, tuple[Callable[[], Any], str]] = {
    "logistic": (lambda: make_pipeline(StandardScaler(), LogisticRegression()), "classification"),
    "pca": (lambda: make_pipeline(PCA(5), LogisticRegression()), "classification"),
    "perceptron": (lambda: MLPClassifier((20,), max_iter=40, random_state=0), "classification"),
    "boosting": (lambda: HistGradientBoostingClassifier(max_iter=20), "classification"),
    "ridge": (lambda: make_pipeline(StandardScaler(), Ridge()), "regression"),
    "kmeans": (lambda: KMeans(5, random_state=0, n_init=1), "clustering"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_scores_are_the_same_in_any_batch(name: str, tmp_path: Path) -> None:
    (tmp_path / "dbt_project.yml").touch()
    make, task = ESTIMATORS[name]
    values, labels = make_classification(4096, 13, n_informative=8, random_state=0)
    frame = pd.DataFrame(values, columns=[f"x{i}" for i in range(13)])
    estimator = make().fit(frame, labels)
    version = scorehouse.register(estimator, name, frame, labels, task=task, project_dir=tmp_path)
    loaded, signature, _ = load(tmp_path, version, LoadPolicy(), "test")
    kernel = Kernel(loaded, version, signature, strict=frozenset(), call="test")

    rows = pa.RecordBatch.from_pandas(frame, preserve_index=False)
    whole = kernel(rows).to_pandas()
    random = np.random.default_rng(1)
    for _ in range(25):
        chosen = random.permutation(len(frame))[: random.integers(1, 2000)]
        part = kernel(rows.take(pa.array(chosen))).to_pandas()
        pd.testing.assert_frame_equal(part, whole.iloc[chosen].reset_index(drop=True), check_exact=True)

    assert len(frame) % BLOCK_ROWS == 0
    predicted = estimator.predict(frame)
    np.testing.assert_array_equal(whole["prediction"].to_numpy(), predicted)
