"""How far results are from the estimator's own: counts of rows, and the largest difference of scores."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Outcome:
    """Labels and scores of one side, row by row; scores are None where there are only labels (clusters)."""

    labels: np.ndarray
    scores: np.ndarray | None = None


@dataclass(frozen=True)
class Difference:
    """The result of a comparison; `largest` is over the rows where both sides have a score.

    `unscored` counts rows that the estimator scores and the other side does not: they count as different.
    """

    rows: int
    labels: int
    scores: int | None
    largest: float | None
    unscored: int

    @property
    def equal(self) -> bool:
        """Whether nothing differs, not even the last bit of a score."""
        return not self.labels and not self.scores


def compared(expected: Outcome, found: Outcome) -> Difference:
    """Compare what a converter gives with what the estimator gives, both in the same order.

    A row without a result, NaN as its label or score, differs. Raises ValueError if the number of rows
    differs, and if the estimator itself left a row without a result.
    """
    given, got = _doubles(expected.labels), _doubles(found.labels)
    if len(given) != len(got):
        raise ValueError(f"{len(got):,} results for {len(given):,} rows")
    if np.isnan(given).any():
        raise ValueError("the estimator gave no label for some rows")
    labels = int((given != got).sum())  # NaN differs from everything
    unscored = np.isnan(got)
    if expected.scores is None or found.scores is None:
        return Difference(len(given), labels, None, None, int(unscored.sum()))
    wanted, scored = _doubles(expected.scores), _doubles(found.scores)
    if len(wanted) != len(scored):
        raise ValueError(f"{len(scored):,} scores for {len(wanted):,} rows")
    if np.isnan(wanted).any():
        raise ValueError("the estimator gave no score for some rows")
    unscored |= np.isnan(scored)
    off = np.abs(wanted - scored)[~np.isnan(scored)]
    largest = float(off.max()) if len(off) else None
    return Difference(len(given), labels, int((wanted != scored).sum()), largest, int(unscored.sum()))


def of_kind(outcome: Outcome, chosen: np.ndarray) -> Outcome:
    """The results of the chosen rows."""
    return Outcome(outcome.labels[chosen], None if outcome.scores is None else outcome.scores[chosen])


def _doubles(values: np.ndarray) -> np.ndarray:
    return np.asarray(values).astype(np.float64).ravel()
