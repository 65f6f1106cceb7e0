"""What each task makes of an estimator's answers, and of rows that prove a program."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from sklearn.cluster import KMeans
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, StandardScaler

from scorehouse.kernel.tasks import labels_given, outputs_of, scores_of_labels
from scorehouse.registry.version import MULTILABEL, Version

SCORES = [0.2, 0.5, None, 0.9]


def version(task: str, **facts: Any) -> Version:
    return Version(name="m", version=1, task=task, score_method="predict_proba", **facts)


@pytest.mark.parametrize(
    ("threshold", "labels"), [(None, ["no"] * 4), (0.5, ["no", "yes", None, "yes"])], ids=str
)
def test_the_registrys_threshold_decides_the_labels_of_proof_rows(
    threshold: float | None, labels: list[str | None]
) -> None:
    kind = outputs_of(version("classification", classes=("no", "yes"), threshold=threshold))
    rows = pa.table({"prediction": ["no"] * 4, "score": SCORES})
    assert kind.with_labels(kind.with_places(rows)).to_pydict() == {"prediction": labels, "score": SCORES}


def test_an_edit_of_classes_renames_the_labels_of_proof_rows() -> None:
    old, new = (outputs_of(version("classification", classes=names)) for names in ("abc", "xyz"))
    rows = pa.table({"prediction": ["c", None, "a"], "score_a": [0.1, None, 0.9]})
    assert new.with_labels(old.with_places(rows))["prediction"].to_pylist() == ["z", None, "x"]


@pytest.mark.parametrize(("threshold", "labels"), [(None, [1] * 4), (0.5, [0, 1, None, 1])], ids=str)
def test_the_registrys_threshold_decides_each_of_several_labels(
    threshold: float | None, labels: list[int | None]
) -> None:
    outputs = {"prediction_a": "a", "prediction_b": "b"}
    kind = outputs_of(version(MULTILABEL, outputs=outputs, threshold=threshold))
    rows = pa.table(
        {"prediction_a": [1] * 4, "score_a": SCORES, "prediction_b": [1] * 4, "score_b": SCORES[::-1]}
    )
    assert kind.with_labels(rows).to_pydict() == {
        **rows.to_pydict(),
        "prediction_a": labels,
        "prediction_b": labels[::-1],
    }


class Answers:
    """An estimator that gives what it was told to."""

    def __init__(self, found: Any) -> None:
        self.found = found

    def predict(self, _: Any) -> Any:
        return self.found

    predict_proba = predict


@pytest.mark.parametrize(
    ("kind", "found", "said"),
    [
        (
            version("classification", classes=(0, 1, 2), class_columns={"a": 0, "b": 1, "c": 2}),
            (5, 2),
            "2 sc",
        ),
        (version("classification", classes=(0, 1)), (5, 3), "3 scores per row"),
        (version("multioutput_regression", outputs={"a": "a", "b": "b"}), (5, 3), "for 2 outputs"),
        (version(MULTILABEL, outputs={"prediction_a": "a", "prediction_b": "b"}), (5, 3), "for 2 labels"),
    ],
    ids=lambda value: getattr(value, "task", None),
)
def test_answers_of_another_shape_are_refused(kind: Version, found: tuple[int, int], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        outputs_of(kind).predict(Answers(np.full(found, 0.25)), None)


def test_scores_of_several_labels_in_every_form() -> None:
    scores = np.array([[0.1, 0.8], [0.2, 0.7], [0.3, 0.6]])  # of three rows and two labels
    both = np.stack([1 - scores, scores], axis=2)
    for form in (scores, [both[:, 0], both[:, 1]], both.transpose(1, 0, 2)):
        np.testing.assert_array_equal(scores_of_labels(form), scores.T)
    np.testing.assert_array_equal(labels_given(np.eye(3)[:, :2]), np.eye(3)[:, :2].T)


class Told(Answers):
    """It also has labels of its own, which differ from those of its scores."""

    def __init__(self, scores: Any, labels: Any) -> None:
        super().__init__(scores)
        self.predict = lambda _: np.asarray(labels)  # type: ignore[method-assign]

    def decision_function(self, _: Any) -> Any:
        return self.found


NO_TIE, TIE = [0.2, 0.9, 0.3], [0.5, 0.9, 0.3]


@pytest.mark.parametrize(
    ("facts", "scores", "labels"),
    [
        ({}, NO_TIE, [0, 1, 0]),
        ({}, TIE, [1, 0, 1]),  # an estimator itself breaks ties
        ({"label_method": "predict"}, NO_TIE, [1, 0, 1]),
        ({"threshold": 0.3}, NO_TIE, [0, 1, 1]),
        ({"threshold": 0.3, "label_method": "predict"}, TIE, [1, 1, 1]),
    ],
    ids=str,
)
def test_labels_are_those_of_the_scores_or_the_estimators_own(
    facts: dict[str, Any], scores: list[float], labels: list[int]
) -> None:
    own, proba, given = [1, 0, 1], np.array(scores), {"label_method": "score", **facts}
    outputs = {"prediction_a": "a", "prediction_b": "b"}
    for method, found in (("predict_proba", proba), ("decision_function", proba - 0.5)):
        shift = proba[0] - found[0]
        given["score_method"] = method
        if "threshold" in facts:
            given["threshold"] = facts["threshold"] - shift
        lines = np.column_stack([1 - proba, proba]) if method == "predict_proba" else found
        kind = replace(version("classification", classes=(0, 1)), **given)
        made = outputs_of(kind).predict(Told(lines, own), None)
        assert [one.to_pylist() for one in made] == [labels, found.tolist()]
        kind = replace(version(MULTILABEL, outputs=outputs), **given)
        made = outputs_of(kind).predict(
            Told(np.column_stack([found, found]), np.column_stack([own, own])), None
        )
        assert [one.to_pylist() for one in made] == [labels, found.tolist()] * 2
    columns = {"x": "x", "y": "y", "z": "z"}
    kind = replace(
        version("classification", classes=("x", "y", "z"), class_columns=columns), label_method="score"
    )
    three = np.array([[0.2, 0.5, 0.3], [0.1, 0.2, 0.7], [0.9, 0.05, 0.05]])
    made = outputs_of(kind).predict(Told(three, ["x", "x", "x"]), None)
    assert [one.to_pylist() for one in made] == [["y", "z", "x"], *three.T.tolist()]


def test_other_tasks_give_what_the_estimator_gives() -> None:
    scores = np.array([-0.5, 0.0, 0.5])
    for method, labels in (("sign", [-1, 1, 1]), ("predict", [1, 1, -1])):
        anomaly = replace(version("anomaly"), label_method=method)
        made = outputs_of(anomaly).predict(Told(scores, [1, 1, -1]), None)
        assert [one.to_pylist() for one in made] == [labels, scores.tolist()]
    for found in (scores, np.column_stack([-scores, scores])):
        assert outputs_of(version("ranking")).predict(Told(found, []), None)[0].to_pylist() == scores.tolist()
    for task, outputs, found in (
        ("regression", {}, scores),
        ("regression", {}, scores[:, None]),
        ("multioutput_regression", {"a": "a", "b": "b"}, np.column_stack([scores, 2 * scores])),
    ):
        made = outputs_of(version(task, outputs=outputs)).predict(Told([], found), None)
        assert [one.to_pylist() for one in made] == np.asarray(found).reshape(3, -1).T.tolist()


@pytest.mark.parametrize("prepared", [False, True])
def test_segments_and_the_distances_from_their_centres(prepared: bool) -> None:
    X = np.random.default_rng(0).normal(size=(60, 2)) + np.repeat([[0, 0], [5, 9]], 30, axis=0)
    means = KMeans(2, n_init=1, random_state=0)
    estimator = (make_pipeline(StandardScaler(), MaxAbsScaler(), means) if prepared else means).fit(X)
    distances = estimator.transform(X).min(axis=1)
    for method, columns in (
        ("transform", [estimator.predict(X), distances]),
        ("none", [estimator.predict(X)]),
    ):
        made = outputs_of(replace(version("clustering"), score_method=method)).predict(estimator, X)
        assert [one.to_pylist() for one in made] == [one.tolist() for one in columns]
