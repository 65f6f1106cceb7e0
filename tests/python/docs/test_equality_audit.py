"""The audit of converters counts what differs, and sees a converter that is wrong."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from project import REPOSITORY

pytest.importorskip("lightgbm", reason="needs the extra boosters")
pytest.importorskip("xgboost", reason="needs the extra boosters")
sys.path.insert(0, str(REPOSITORY / "benchmarks" / "equality"))

from converters import REASON_WIDTH, reason_in
from differences import Difference, Outcome, compared, of_kind
from fitted import ESTIMATORS, thresholds, training
from hard import KINDS, hard_rows
from page import Result, page, sentence

pytestmark = pytest.mark.heavy
LABELS, SCORES = np.array([0, 1, 1, 0]), np.array([0.1, 0.9, 0.8, 0.2])


def test_equal_results_differ_nowhere() -> None:
    found = compared(Outcome(LABELS, SCORES), Outcome(LABELS.astype(float), SCORES.copy()))
    assert found == Difference(rows=4, labels=0, scores=0, largest=0.0, unscored=0)
    assert found.equal


def test_labels_scores_and_the_last_bit_are_counted() -> None:
    other = SCORES.copy()
    other[0] = np.nextafter(0.1, 1.0)
    other[3] += 0.5
    found = compared(Outcome(LABELS, SCORES), Outcome(np.array([0, 1, 1, 1]), other))
    assert (found.labels, found.scores, found.unscored) == (1, 2, 0)
    assert found.largest == pytest.approx(0.5)
    assert not found.equal


def test_a_row_without_a_result_differs_and_is_counted() -> None:
    labels, scores = LABELS.astype(float), SCORES.copy()
    labels[1] = scores[1] = scores[2] = np.nan
    found = compared(Outcome(LABELS, SCORES), Outcome(labels, scores))
    assert found == Difference(rows=4, labels=1, scores=2, largest=0.0, unscored=2)


def test_labels_alone_are_compared_where_there_are_no_scores() -> None:
    found = compared(Outcome(LABELS), Outcome(np.array([1, 1, 1, 0])))
    assert found == Difference(rows=4, labels=1, scores=None, largest=None, unscored=0)


@pytest.mark.parametrize(
    ("expected", "found", "problem"),
    [
        (Outcome(LABELS, SCORES), Outcome(LABELS[:3], SCORES[:3]), "3 results for 4 rows"),
        (Outcome(LABELS, SCORES), Outcome(LABELS, SCORES[:3]), "3 scores for 4 rows"),
        (Outcome(LABELS, np.full(4, np.nan)), Outcome(LABELS, SCORES), "the estimator gave no score"),
    ],
)
def test_results_that_cannot_be_compared_are_an_error(
    expected: Outcome, found: Outcome, problem: str
) -> None:
    with pytest.raises(ValueError, match=problem):
        compared(expected, found)


@pytest.mark.parametrize("name", ["forest", "gradient", "hist", "lightgbm", "xgboost"])
def test_hard_rows_show_thresholds_that_are_one_step_off(name: str) -> None:
    """A converter that rounds its input to float32, or reads `<` as `<=`, is seen on the threshold rows."""
    fitted = ESTIMATORS[name]
    X, y = (part[:800] for part in training(fitted.takes_missing))
    estimator = fitted.make().set_params(**SMALL[name]).fit(X.to_numpy(), y)
    edges = thresholds(estimator, fitted.trees)
    rows, kinds = hard_rows(X.to_numpy(), edges, estimator.predict, fitted.takes_missing)
    wrong = np.nextafter(rows.astype(np.float32), np.float32(np.inf)).astype(np.float64)
    expected, found = (Outcome(estimator.predict(x), estimator.predict_proba(x)[:, 1]) for x in (rows, wrong))
    chosen = kinds == KINDS.index("threshold")
    assert compared(expected, expected).equal
    assert compared(of_kind(expected, chosen), of_kind(found, chosen)).scores


SMALL = {
    "forest": {"n_estimators": 5, "max_depth": 4},
    "gradient": {"n_estimators": 5},
    "hist": {"max_iter": 5},
    "lightgbm": {"n_estimators": 5},
    "xgboost": {"n_estimators": 5},
}


def test_pairs_at_the_boundary_have_different_labels_and_are_neighbours() -> None:
    fitted = ESTIMATORS["logistic"]
    X, y = (part[:800] for part in training(fitted.takes_missing))
    estimator = fitted.make().fit(X.to_numpy(), y)
    rows, kinds = hard_rows(X.to_numpy(), {}, estimator.predict, False)
    low, high = np.split(rows[kinds == KINDS.index("boundary")], 2)
    assert len(low) > 100
    assert (estimator.predict(low) != estimator.predict(high)).all()
    assert (np.abs(low - high) <= 2 * np.spacing(np.maximum(np.abs(low), np.abs(high)))).all()


def test_the_reason_is_what_the_last_error_says() -> None:
    first = "Traceback (most recent call last):\n  File\nTypeError: an int\n\n"
    last = "Traceback (most recent call last):\n  File\na.b.Refused: no such\n 'mode': [1]}.\n"
    assert reason_in(first + "During handling:\n" + last) == "a.b.Refused: no such"
    assert reason_in("ERROR: no version\nERROR: none matches\n") == "ERROR: no version"
    assert reason_in("") == "it ended without a message"
    assert len(reason_in("ValueError: " + "x" * 500)) == REASON_WIDTH


def test_the_page_names_what_differs_and_what_gave_nothing() -> None:
    equal = Difference(4, 0, 0, 0.0, 0)
    off = Difference(4, 2, 3, 0.25, 1)
    results = [
        Result("ours", "logistic", equal, {"training": equal}),
        Result("theirs", "logistic", off, {"training": off}),
        Result("none", "logistic", refused="not converted: a | b `c`"),
    ]
    text = page(results, "2026-01-01", "x 1", 5_000)
    assert "| theirs | 4 | 2 | 2 | 3 | 0.2, 1 rows without a result |" in text
    assert "- none: `a / b 'c'`" in text
    assert sentence(results) in text
    assert "Of 3 pairs of a converter and an estimator, 2 gave results: 1 equalled" in text
    assert "0 differed but gave every training row its label, 1 gave training rows another label" in text
