"""Several quantiles as one estimator: sorted in each row, in every backend, and refused in words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.ensemble import GradientBoostingRegressor, HistGradientBoostingRegressor
from sklearn.linear_model import QuantileRegressor
from sklearn.metrics import mean_pinball_loss

from project import DbtProject, MakeKernel
from scorehouse import MultiQuantileRegressor
from scorehouse.errors import ConfigurationError
from scorehouse.kernel.training_batch import training_batch
from scorehouse.program.choose import ProgramFiles, choose_backend
from scorehouse.program.proof import kernel_rows
from scorehouse.program.sql.in_duckdb import duckdb_rows
from scorehouse.registration.check_project import check_project
from scorehouse.registry.policy import LoadPolicy
from scorehouse.registry.version import NO_BACKENDS

LEVELS = (0.025, 0.4, 0.5, 0.6)
COLUMNS = ["prediction_p02_5", "prediction_p40", "prediction_p50", "prediction_p60"]
DRAW = np.random.default_rng(4)
X = pd.DataFrame(DRAW.normal(size=(300, 3)), columns=["price", "lag", "season"])
Y = X.price + DRAW.normal(size=300) * (1 + X.lag.abs())
UNSEEN = pd.DataFrame(np.random.default_rng(5).normal(size=(500, 3)) * 2, columns=X.columns)
CASES: dict[str, tuple[Any, str, set[str]]] = {
    "histograms": (
        HistGradientBoostingRegressor(loss="quantile", max_iter=30, min_samples_leaf=3), "quantile",
        {"sql", "native"},
    ),
    "boosting": (GradientBoostingRegressor(loss="quantile", n_estimators=20), "alpha", {"sql", "native"}),
    "linear": (QuantileRegressor(alpha=0.0), "quantile", {"sql", "matrix"}),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_quantiles_never_cross_in_any_backend(case: str, tmp_path: Path, make_kernel: MakeKernel) -> None:
    estimator, parameter, backends = CASES[case]
    bundle = MultiQuantileRegressor(estimator, LEVELS, parameter).fit(X, Y)
    kernel = make_kernel(bundle, X, task="multioutput_regression")
    assert list(kernel.version.outputs.values()) == ["p02.5", "p40", "p50", "p60"]
    assert set(kernel.version.program) - {*NO_BACKENDS} == backends
    alone = np.column_stack([one.predict(UNSEEN) for one in bundle.estimators_])
    crossing = (np.diff(alone, axis=1) < 0).any(axis=1)
    assert crossing.sum() > 5  # so that sorting has something to do
    rows = pa.Table.from_batches([training_batch(UNSEEN, "test")])
    for name in (*backends, "estimator"):
        backend = choose_backend(kernel, name, 500, ProgramFiles(tmp_path, LoadPolicy()))
        scored = (
            duckdb_rows(backend.compiled, rows) if backend.compiled else kernel_rows(backend.kernel, rows)
        )
        found = np.column_stack([scored[column].to_numpy() for column in COLUMNS])
        assert (np.diff(found, axis=1) >= 0).all()
        np.testing.assert_allclose(found, np.sort(alone, axis=1), rtol=1e-9, atol=1e-9)


@pytest.mark.slow
def test_sorting_does_not_make_the_loss_worse() -> None:
    estimator = HistGradientBoostingRegressor(loss="quantile", max_iter=30, min_samples_leaf=3)
    bundle = MultiQuantileRegressor(estimator, LEVELS).fit(X, Y)
    truth = UNSEEN.price + np.random.default_rng(6).normal(size=500) * (1 + UNSEEN.lag.abs())
    alone = np.column_stack([one.predict(UNSEEN) for one in bundle.estimators_])
    losses = [
        sum(mean_pinball_loss(truth, found[:, i], alpha=level) for i, level in enumerate(LEVELS))
        for found in (bundle.predict(UNSEEN), alone)
    ]
    assert losses[0] < losses[1]


@pytest.mark.parametrize(
    ("quantiles", "parameter", "problem"),
    [
        ((0.5,), "quantile", r"quantiles is \(0.5,\)"),
        ((0.9, 0.1), "quantile", "in increasing order"),
        ((0.1, 0.1), "quantile", "in increasing order"),
        ((0.0, 0.5), "quantile", "between 0 and 1"),
        ((0.1, 0.9), "alpha", "parameter is 'alpha', which HistGradientBoostingRegressor does not have"),
    ],
)
def test_what_is_no_bundle_is_refused_in_words(quantiles: Any, parameter: str, problem: str) -> None:
    estimator = HistGradientBoostingRegressor(loss="quantile")
    with pytest.raises(ConfigurationError, match=problem):
        MultiQuantileRegressor(estimator, quantiles, parameter).fit(X, Y)


@pytest.mark.heavy
def test_a_bundle_is_read_where_pickles_are_refused(tmp_path: Path) -> None:
    pytest.importorskip("skops", reason="the extra `skops` is not installed")
    policy = {"scorehouse_load_policy": {"formats": ["skops"], "pickle": "refuse"}}
    project = DbtProject(tmp_path / "house", variables=policy)
    bundle = MultiQuantileRegressor(QuantileRegressor(alpha=0.0), LEVELS).fit(X, Y)
    version = project.register(bundle, "range", X, task="multioutput_regression", format="skops")
    assert (version.artifact_format, list(version.outputs)) == ("skops", COLUMNS)
    assert [item.faults for item in check_project(project.folder)] == [()]
