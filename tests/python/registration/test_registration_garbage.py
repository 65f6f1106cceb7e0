"""Whatever `register` is given: it registers, or it refuses in four parts; nothing else comes out."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.tree import DecisionTreeClassifier

from project import MakeKernel, batch_of
from scorehouse import Card, ScorehouseError, register
from scorehouse.registration.groups import grouped

pytestmark = pytest.mark.slow

X = pd.DataFrame({"age": np.arange(40.0), "visits": np.arange(40) % 7})
Y = np.arange(40) > 20
CLASSIFIER = LogisticRegression(max_iter=1000).fit(X, Y)
FRAME = pd.DataFrame({"age": ["x"] * 40, "visits": [[1]] * 40})
VALUES: tuple[Any, ...] = (
    *(None, 0, -1, 1.5, float("nan"), True, 10**400, complex(1, 2), np.float64(2)),
    *("", "text", "Ä {{ x }}", b"bytes", dt.date(2024, 1, 1), Path("nowhere")),
    *([], [1], ["a", "b"], (), {}, {"a": "hi"}, {1: 2}, {"a"}, (X, Y), ([], []), iter([1])),
    *(np.arange(3), np.array("x"), pd.Series(["a"] * 40), FRAME, pd.DataFrame()),
    *(object(), object, lambda: 1),
)
NAMES = (
    "estimator name X y task threshold description owner trained_from trained_to metrics alias feature_names "
    "format artifact store parity_tolerance validation program project_dir"
)
TEXTS = ["good and cheap", "bad", "good", "very bad", "cheap", "never again"] * 10
LIKED = ["good" in text or "cheap" in text for text in TEXTS]


@pytest.mark.parametrize("argument", NAMES.split())
def test_any_value_of_an_argument(empty_project: Path, argument: str) -> None:
    usual = {"estimator": CLASSIFIER, "name": "churn", "X": X, "task": "classification", "program": False}
    for value in VALUES:
        try:
            register(**grouped({**usual, argument: value}))  # type: ignore[arg-type]
        except ScorehouseError as error:
            assert error.problem and error.expected and error.action
            assert "Expected: " in str(error) and "What to do: " in str(error)


@pytest.mark.parametrize(
    ("estimator", "task", "kind"),
    [
        (CLASSIFIER, "regression", "LogisticRegression is a classifier"),
        (CLASSIFIER, "clustering", "LogisticRegression is a classifier"),
        (LinearRegression().fit(X, Y), "classification", "LinearRegression is a regressor"),
    ],
)
def test_task_of_another_kind(empty_project: Path, estimator: Any, task: str, kind: str) -> None:
    with pytest.raises(ScorehouseError, match=f"task is '{task}', but {kind}"):
        register(estimator, "churn", X, task=task)


def test_lambdas_and_dates_are_refused_in_words(empty_project: Path) -> None:
    doubled = make_pipeline(FunctionTransformer(lambda rows: rows * 2), LogisticRegression()).fit(X, Y)
    with pytest.raises(ScorehouseError, match="cannot be pickled") as refused:
        register(doubled, "churn", X, Y, task="classification")
    assert "not lambdas or local functions" in str(refused.value)
    days = np.array([dt.date(2024, 1, 1 + i % 2) for i in range(40)], dtype=object)
    dated = DecisionTreeClassifier().fit(X, pd.Categorical(days).codes)
    dated.classes_ = np.array(sorted(set(days)), dtype=object)
    with pytest.raises(ScorehouseError, match=r"class labels are of the types \['date'\]"):
        register(dated, "churn", X, task="classification")
    with pytest.raises(ScorehouseError, match=r"metrics is \{'auc': 'hi'\}"):
        register(CLASSIFIER, "churn", X, task="classification", card=Card(metrics={"auc": "hi"}))  # type: ignore[dict-item]


@pytest.mark.parametrize("given", ["series", "list", "array", "frame"])
def test_bare_text_pipeline(make_kernel: MakeKernel, given: str) -> None:
    """Fit on one column of strings, it scores that column of a feature table."""
    estimator = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(TEXTS, LIKED)
    frame = pd.DataFrame({"review": TEXTS})
    texts = {"series": frame["review"], "list": TEXTS, "array": np.array(TEXTS), "frame": frame}
    names = {} if given in ("series", "frame") else {"feature_names": ["review"]}
    kernel = make_kernel(estimator, texts[given], LIKED, task="classification", **names)
    new = pd.DataFrame({"review": [*TEXTS, "a word never seen", None]})
    found = kernel(batch_of(new))
    assert found.column("reject_reason").to_pylist() == [*[None] * 61, "null:review"]
    scores = estimator.predict_proba(new["review"][:-1])[:, 1]
    assert np.abs(found.column("score").to_numpy(zero_copy_only=False)[:-1] - scores).max() < 1e-12


def test_text_among_other_columns(make_kernel: MakeKernel) -> None:
    frame = pd.DataFrame({"review": TEXTS, "stars": [i % 5 for i in range(60)]})
    columns = make_column_transformer((TfidfVectorizer(), "review"), remainder="passthrough")
    estimator = make_pipeline(columns, LogisticRegression()).fit(frame, LIKED)
    found = make_kernel(estimator, frame, LIKED, task="classification")(batch_of(frame))
    assert found.column("prediction").to_pylist() == estimator.predict(frame).tolist()
