"""What a teacher teaches: scores of rows that it has not seen, its student's size, and who cannot teach."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from scorehouse.errors import ConfigurationError, EstimatorError
from scorehouse.retraining import teach
from scorehouse.retraining.distil import why_not
from scorehouse.retraining.job import Frames
from scorehouse.retraining.students import fit_on, stages, student
from scorehouse.retraining.teach import _learned, later_half, losses, mixed_rows, scores_of, taught

ROWS = 600


def job(into: str = "linear", **given: Any) -> Any:
    parent = {"task": "classification", "version": 3, "name": "slow"}
    known = {"features": ["number", "x"], "labels": ["y"], "label": "y", "time": "day", "seed": 0}
    others = {"name": "slow", "call": "scorehouse distil slow", "teacher_rows": 0, "parent": parent}
    return SimpleNamespace(**{**known, **others, "into": into, **given})


def frames(rows: int = ROWS, held: int = 200) -> Frames:
    """Rows with a number of their own, in the order of time; the chance of 1 is a logistic curve of x."""
    random = np.random.default_rng(1)
    x = random.normal(size=rows + held)
    frame = pd.DataFrame(
        {"number": np.arange(rows + held, dtype=float), "x": x, "day": np.arange(rows + held) // 3}
    )
    frame["y"] = (random.uniform(size=len(x)) < 1 / (1 + np.exp(-2 * x))).astype(int)
    return Frames(frame[:rows].reset_index(drop=True), frame[rows:].reset_index(drop=True))


class Knows(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A teacher that refuses rows that it has learned from, and keeps which it was asked about."""

    asked: ClassVar[list[float]] = []

    def fit(self, X: pd.DataFrame, y: Any) -> Knows:
        self.classes_ = np.unique(y)
        self.seen_ = set(X["number"])
        return self

    def predict_proba(self, X: pd.DataFrame) -> np.ndarray:
        assert not self.seen_ & set(X["number"]), "it has learned from these rows"
        self.asked.extend(X["number"])
        chance = 1 / (1 + np.exp(-2 * X["x"].to_numpy()))
        return np.column_stack([1 - chance, chance])

    def predict(self, X: pd.DataFrame) -> np.ndarray:
        return (self.predict_proba(X)[:, 1] > 0.5).astype(int)


def test_no_row_is_labelled_by_a_clone_that_has_seen_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(teach, "COPIES", 0)
    rows = frames()
    teacher = Knows().fit(rows.training[["number", "x"]], rows.training["y"])
    Knows.asked = []
    lesson = taught(teacher, rows, job(), is_new=False)
    assert sorted(set(Knows.asked)) == list(range(800)), "each row has its score"
    assert lesson.metrics["student"]["log_loss"] < lesson.metrics["labels"]["log_loss"] + 0.01
    assert lesson.gap["mean"] < 0.1 < 0.2 < lesson.metrics["teacher"]["log_loss"]
    with pytest.raises(AssertionError, match="has learned"):
        teacher.predict_proba(rows.training)


def test_a_fit_on_probabilities_gives_these_probabilities() -> None:
    random = np.random.default_rng(0)
    X = pd.DataFrame({"x": random.normal(size=400)})
    chance = 1 / (1 + np.exp(-2 * X["x"].to_numpy()))
    soft = np.column_stack([1 - chance, chance])
    hard = np.eye(2)[(random.uniform(size=400) < chance).astype(int)]
    errors = []
    for targets in (soft, hard):
        model = fit_on(student("linear", "classification", {"C": 100.0}, 0), X, targets, [0, 1])
        errors.append(np.abs(model.predict_proba(X)[:, 1] - chance).max())
    assert errors[0] < 0.005 < 0.02 < errors[1]
    words = fit_on(student("tree", "classification", {}, 0), X, hard, ["no", "yes"])
    assert words.classes_.tolist() == ["no", "yes"]


def test_mixed_rows_have_values_of_their_columns_and_mostly_their_own() -> None:
    random = np.random.default_rng(0)
    words = np.array(["a", "b", None], dtype=object)[random.integers(0, 3, 300)]
    day = pd.Timestamp("2025-01-01") + pd.to_timedelta(random.integers(0, 9, 300), unit="D")
    X = pd.DataFrame({"number": random.normal(size=300), "word": words, "day": day})
    X.loc[:9, "number"] = np.nan
    own = np.tile(np.arange(300), 2)
    mixed = mixed_rows(X, own, seed=0)
    assert mixed.shape == (600, 3) and mixed.dtypes.tolist() == X.dtypes.tolist()
    assert set(mixed["number"].dropna()) <= set(X["number"]) and set(mixed["word"]) == set(X["word"])
    kept = (mixed["number"].to_numpy() == X["number"].to_numpy()[own]).mean()
    assert 0.65 < kept < 0.85
    assert mixed.equals(mixed_rows(X, own, seed=0)) and not mixed.equals(mixed_rows(X, own, seed=1))


@pytest.mark.parametrize("noise", [True, False])
def test_the_size_is_what_the_rows_held_out_call_for(noise: bool) -> None:
    random = np.random.default_rng(2)
    X = pd.DataFrame({"x": random.uniform(size=3000)})
    truth = random.integers(0, 2, 3000) if noise else (X["x"] * 40 % 2 > 1).astype(int).to_numpy()
    targets = np.eye(2)[truth]
    given = [(X[:2000], targets[:2000])]
    model, size = _learned(given, X[2000:], targets[2000:], [0, 1], job("tree", features=["x"]))
    assert (size["max_leaf_nodes"] == 8) == noise
    assert size["max_leaf_nodes"] == model[-1].max_leaf_nodes


def test_a_boosting_is_tried_with_fewer_trees() -> None:
    X = pd.DataFrame({"x": np.arange(60.0)})
    size = {"max_leaf_nodes": 4, "max_iter": 50}
    model = fit_on(student("boosting", "regression", size, 0), X, np.sin(X["x"].to_numpy()), [])
    found = list(stages(model, size, X, lambda one, rows: scores_of(one, rows, []), []))
    assert [one["max_iter"] for one, _ in found] == [25, 50]
    assert np.array_equal(found[-1][1], model.predict(X))


def test_losses_and_the_verdict() -> None:
    scores = np.array([[0.25, 0.75], [1.0, 0.0]])
    assert losses(scores, np.eye(2)[[1, 0]]).tolist() == [-np.log(0.75), 0.0]
    assert 30 < losses(scores, np.eye(2)[[1, 1]])[1] < 40
    assert losses(np.array([1.0, 3.0]), np.array([1.0, 1.0])).tolist() == [0.0, 4.0]
    assert why_not(0.1, 0.01, 5) == "" and "without a teacher is as good" in why_not(0, -0.1, 100)
    assert "not certain" in why_not(0.1, 0, 100) and "the student has 4.5 x" in why_not(0.1, 0.01, 4.5)


def test_what_was_frozen_for_a_calibration_learns_too() -> None:
    frozen = pytest.importorskip("sklearn.frozen").FrozenEstimator
    rows = frames()
    X, y = rows.training[["number", "x"]], rows.training["y"]
    teacher = CalibratedClassifierCV(frozen(LogisticRegression().fit(X, y))).fit(X, y)
    fresh = teach._fresh(teacher, job())
    assert not hasattr(fresh.estimator, "coef_") and type(fresh.estimator) is LogisticRegression


class Moody(Knows):
    """A teacher that says something else each time."""

    def predict_proba(self, X: pd.DataFrame) -> np.ndarray:
        chance = np.random.default_rng().uniform(size=len(X))
        return np.column_stack([1 - chance, chance])


class Closed(Knows):
    """A teacher that scikit-learn cannot clone."""

    def __init__(self, *parts: Any) -> None:
        self.parts = parts


class Small(Knows):
    """A teacher that learns from few rows only."""

    def fit(self, X: pd.DataFrame, y: Any) -> Small:
        if len(X) > 300:
            raise MemoryError("a matrix of all pairs of rows")
        super().fit(X, y)
        return self


@pytest.mark.parametrize(
    ("teacher", "problem", "action"),
    [
        (LinearSVC(), "no predict_proba", "CalibratedClassifierCV"),
        (Moody(), "is not deterministic: scored twice, the same 200 rows differ by up to ", "random state"),
        (Closed(), "cannot be cloned", "register the scikit-learn estimator itself"),
        (Small(), "cannot be fitted on 480 rows (MemoryError: a matrix of", "--teacher-rows"),
    ],
)
def test_who_cannot_teach(teacher: Any, problem: str, action: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(teach, "COPIES", 0)
    rows = frames()
    few = slice(0, 300) if isinstance(teacher, Small) else slice(None)
    teacher.fit(rows.training[["number", "x"]][few], rows.training["y"][few])
    with pytest.raises(EstimatorError) as refused:
        taught(teacher, rows, job(), is_new=True)
    assert refused.value.call == "scorehouse distil slow" and "slow version 3" in refused.value.problem
    assert problem in refused.value.problem and action in refused.value.action
    if isinstance(teacher, Small):
        assert taught(teacher, rows, job(teacher_rows=300), is_new=True).gap["mean"] < 0.2


class Summed(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """A forest in threads adds its trees in another order each time: the last place differs."""

    calls = 0

    def predict(self, X: pd.DataFrame) -> np.ndarray:
        self.calls += 1
        return (1e8 + X["x"].to_numpy()) * (1 + self.calls % 2 * np.finfo(np.float64).eps)


def test_the_last_place_of_a_large_number_is_not_another_answer() -> None:
    regression = job(parent={"task": "regression", "version": 3, "name": "slow"})
    teach._check_scores(Summed(), frames().holdout[["number", "x"]], regression)


def test_too_few_rows_to_measure_with_are_refused() -> None:
    rows = frames(held=39)
    teacher = LogisticRegression().fit(rows.training[["number", "x"]], rows.training["y"])
    with pytest.raises(ConfigurationError, match=r"39 rows are held out.*\n.*at least 40"):
        taught(teacher, rows, job(), is_new=True)


def test_a_label_that_the_teacher_does_not_know_is_refused() -> None:
    rows = frames()
    teacher = LogisticRegression().fit(rows.training[["number", "x"]], rows.training["y"])
    rows.training.loc[5, "y"] = 7
    with pytest.raises(EstimatorError, match="the label y is also 7, which are no classes of slow version 3"):
        taught(teacher, rows, job(), is_new=True)


def test_rows_of_one_time_are_divided_at_random() -> None:
    """They are sorted by features and label, which says nothing of their order in time."""
    later = later_half(pd.Series([1] * 100), seed=0)
    assert later.sum() == 50 and 15 < later[:50].sum() < 35
    by_time = later_half(pd.Series([3] * 30 + [1] * 40 + [2] * 30), seed=0)
    assert by_time.sum() == 50 and by_time[:30].all() and not by_time[30:70].any()


@pytest.mark.parametrize("into", ["boosting", "tree", "linear"])
def test_a_class_that_the_rows_lack_has_no_probability(into: str) -> None:
    given = frames()
    classes = [0, 1, 2]
    targets = np.eye(3)[given.training["y"]]
    model = fit_on(student(into, "classification", {}, 0), given.training[["number", "x"]], targets, classes)
    rows = given.holdout[["number", "x"]]
    for _, found in stages(model, {}, rows, lambda one, X: scores_of(one, X, classes), classes):
        assert found.shape == (len(rows), 3) and not found[:, 2].any()
        assert np.allclose(found.sum(axis=1), 1)


def test_what_a_teacher_raises_is_told_in_words() -> None:
    class Picky(Knows):
        def predict_proba(self, X: pd.DataFrame) -> np.ndarray:
            raise ValueError("Found unknown categories ['x']")

    given = frames()
    teacher = Picky().fit(given.training, given.training["y"])
    with pytest.raises(EstimatorError, match=r"cannot score the rows .*unknown categories"):
        taught(teacher, given, job(), is_new=True)
