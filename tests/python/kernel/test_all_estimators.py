"""Every estimator that scikit-learn lists, and the boosters' wrappers: registered, loaded, scored alike."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.base import OutlierMixin
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.utils import all_estimators

from project import batch_of
from scorehouse import register
from scorehouse.errors import ScorehouseError
from scorehouse.kernel.scorer import BLOCK_ROWS, REJECT_REASON, Kernel
from scorehouse.kernel.tasks import scores_of_labels
from scorehouse.registration.groups import grouped
from scorehouse.registry import artifact
from scorehouse.registry.policy import LoadPolicy
from scorehouse.registry.version import MULTILABEL, MULTIOUTPUT, SEVERAL, Version

NO_PREDICT = "has no predict: it labels only the rows that it was fitted on"
SEVERAL_LABELS = ("ClassifierChain", "MultiOutputClassifier")
SEVERAL_NUMBERS = (
    "CCA",
    "MultiOutputRegressor",
    "MultiTaskElasticNet",
    "MultiTaskElasticNetCV",
    "MultiTaskLasso",
    "MultiTaskLassoCV",
    "PLSCanonical",
    "RegressorChain",
)
UNSUPPORTED = {
    "AgglomerativeClustering": NO_PREDICT,
    "DBSCAN": NO_PREDICT,
    "FeatureAgglomeration": NO_PREDICT,
    "HDBSCAN": NO_PREDICT,
    "OPTICS": NO_PREDICT,
    "SpectralClustering": NO_PREDICT,
}
SETTINGS: dict[str, dict[str, Any]] = {
    "ClassifierChain": {"estimator": LogisticRegression()},
    "FixedThresholdClassifier": {"estimator": LogisticRegression(), "threshold": 0.4},
    "HistGradientBoostingClassifier": {"max_iter": 20},
    "HistGradientBoostingRegressor": {"max_iter": 20},
    "LocalOutlierFactor": {"novelty": True},
    "LogisticRegressionCV": {"Cs": 3, "cv": 3},
    "MultiOutputClassifier": {"estimator": LogisticRegression()},
    "MultiOutputRegressor": {"estimator": Ridge()},
    "NuSVC": {"nu": 0.2},
    "OneVsOneClassifier": {"estimator": LogisticRegression()},
    "OneVsRestClassifier": {"estimator": LogisticRegression()},
    "OrthogonalMatchingPursuitCV": {"max_iter": 2, "cv": 3},
    "OutputCodeClassifier": {"estimator": LogisticRegression(), "random_state": 0},
    "RadiusNeighborsClassifier": {"radius": 50.0},
    "RadiusNeighborsRegressor": {"radius": 50.0},
    "RegressorChain": {"estimator": Ridge()},
    "SelfTrainingClassifier": {"estimator": LogisticRegression()},
    "StackingClassifier": {"estimators": [("a", LogisticRegression()), ("b", GaussianNB())]},
    "StackingRegressor": {"estimators": [("a", LinearRegression()), ("b", Ridge())]},
    "TunedThresholdClassifierCV": {"estimator": LogisticRegression()},
    "VotingClassifier": {"estimators": [("a", LogisticRegression()), ("b", GaussianNB())]},
    "VotingRegressor": {"estimators": [("a", LinearRegression()), ("b", Ridge())]},
}
FAST = {"n_estimators": 10, "max_iter": 200, "n_clusters": 3, "n_components": 1, "cv": 3, "random_state": 0}
ROWS = 90
random = np.random.default_rng(7)
X = pd.DataFrame(
    {
        "spend": np.round(random.gamma(2.0, 10.0, ROWS), 2),
        "visits": random.integers(0, 9, ROWS).astype(float),
        "age": np.round(random.uniform(0, 3, ROWS), 3),
    }
)
NUMBER = 1.0 + X["spend"].to_numpy() + 2 * X["visits"].to_numpy()
TWO = np.where(NUMBER + random.normal(0, 5, ROWS) > 30, "yes", "no")
THREE = np.digitize(NUMBER, [20.0, 40.0]) + 10
# rows of training and others, among them the very large and the very small
TRIED = pd.concat([X, X * 0.37 + 0.1, X.iloc[:5] * 1e6, X.iloc[:5] * 1e-9], ignore_index=True)


def listed() -> list[tuple[str, type, str]]:
    """Every estimator of scikit-learn that predicts, with the task that it is for."""
    found = {}
    kinds = {"classifier": "classification", "regressor": "regression", "cluster": "clustering"}
    for kind, task in kinds.items():
        found |= {name: (cls, task) for name, cls in all_estimators(type_filter=kind)}
    found |= {n: (c, "anomaly") for n, c in all_estimators() if issubclass(c, OutlierMixin)}
    found |= {n: (found[n][0], MULTIOUTPUT) for n in SEVERAL_NUMBERS}
    found |= {n: (found[n][0], MULTILABEL) for n in SEVERAL_LABELS}
    return [(name, cls, task) for name, (cls, task) in sorted(found.items())]


def built(name: str, cls: type) -> Any:
    settings = SETTINGS.get(name)
    if settings is None:
        known = cls().get_params()  # type: ignore[attr-defined]
        settings = {key: value for key, value in FAST.items() if key in known and known[key] != "warn"}
    return cls(**settings)


def fitted(estimator: Any, name: str, task: str, y: Any) -> tuple[Any, pd.DataFrame]:
    frame = X[["spend"]] if name == "IsotonicRegression" else X
    if name == "CategoricalNB":
        frame = X.round()
    if task in SEVERAL:
        y = np.column_stack([y, y[::-1]])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return estimator.fit(frame) if task in ("clustering", "anomaly") else estimator.fit(frame, y), frame


def labels_for(name: str, task: str) -> list[Any]:
    if name in ("FixedThresholdClassifier", "TunedThresholdClassifierCV"):
        return [TWO]  # they take two classes only
    if name == "SelfTrainingClassifier":
        return [THREE]  # it takes no text
    known = {"classification": [TWO, THREE], "regression": [NUMBER], MULTIOUTPUT: [NUMBER]}
    return {**known, MULTILABEL: [(TWO == "yes").astype(int)]}.get(task, [None])


def stored(
    folder: Path, estimator: Any, frame: pd.DataFrame, task: str, **facts: Any
) -> tuple[Kernel, Version]:
    (folder / "dbt_project.yml").touch()
    version = register(estimator, "tried", frame, task=task, project_dir=folder, **grouped(facts))
    loaded, signature, _ = artifact.load(folder, version, LoadPolicy(), "test")
    return Kernel(loaded, version, signature, strict=frozenset(), call="test"), version


def assert_scores_equal(kernel: Kernel, version: Version, estimator: Any, frame: pd.DataFrame) -> int:
    """Every scored row equals the estimator's own answers bit for bit; returns how many were scored."""
    scored = kernel(batch_of(frame))
    assert scored.num_rows == len(frame)
    keep = np.flatnonzero(scored.column(REJECT_REASON).is_null().to_numpy(zero_copy_only=False))
    rows = in_whole_blocks(frame, keep)
    scored = scored.take(pa.array(keep))
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        own = np.asarray(estimator.predict(rows))[: len(keep)]
        for name, values in zip(version.outputs or ["prediction"], own.reshape(len(keep), -1).T, strict=True):
            assert scored.column(name).to_pylist() == values.tolist()
        for name, values in own_scores(version, estimator, rows).items():
            found = scored.column(name).to_numpy(zero_copy_only=False)
            wanted = np.ascontiguousarray(values[: len(keep)], dtype=np.float64)
            assert found.tobytes() == wanted.tobytes(), name
    return len(keep)


def in_whole_blocks(frame: pd.DataFrame, keep: np.ndarray) -> pd.DataFrame:
    """The kept rows as the kernel hands them over: docs/decisions/whole-blocks.md says why."""
    rows = np.concatenate([keep, np.repeat(keep[-1:], -len(keep) % BLOCK_ROWS)])
    return pd.DataFrame({column: frame[column].to_numpy()[rows] for column in frame})


def own_scores(version: Version, estimator: Any, rows: pd.DataFrame) -> dict[str, Any]:
    if version.score_method in ("none", "predict"):
        return {}
    values = getattr(estimator, version.score_method)(rows)
    if version.task == MULTILABEL:
        return dict(zip(version.score_columns, scores_of_labels(values), strict=True))
    if version.score_method == "transform":
        return {"distance": values[np.arange(len(rows)), estimator.predict(rows)]}
    if version.task == "anomaly" or len(version.classes) == 2:
        return {"score": values[:, 1] if values.ndim == 2 else values}
    return dict(zip(version.score_columns, values.T, strict=True))


def first_of_each_module() -> list[Any]:
    """All of them, marked slow but for the first of each of scikit-learn's modules."""
    modules: set[str] = set()
    marked = []
    for name, cls, task in listed():
        module = cls.__module__.split(".")[1]
        marked.append(pytest.param(name, cls, task, marks=[pytest.mark.slow] if module in modules else []))
        modules.add(module)
    return marked


@pytest.mark.parametrize(
    ("name", "cls", "task"), first_of_each_module(), ids=lambda v: v if isinstance(v, str) else ""
)
def test_estimator(name: str, cls: type, task: str, tmp_path: Path) -> None:
    for number, y in enumerate(labels_for(name, task)):
        folder = tmp_path / str(number)
        folder.mkdir()
        estimator, frame = fitted(built(name, cls), name, task, y)
        if name in UNSUPPORTED:
            with pytest.raises(ScorehouseError):
                stored(folder, estimator, frame, task)
            continue
        kernel, version = stored(folder, estimator, frame, task)
        tried = frame if name == "CategoricalNB" else TRIED[list(frame.columns)]
        assert assert_scores_equal(kernel, version, estimator, tried) >= len(frame)


def test_the_list_of_the_unsupported_is_current() -> None:
    assert UNSUPPORTED.keys() <= {name for name, _, _ in listed()}
    assert len(listed()) > 100


BOOSTERS = [
    ("lightgbm", "LGBMClassifier", "classification", {"n_estimators": 20, "verbosity": -1}),
    ("lightgbm", "LGBMRegressor", "regression", {"n_estimators": 20, "verbosity": -1}),
    ("xgboost", "XGBClassifier", "classification", {"n_estimators": 20}),
    ("xgboost", "XGBRegressor", "regression", {"n_estimators": 20}),
    ("xgboost", "XGBRFClassifier", "classification", {"n_estimators": 20}),
    ("xgboost", "XGBRFRegressor", "regression", {"n_estimators": 20}),
    ("catboost", "CatBoostClassifier", "classification", {"iterations": 20, "verbose": 0}),
    ("catboost", "CatBoostRegressor", "regression", {"iterations": 20, "verbose": 0}),
]


@pytest.mark.heavy
@pytest.mark.parametrize("artifact_format", ["joblib", "native"])
@pytest.mark.parametrize(("module", "cls", "task", "settings"), BOOSTERS, ids=[b[1] for b in BOOSTERS])
def test_booster(
    module: str, cls: str, task: str, settings: dict[str, Any], artifact_format: str, tmp_path: Path
) -> None:
    library = pytest.importorskip(module)
    for number, y in enumerate(labels_for(cls, task)):
        if module == "xgboost" and task == "classification":
            y = np.unique(y, return_inverse=True)[1]  # it takes no other labels
        if module == "catboost":
            settings = {**settings, "allow_writing_files": False, "thread_count": 1}
        folder = tmp_path / str(number)
        folder.mkdir()
        frame = X.mask(X["age"] < 0.3)  # boosters take missing values as they are
        estimator = getattr(library, cls)(**settings).fit(frame, y)
        kernel, version = stored(folder, estimator, frame, task, format=artifact_format)
        assert version.artifact_format == (artifact_format if artifact_format == "joblib" else module)
        tried = TRIED.mask(TRIED["age"] < 0.3)
        assert assert_scores_equal(kernel, version, estimator, tried) == len(tried)
        if artifact_format == "native":
            assert version.parity == {"rows": ROWS, "label_flips": 0, "max_difference": 0.0}
