"""The kernel against scikit-learn's own predict: two classes, and more."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.base import clone
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    VotingClassifier,
)
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.model_selection import FixedThresholdClassifier, GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC

from project import MakeKernel, batch_of

ROWS = 400
LABELS: dict[str, list[Any]] = {
    "texts": ["no", "yes"],
    "zero_one": [0, 1],
    "other_numbers": [-1, 7],
    "booleans": [False, True],
    "floats": [0.0, 1.0],
}
ARROW_TYPES = {str: pa.string(), int: pa.int64(), bool: pa.bool_(), float: pa.float64()}


def numbers(rows: int = ROWS, seed: int = 0) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    return pd.DataFrame(random.normal(size=(rows, 3)), columns=["a", "b", "c"])


def two_classes(X: pd.DataFrame, labels: list[Any]) -> np.ndarray:
    noise = np.random.default_rng(1).normal(size=len(X))
    return np.asarray(labels)[(X.a + 0.5 * X.b + 0.3 * noise > 0.2).astype(int)]


def three_classes(X: pd.DataFrame, labels: list[Any]) -> np.ndarray:
    return np.asarray(labels)[np.digitize(X.a + 0.5 * X.b, [-0.5, 0.5])]


def column(batch: pa.RecordBatch, name: str) -> list[Any]:
    return batch.column(name).to_pylist()


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
def test_two_classes_of_any_label(labels: list[Any], make_kernel: MakeKernel) -> None:
    X = numbers()
    y = two_classes(X, labels)
    estimator = LogisticRegression().fit(X, y)
    unseen = numbers(seed=2)
    scored = make_kernel(estimator, X, y, task="classification")(batch_of(unseen))
    assert scored.schema.names == ["prediction", "score", "reject_reason"]
    assert scored.schema.field("prediction").type == ARROW_TYPES[type(labels[0])]
    assert column(scored, "prediction") == estimator.predict(unseen).tolist()
    np.testing.assert_allclose(column(scored, "score"), estimator.predict_proba(unseen)[:, 1], rtol=1e-12)
    assert scored.column("reject_reason").null_count == ROWS


@pytest.mark.parametrize(
    "estimator",
    [
        GradientBoostingClassifier(n_estimators=10),
        RandomForestClassifier(n_estimators=7, max_depth=3, random_state=0),
        RandomForestClassifier(n_estimators=10, random_state=0),
        HistGradientBoostingClassifier(max_iter=10),
        KNeighborsClassifier(4),
        GaussianNB(),
        make_pipeline(StandardScaler(), LogisticRegression()),
        GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
@pytest.mark.parametrize("container", ["frame", "array"])
def test_estimators_with_probabilities(estimator: Any, container: str, make_kernel: MakeKernel) -> None:
    X = numbers()
    y = two_classes(X, ["no", "yes"])
    fitted = clone(estimator).fit(X if container == "frame" else X.to_numpy(), y)
    kernel = make_kernel(fitted, X, y, task="classification")
    assert kernel.signature.container == container
    unseen = numbers(seed=3)
    asked = unseen if container == "frame" else unseen.to_numpy()
    scored = kernel(batch_of(unseen))
    assert column(scored, "prediction") == fitted.predict(asked).tolist()
    np.testing.assert_allclose(column(scored, "score"), fitted.predict_proba(asked)[:, 1], rtol=1e-12)


@pytest.mark.parametrize("threshold", [5e-324, 0.2, 0.8, 1.0])
def test_threshold_of_the_registry(threshold: float, make_kernel: MakeKernel) -> None:
    X = numbers()
    y = two_classes(X, ["no", "yes"])
    estimator = LogisticRegression().fit(X, y)
    kernel = make_kernel(estimator, X, y, task="classification", threshold=threshold)
    expected = np.where(estimator.predict_proba(X)[:, 1] >= threshold, "yes", "no")
    assert column(kernel(batch_of(X)), "prediction") == expected.tolist()


def test_threshold_is_reached_by_an_equal_score(make_kernel: MakeKernel) -> None:
    X = pd.DataFrame({"a": [0.0, 0.0, 1.0, 1.0]})
    estimator = KNeighborsClassifier(2).fit(X, [0, 1, 1, 1])
    scored = make_kernel(estimator, X, task="classification", threshold=0.5)(batch_of(X))
    assert column(scored, "score") == [0.5, 0.5, 1.0, 1.0]
    assert column(scored, "prediction") == [1, 1, 1, 1]


@pytest.mark.parametrize("estimator", [LinearSVC(), RidgeClassifier(), SVC()], ids=lambda e: type(e).__name__)
def test_decision_function_only(estimator: Any, make_kernel: MakeKernel) -> None:
    X = numbers()
    y = two_classes(X, ["no", "yes"])
    scored = make_kernel(estimator.fit(X, y), X, y, task="classification")(batch_of(X))
    np.testing.assert_allclose(column(scored, "score"), estimator.decision_function(X), rtol=1e-9)
    assert column(scored, "prediction") == estimator.predict(X).tolist()


def test_predict_only_has_no_score(make_kernel: MakeKernel) -> None:
    X = numbers()
    y = two_classes(X, ["no", "yes"])
    estimator = VotingClassifier([("a", LogisticRegression()), ("b", GaussianNB())]).fit(X, y)
    scored = make_kernel(estimator, X, y, task="classification")(batch_of(X))
    assert scored.schema.names == ["prediction", "reject_reason"]
    assert column(scored, "prediction") == estimator.predict(X).tolist()


@pytest.mark.filterwarnings("ignore:The `probability` parameter:FutureWarning")
def test_labels_are_those_of_predict_where_the_best_score_says_otherwise(make_kernel: MakeKernel) -> None:
    X = numbers(60)
    y = np.random.default_rng(5).choice(["no", "yes"], 60)
    estimator = SVC(probability=True, random_state=0).fit(X, y)
    best = estimator.classes_[estimator.predict_proba(X).argmax(axis=1)]
    assert (best != estimator.predict(X)).any()
    scored = make_kernel(estimator, X, y, task="classification")(batch_of(X))
    assert column(scored, "prediction") == estimator.predict(X).tolist()


@pytest.mark.parametrize("threshold", [0.2, 0.499999])
def test_threshold_of_the_estimator_itself(threshold: float, make_kernel: MakeKernel) -> None:
    """Also where no training row lies between its threshold and one half, so that nothing shows it."""
    X = pd.DataFrame({"a": [-4.0, -3.0, 3.0, 4.0]})
    inner = LogisticRegression().fit(X, [0, 0, 1, 1])
    estimator = FixedThresholdClassifier(inner, threshold=threshold).fit(X, [0, 0, 1, 1])
    kernel = make_kernel(make_pipeline(estimator), X, task="classification")
    assert kernel.version.label_method == "predict"
    grid = pd.DataFrame({"a": np.linspace(-1e-6, 1e-6, 40)})
    assert column(kernel(batch_of(grid)), "prediction") == estimator.predict(grid).tolist()


def test_ties_are_broken_as_the_estimator_breaks_them(make_kernel: MakeKernel) -> None:
    X = pd.DataFrame({"a": np.repeat(np.arange(8.0), 12)})
    y = np.tile([0, 1], 48)
    for neighbours in (2, 6, 10):
        estimator = KNeighborsClassifier(neighbours, weights="distance").fit(X, y)
        scored = make_kernel(estimator, X, y, task="classification")(batch_of(X))
        assert column(scored, "prediction") == estimator.predict(X).tolist()


@pytest.mark.parametrize(
    "labels",
    [["low", "mid", "high"], [10, 20, 30], ["A b", "a_b", "ß"]],
    ids=["texts", "numbers", "labels_that_clash_as_names"],
)
def test_more_classes(labels: list[Any], make_kernel: MakeKernel) -> None:
    X = numbers()
    y = three_classes(X, labels)
    estimator = LogisticRegression().fit(X, y)
    unseen = numbers(seed=4)
    scored = make_kernel(estimator, X, y, task="classification")(batch_of(unseen))
    scores = scored.schema.names[1:-1]
    assert len(set(scores)) == 3 and all(name.startswith("score_") for name in scores)
    assert column(scored, "prediction") == estimator.predict(unseen).tolist()
    found = np.column_stack([column(scored, name) for name in scores])
    np.testing.assert_allclose(found, estimator.predict_proba(unseen), rtol=1e-12)
    np.testing.assert_allclose(found.sum(axis=1), 1.0, rtol=1e-12)


def test_names_of_the_class_scores(make_kernel: MakeKernel) -> None:
    X = numbers()
    y = three_classes(X, ["High", "low-end", "mid"])
    kernel = make_kernel(LogisticRegression().fit(X, y), X, y, task="classification")
    assert kernel.schema.names[1:-1] == ["score_high", "score_low_end", "score_mid"]


@pytest.mark.parametrize("shape", ["ovr", "ovo"])
def test_more_classes_by_decision_function(shape: str, make_kernel: MakeKernel) -> None:
    X = numbers()
    y = np.digitize(X.a, [-0.7, 0.0, 0.7])
    estimator = SVC(decision_function_shape=shape, break_ties=shape == "ovr").fit(X, y)
    scored = make_kernel(estimator, X, y, task="classification")(batch_of(X))
    assert column(scored, "prediction") == estimator.predict(X).tolist()
    # one column a pair of classes is not one score a class
    assert len(scored.schema.names) == (6 if shape == "ovr" else 2)


def test_tied_best_scores_of_more_classes(make_kernel: MakeKernel) -> None:
    """At saturation softmax rounds different decisions to one probability."""
    X = pd.DataFrame({"a": np.linspace(-1, 1, 90)})
    y = np.repeat([0, 1, 2], 30)
    estimator = LogisticRegression(C=10).fit(X, y)
    kernel = make_kernel(estimator, X, y, task="classification")
    hard = pd.DataFrame({"a": [*np.linspace(-1, 1, 1001), *np.geomspace(1, 1e6, 200)]})
    assert column(kernel(batch_of(hard)), "prediction") == estimator.predict(hard).tolist()


def test_one_class(make_kernel: MakeKernel) -> None:
    X = numbers(20)
    estimator = DummyClassifier().fit(X, ["only"] * 20)
    scored = make_kernel(estimator, X, task="classification")(batch_of(X))
    assert scored.schema.names == ["prediction", "score_only", "reject_reason"]
    assert column(scored, "prediction") == ["only"] * 20
