"""The segment of each row, and X without the column that holds it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from scorehouse.errors import ConfigurationError

LARGEST_EXACT = 2**53  # a column of whole numbers with a missing one is passed as doubles
NUMBERS = ("integer", "floating", "mixed-integer-float", "boolean", "decimal")
TEXT, NUMBER = "strings", "numbers"


@dataclass(frozen=True)
class Keys:
    """The segment of each row: `values` are strings (missing: None) or doubles (missing: NaN)."""

    kind: str
    values: np.ndarray

    def among(self, known: np.ndarray) -> np.ndarray:
        """The position of each row's segment in `known`, of the same kind; -1 where it is not in it."""
        index = pd.Index(known.astype(object if self.kind == TEXT else np.float64))
        return index.get_indexer(pd.Index(self.values))


def keys_of(column: pd.Series, by: Any, call: str, *, learned: bool = False) -> Keys:
    """The segments in a column; `learned` is for those of a fit, which have to be exact as doubles too.

    Raises ValueError for values that are neither strings, numbers nor booleans.
    """
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype(object)
    kind = pd.api.types.infer_dtype(column, skipna=True)
    missing = column.isna().to_numpy()
    if kind in ("string", "empty"):
        texts = np.array(column.to_numpy(dtype=object), dtype=object)
        texts[missing] = None
        return Keys(TEXT, texts)
    if kind not in NUMBERS:
        raise wrong(
            call,
            f"the column {by!r} holds {kind} values",
            "strings, whole numbers or booleans, of one kind",
            "convert the column to strings",
        )
    numbers = np.full(len(column), np.nan)
    numbers[~missing] = column[~missing].to_numpy(dtype=np.float64)
    if learned and kind == "integer" and (np.abs(numbers[~missing]) >= LARGEST_EXACT).any():
        raise wrong(
            call,
            f"the column {by!r} holds whole numbers of {LARGEST_EXACT:,} or more, which a double rounds",
            "smaller numbers, or strings",
            "convert the column to strings, in the feature table too",
        )
    return Keys(NUMBER, numbers)


def plain(values: np.ndarray, kind: str) -> np.ndarray:
    """Segments as strings, or as numbers, whole ones where all are."""
    if kind == TEXT:
        return np.array(values, dtype=object)
    numbers = np.asarray(values, dtype=np.float64)
    is_whole = (np.abs(numbers) < LARGEST_EXACT).all() and (numbers == np.floor(numbers)).all()
    return numbers.astype(np.int64) if is_whole else numbers


def as_rows(X: Any, call: str) -> Any:
    """X as a pandas frame or an array of two dimensions."""
    if isinstance(X, pd.DataFrame):
        return X
    if hasattr(X, "to_pandas"):
        return X.to_pandas()
    if hasattr(X, "toarray"):
        raise TypeError(
            str(wrong(call, "X is a sparse matrix", "a frame or a dense array", "pass X.toarray()"))
        )
    rows = np.asarray(X)
    if rows.ndim != 2:
        raise wrong(
            call,
            f"X has {rows.ndim} dimensions",
            "Expected 2D array: a column per feature",
            "Reshape your data",
        )
    return rows


def without_column(X: Any, position: int) -> tuple[Any, pd.Series]:
    """X without the column at `position`, and that column."""
    if isinstance(X, pd.DataFrame):
        others = [i for i in range(X.shape[1]) if i != position]
        return X.iloc[:, others], X.iloc[:, position]
    return np.delete(X, position, axis=1), pd.Series(X[:, position])


def rows_at(X: Any, places: np.ndarray) -> Any:
    """The rows of a frame or an array at these places."""
    return X.iloc[places] if isinstance(X, pd.DataFrame) else X[places]


def wrong(call: str, problem: str, expected: str, action: str) -> ValueError:
    """A ValueError, as scikit-learn's estimators raise it, that says what was wrong and what to do."""
    return ValueError(str(ConfigurationError(call, problem, expected=expected, action=action)))
