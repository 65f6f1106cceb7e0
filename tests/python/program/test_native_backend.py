"""Native backends of scikit-learn's trees: the estimator's own answers, to the last bit."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder
from sklearn.tree import (
    DecisionTreeClassifier,
    DecisionTreeRegressor,
    ExtraTreeClassifier,
    ExtraTreeRegressor,
)

from native_backend import NativeBackend
from native_rows import ROWS, assert_equal, features, target
from project import MakeKernel
from proved import native_proof, trees_of

pytestmark = pytest.mark.slow

GATED = (
    "stump",
    "one tree",
    "boosting",
    "hist",
    "hist poisson",
)  # the gate takes time
LABELS = np.array(["high", "low", "mid", "none"])


def hard(frame: pd.DataFrame, estimator: Any, rng: np.random.Generator, *, missing: bool) -> pd.DataFrame:
    """Values beside those of training by a step of a float32 or of a double, and extremes."""
    values = frame.to_numpy()[rng.integers(0, ROWS, 4 * ROWS)]
    single = np.nextafter(values.astype(np.float32), rng.choice([-np.inf, np.inf], values.shape).astype("f4"))
    double = np.nextafter(values, rng.choice([-np.inf, np.inf], values.shape))
    extremes = rng.choice([0.0, -0.0, 5e-324, -1e-46, 3.4e38, -3.4e38, 1e-35], values.shape)
    if isinstance(estimator, (HistGradientBoostingClassifier, HistGradientBoostingRegressor)):
        extremes = rng.choice([np.inf, -np.inf, 1e300, -1e300, 0.0], values.shape)
    if missing:
        extremes = np.where(rng.random(values.shape) < 0.3, np.nan, extremes)
    which = rng.integers(0, 8, values.shape)
    return pd.DataFrame(
        np.select([which == 0, which == 1, which == 2], [single, double, extremes], values),
        columns=frame.columns,
    )


def _classifiers() -> dict[str, Callable[[], Any]]:
    seed = {"random_state": 0}
    made: dict[str, Callable[[], Any]] = {
        "tree": lambda: DecisionTreeClassifier(**seed),
        "stump": lambda: DecisionTreeClassifier(max_depth=1, **seed),
        "extra tree": lambda: ExtraTreeClassifier(max_depth=7, **seed),
        "forest": lambda: RandomForestClassifier(30, **seed),
        "shallow forest": lambda: RandomForestClassifier(150, max_depth=4, **seed),
        "best first forest": lambda: RandomForestClassifier(10, max_leaf_nodes=40, **seed),
        "one tree": lambda: RandomForestClassifier(1, **seed),
        "extra trees": lambda: ExtraTreesClassifier(20, max_depth=9, **seed),
        "hist": lambda: HistGradientBoostingClassifier(max_iter=30, **seed),
        "hist of wide trees": lambda: HistGradientBoostingClassifier(
            max_iter=3, max_leaf_nodes=200, min_samples_leaf=1
        ),
    }
    return made


def _complete() -> dict[str, Callable[[], Any]]:
    small = {"n_estimators": 15, "random_state": 0}
    return {
        "boosting": lambda: GradientBoostingClassifier(**small),
        "boosting from zero": lambda: GradientBoostingClassifier(init="zero", **small),
        "deep boosting": lambda: GradientBoostingClassifier(max_depth=8, **small),
    }


def _regressors() -> dict[str, Callable[[], Any]]:
    seed = {"random_state": 0}
    return {
        "tree": lambda: DecisionTreeRegressor(**seed),
        "extra tree": lambda: ExtraTreeRegressor(**seed),
        "forest": lambda: RandomForestRegressor(20, **seed),
        "extra trees": lambda: ExtraTreesRegressor(20, max_depth=6, **seed),
        "hist": lambda: HistGradientBoostingRegressor(max_iter=20),
        "hist poisson": lambda: HistGradientBoostingRegressor(loss="poisson", max_iter=20),
        "hist gamma": lambda: HistGradientBoostingRegressor(loss="gamma", max_iter=20),
        "hist quantile": lambda: HistGradientBoostingRegressor(loss="quantile", quantile=0.8, max_iter=20),
    }


def check(
    estimator: Any, y: Any, make_kernel: MakeKernel, *, missing: bool, task: str, gate: bool = True
) -> None:
    """Fit, compile and compare; with `gate`, prove through the kernel too."""
    rng = np.random.default_rng(1)
    frame = features(rng, missing=missing)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        estimator.fit(frame, y(target(frame, rng)))
        backend = NativeBackend(estimator)
        tried = hard(frame, estimator, rng, missing=missing)
        assert_equal(backend, estimator, tried)
        if not gate:
            return
        labels = None if task == "anomaly" else y(target(frame, rng))
        kernel = make_kernel(estimator, frame, labels, task=task)
    rows, worst, _ = native_proof(trees_of(kernel), kernel, frame)
    assert worst == 0.0
    assert rows > 20_000  # training, probes, and mixed rows


@pytest.mark.parametrize("classes", [2, pytest.param(4, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", _classifiers())
def test_classifiers(name: str, classes: int, make_kernel: MakeKernel) -> None:
    def y(z: np.ndarray) -> Any:
        return LABELS[pd.qcut(z, classes, labels=False)]

    missing, gate = name != "extra tree", classes == 2 and name in GATED
    check(_classifiers()[name](), y, make_kernel, missing=missing, task="classification", gate=gate)


@pytest.mark.parametrize("classes", [pytest.param(2, marks=pytest.mark.slow), 3])
@pytest.mark.parametrize("name", _complete())
def test_boosting_refuses_missing_values_and_so_does_its_backend(
    name: str, classes: int, make_kernel: MakeKernel
) -> None:
    def y(z: np.ndarray) -> Any:
        return pd.qcut(z, classes, labels=False)

    gate = classes == 3 and name in GATED
    check(_complete()[name](), y, make_kernel, missing=False, task="classification", gate=gate)


@pytest.mark.parametrize("name", _regressors())
def test_regressors(name: str, make_kernel: MakeKernel) -> None:
    check(
        _regressors()[name](),
        lambda z: np.exp(z / 3),
        make_kernel,
        missing=name != "extra tree",
        task="regression",
        gate=name in GATED,
    )


@pytest.mark.parametrize("loss", ["squared_error", "huber", "quantile", "absolute_error"])
def test_boosting_regressors(loss: str, make_kernel: MakeKernel) -> None:
    estimator = GradientBoostingRegressor(loss=loss, n_estimators=12, random_state=0)
    check(estimator, lambda z: z, make_kernel, missing=False, task="regression", gate=False)


@pytest.mark.parametrize("options", [{}, {"max_features": 0.5}, {"contamination": 0.1, "max_samples": 1}])
def test_isolation_forests(options: dict[str, Any], make_kernel: MakeKernel) -> None:
    check(
        IsolationForest(n_estimators=25, random_state=0, **options),
        lambda z: None,
        make_kernel,
        missing=False,
        task="anomaly",
    )


def test_exponential_loss_of_boosting() -> None:
    rng = np.random.default_rng(0)
    frame = features(rng, missing=False)
    y = (target(frame, rng) > 4).astype(int)
    estimator = GradientBoostingClassifier(loss="exponential", n_estimators=10).fit(frame, y)
    assert_equal(NativeBackend(estimator), estimator, frame)


def test_categories(make_kernel: MakeKernel) -> None:
    """Texts of dtype category, unseen ones too, through the estimator's own encoder."""
    rng = np.random.default_rng(0)
    frame = features(rng, missing=True)
    z = target(frame, rng)
    plans = np.array([f"plan {i}" for i in range(40)])
    frame["plan"] = pd.Categorical(plans[rng.integers(0, 40, ROWS)], categories=plans)
    frame.loc[rng.random(ROWS) < 0.1, "plan"] = None
    y = LABELS[pd.qcut(z + frame["plan"].cat.codes % 5, 3, labels=False)]
    estimator = HistGradientBoostingClassifier(max_iter=15, random_state=0).fit(frame, y)
    backend = NativeBackend(estimator)
    assert len(backend.model.packed.arrays["splits"]) > 10
    assert_equal(backend, estimator, frame)
    kernel = make_kernel(estimator, frame, y, task="classification")
    assert native_proof(trees_of(kernel), kernel, frame)[1] == 0.0


@pytest.mark.parametrize("final", ["hist", "forest", "sparse forest"])
def test_pipelines(final: str, make_kernel: MakeKernel) -> None:
    """Steps before the trees, a sparse matrix among what scikit-learn's own may give."""
    rng = np.random.default_rng(0)
    frame = features(rng, missing=True)
    y = (target(frame, rng) > 4).astype(int)
    frame["plan"] = rng.choice([f"p{i}" for i in range(60)], ROWS)
    steps = ColumnTransformer(
        [
            ("numbers", make_pipeline(SimpleImputer(), MinMaxScaler()), ["amount", "epoch", "visits"]),
            ("plan", OneHotEncoder(handle_unknown="ignore", sparse_output=final != "hist"), ["plan"]),
        ]
    )
    last: Any = RandomForestClassifier(10, max_depth=12, random_state=0)
    if final == "hist":
        last = HistGradientBoostingClassifier(max_iter=10)
    if final == "forest":
        steps.set_params(sparse_threshold=0)
    search = GridSearchCV(make_pipeline(steps, last), {}, cv=2).fit(frame, y)
    backend = NativeBackend(search)
    assert_equal(backend, search, frame)
    kernel = make_kernel(search, frame, y, task="classification")
    assert native_proof(trees_of(kernel), kernel, frame)[1] == 0.0


@pytest.mark.parametrize("seed", range(12))
def test_random_models(seed: int) -> None:
    """Any settings, on columns full of ties, of any of the number types."""
    rng = np.random.default_rng(seed)
    width, classes = int(rng.integers(1, 9)), int(rng.integers(2, 13))
    X = rng.integers(-4, 5, (400, width)) * rng.choice([1e-40, 0.1, 1.0, 1e9, 3e37], width)
    y = rng.integers(0, classes, 400) + (X[:, 0] > 0)
    options = {"max_depth": int(rng.integers(1, 14)), "random_state": seed}
    estimator: Any = [
        lambda: RandomForestClassifier(int(rng.integers(1, 40)), **options),
        lambda: ExtraTreesClassifier(int(rng.integers(1, 40)), **options),
        lambda: HistGradientBoostingClassifier(
            max_iter=int(rng.integers(1, 8)), max_leaf_nodes=int(rng.integers(2, 90)), **options
        ),
        lambda: GradientBoostingClassifier(n_estimators=int(rng.integers(1, 8)), **options),
    ][seed % 4]()
    estimator.fit(X, y)
    backend = NativeBackend(estimator)
    tried = np.where(rng.random(X.shape) < 0.3, np.nextafter(X, np.inf), X)
    tried = np.where(rng.random(X.shape) < 0.1, np.nextafter(X, -np.inf), tried)
    with np.errstate(over="ignore"):
        for holder in (tried, np.asfortranarray(tried), tried[:, ::-1][:, ::-1], tried.astype(np.float32)):
            assert_equal(backend, estimator, holder)
        assert_equal(backend, estimator, tried[:1])
        counts = np.clip(np.nan_to_num(tried), -1e9, 1e9).astype(np.int64)
        assert_equal(backend, estimator, counts)
