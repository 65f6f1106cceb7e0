"""What each task makes of an estimator's answers, and of rows that prove a program."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

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
