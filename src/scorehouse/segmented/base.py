"""Fit a clone per segment, and ask each row's own: what the segmented regressor and classifier share.

Rows are grouped once per call, so there is one call of `predict` for each segment that occurs, and none for
each row.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone
from sklearn.utils import column_or_1d
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from scorehouse.errors import listed
from scorehouse.segmented.keys import Keys, as_rows, keys_of, plain, rows_at, without_column, wrong

FALLBACKS = ("global", "reject")
# As in the kernel (docs/decisions/whole-blocks.md): a row's last digit must not depend on its neighbours.
BLOCK_ROWS = 64
ROWS_PER_ESTIMATOR = 64  # that make a call of each estimator worth its time


class Segmented(MetaEstimatorMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn's are seen as Any
    """A clone of `estimator` for each segment; `SegmentedRegressor` describes parameters and attributes."""

    def __init__(
        self,
        estimator: Any,
        by: Any,
        *,
        fallback: str = "global",
        min_rows: int = 1,
        n_jobs: int | None = None,
    ) -> None:
        self.estimator = estimator
        self.by = by
        self.fallback = fallback
        self.min_rows = min_rows
        self.n_jobs = n_jobs

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit a clone of `estimator` on the rows of each segment, and the fallback on all rows.

        X: frame or array of shape (rows, features), which holds the column `by`. y: one label per row.
        sample_weight: a weight per row, which is passed to every fit; rows of weight 0 are left out. Raises
        ValueError that says what to do.
        """
        call = self._call("fit")
        self._check_parameters(call)
        X = as_rows(X, call)
        _check_features(self, X, reset=True)
        if y is None:
            raise wrong(call, "it requires y to be passed, but the target y is None", "labels", "pass y")
        labels = self._checked_labels(column_or_1d(y, warn=True))
        check_consistent_length(X, labels, sample_weight)
        weights = None if sample_weight is None else np.asarray(sample_weight)
        if weights is not None and not weights.all():
            kept = np.flatnonzero(weights)
            X, labels, weights = rows_at(X, kept), labels[kept], weights[kept]
        self.position_ = self._position(call)
        rest, column = without_column(X, self.position_)
        keys = keys_of(column, self.by, call, learned=True)
        codes, found = pd.factorize(keys.values, sort=True)
        if not len(found):
            raise wrong(
                call,
                f"no row has a value of {self.by!r} (X has {len(codes)} rows)",
                "a segment in at least one row; X has minimum of 1 is required",
                "pass rows with a segment",
            )
        rows = np.bincount(codes[codes >= 0], minlength=len(found))
        places = np.split(np.argsort(codes, kind="stable")[(codes < 0).sum() :], np.cumsum(rows)[:-1])
        own = np.flatnonzero([len(of) >= self.min_rows and self._can_learn(labels[of]) for of in places])
        self.key_kind_ = keys.kind
        self.training_segments_ = plain(found, keys.kind)
        self.training_rows_ = rows
        self.segments_ = self.training_segments_[own]
        wanted = [
            (f"the segment {name!r}", places[n]) for name, n in zip(self.segments_.tolist(), own, strict=True)
        ]
        if self.fallback == "global":
            wanted.append(("all rows", np.arange(len(codes))))
        self.estimators_ = self._fitted(wanted, rest, labels, weights)
        self.fallback_ = self.estimators_.pop() if self.fallback == "global" else None
        return self

    @property
    def rows_per_call(self) -> int:
        """How many rows to score at once, so that each estimator gets enough of them to be worth a call."""
        return ROWS_PER_ESTIMATOR * (len(self.estimators_) + 1)

    def segment_facts(self) -> dict[str, Any]:
        """What the registry records: the column, the fallback, the segments and their training rows.

        `own` of the `segments` have an estimator of their own; `rows` has the smallest, the median and the
        largest number of training rows of a segment.
        """
        rows, names = self.training_rows_, getattr(self, "feature_names_in_", None)
        return {
            "by": str(self.by if names is None else names[self.position_]),
            "fallback": self.fallback,
            "min_rows": int(self.min_rows),
            "segments": len(rows),
            "own": len(self.estimators_),
            "rows": [int(rows.min()), float(np.median(rows)), int(rows.max())],
        }

    def _call(self, method: str) -> str:
        return f"{type(self).__name__}.{method}"

    def _check_parameters(self, call: str) -> None:
        if self.fallback not in FALLBACKS:
            raise wrong(
                call, f"fallback is {self.fallback!r}", f"one of {listed(FALLBACKS)}", "correct fallback"
            )
        rows = self.min_rows
        if isinstance(rows, bool) or not isinstance(rows, (int, np.integer)) or rows < 1:
            raise wrong(call, f"min_rows is {rows!r}", "a whole number from 1", "correct min_rows")

    def _checked_labels(self, y: np.ndarray) -> np.ndarray:
        return y

    def _can_learn(self, labels: np.ndarray) -> bool:
        """Whether the labels of a segment are enough for an estimator of its own."""
        return True

    def _position(self, call: str) -> int:
        """The position of the column `by`: a name, or else a number."""
        names = list(getattr(self, "feature_names_in_", []))
        if self.by in names:
            return names.index(self.by)
        if isinstance(self.by, (int, np.integer)) and 0 <= self.by < self.n_features_in_:
            return int(self.by)
        raise wrong(
            call,
            f"X has no column {self.by!r}",
            f"one of the columns {listed(names)}" if names else f"a position below {self.n_features_in_}",
            "correct by, or pass a frame with this column",
        )

    def _fitted(
        self, wanted: list[tuple[str, np.ndarray]], X: Any, y: np.ndarray, weights: np.ndarray | None
    ) -> list[Any]:
        """A fitted clone for each group of rows."""
        jobs = (
            delayed(_fit_one)(
                self.estimator, what, rows_at(X, rows), y[rows], None if weights is None else weights[rows]
            )
            for what, rows in wanted
        )
        return list(Parallel(n_jobs=self.n_jobs)(jobs))

    def _answers(self, X: Any, method: str, made: np.ndarray) -> np.ndarray:
        """Fill `made`, with a line per row, with the answers of the estimator of each row that has one."""
        call = self._call(method)
        X = as_rows(X, call)
        _check_features(self, X, reset=False)
        rest, column = without_column(X, self.position_)
        codes = self._codes(keys_of(column, self.by, call), call)
        order = np.argsort(codes, kind="stable")
        held, starts = np.unique(codes[order], return_index=True)
        for code, rows in zip(held, np.split(order, starts[1:]), strict=False):
            estimator = self.fallback_ if code < 0 else self.estimators_[code]
            if estimator is not None:
                whole = rows.take(np.arange(len(rows) + -len(rows) % BLOCK_ROWS), mode="clip")
                answers = np.asarray(getattr(estimator, method)(rows_at(rest, whole)))
                self._put(made, rows, answers[: len(rows)], estimator)
        return made

    def _codes(self, keys: Keys, call: str) -> np.ndarray:
        """The position of each row's own estimator; -1 for a row that has none."""
        if keys.kind == self.key_kind_:
            return keys.among(self.segments_)
        if pd.isna(keys.values).all():
            return np.full(len(keys.values), -1)
        raise wrong(
            call,
            f"the column {self.by!r} holds {keys.kind}",
            f"{self.key_kind_}, as in fit",
            "convert the column",
        )

    def _put(self, made: np.ndarray, rows: np.ndarray, answers: np.ndarray, estimator: Any) -> None:
        made[rows] = answers


def length(estimator: Segmented, X: Any) -> int:
    """The number of rows, for a fitted estimator."""
    check_is_fitted(estimator)
    return len(X) if hasattr(X, "__len__") else len(np.asarray(X))


def _check_features(estimator: Any, X: Any, *, reset: bool) -> None:
    """Set, or compare with those of the fit, the number and the names of the columns."""
    try:
        from sklearn.utils.validation import validate_data
    except ImportError:  # before scikit-learn 1.6
        estimator._validate_data(X, reset=reset, cast_to_ndarray=False)
        return
    validate_data(estimator, X, reset=reset, skip_check_array=True)


def _fit_one(estimator: Any, what: str, X: Any, y: np.ndarray, weights: np.ndarray | None) -> Any:
    try:
        return clone(estimator).fit(X, y, **({} if weights is None else {"sample_weight": weights}))
    except (ValueError, TypeError) as error:
        raise type(error)(f"{what} ({len(y):,} rows): {error}") from error
