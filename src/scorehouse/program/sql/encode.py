"""Encoders of categories: asked, not re-implemented.

One-hot, ordinal and target encoders turn each input column separately into output columns. So the fitted
encoder is asked for its results for every category, for an unseen value and for a missing value. The answers
become a `case`, which includes drops, frequency limits and unknown values.
"""

from __future__ import annotations

import warnings
from collections import Counter
from typing import Any

import numpy as np
import pandas as pd

from scorehouse.program.sql.builder import Builder, Value
from scorehouse.program.sql.expression import NULL, Case, Compare, Expr, In, IsNull, Literal, number, text
from scorehouse.program.sql.scale import no_times

UNSEEN = "scorehouse: a category never seen"
WIDTH_LIMIT = 5_000


def lookup_encoder(b: Builder, estimator: Any, values: list[Value]) -> list[Value]:
    """The encoder's own answers as a `case` for each output column."""
    no_times(b, estimator, values)
    known = [_known(categories) for categories in estimator.categories_]
    base = [categories[0] if categories else None for categories in known]
    reference = _ask(estimator, [[value] for value in base])
    if reference is None:
        raise b.refuse(estimator, "it does not take its own categories")
    if reference.shape[1] > WIDTH_LIMIT:
        raise b.refuse(estimator, f"it makes {reference.shape[1]} columns, more than {WIDTH_LIMIT}")
    names = _names(estimator, reference.shape[1], values)
    made = [Value(_constant(answer), name) for answer, name in zip(reference[0].tolist(), names, strict=True)]
    for position, value in enumerate(values):
        x = b.bound(value)
        answers, unseen, missing = _answers(estimator, base, position, known[position])
        for j in np.flatnonzero(_varies(reference[0], answers, unseen, missing)).tolist():
            expr = _case(x, known[position], answers[:, j], _at(unseen, j), _at(missing, j))
            made[j] = value.made(expr, names[j])
    return made


def _known(categories: Any) -> list[Any]:
    plain = np.asarray(categories, dtype=object).tolist()
    return [value for value in plain if value is not None and value == value]


def _ask(estimator: Any, columns: list[list[Any]]) -> np.ndarray | None:
    """The encoder's result for the rows, or None if it refuses them."""
    names = getattr(estimator, "feature_names_in_", range(len(columns)))
    frame = pd.DataFrame(
        {name: pd.Series(column, dtype=_dtype(column)) for name, column in zip(names, columns, strict=True)}
    )
    X = frame if hasattr(estimator, "feature_names_in_") else frame.to_numpy()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            made = estimator.transform(X)
    except (ValueError, TypeError):
        return None
    made = made.toarray() if hasattr(made, "toarray") else made
    return np.asarray(made, dtype=np.float64)


def _dtype(column: list[Any]) -> Any:
    plain = [value for value in column if value is not None and value == value]
    if any(isinstance(value, str) for value in plain) or not plain:
        return object
    if len(plain) < len(column) or any(isinstance(value, float) for value in plain):
        return np.float64
    return bool if all(isinstance(value, bool) for value in plain) else np.int64


def _answers(
    estimator: Any, base: list[Any], position: int, known: list[Any]
) -> tuple[np.ndarray, np.ndarray | None, np.ndarray | None]:
    """Answers to the known categories, to an unseen one, and to a missing one (None: refused)."""

    def ask(asked: list[Any]) -> np.ndarray | None:
        return _ask(estimator, [asked if i == position else [v] * len(asked) for i, v in enumerate(base)])

    answers = ask(known)
    if answers is None:
        answers = np.empty((0, 0))
    numeric = bool(known) and not isinstance(known[0], str)
    is_boolean = numeric and isinstance(known[0], bool)
    unseen = None if is_boolean else ask([max(known) * 2 + 2 if numeric else UNSEEN])
    fitted = np.asarray(estimator.categories_[position], dtype=object).tolist()
    # None and NaN are two values for an encoder, and training had one of them
    missing = None if any(value is None for value in fitted) else ask([float("nan")])
    return answers, unseen, missing if missing is not None else ask([None])


def _varies(
    reference: np.ndarray, answers: np.ndarray, unseen: np.ndarray | None, missing: np.ndarray | None
) -> np.ndarray:
    rows = np.vstack([answers, *(row for row in (unseen, missing) if row is not None)])
    same = (rows == reference) | (np.isnan(rows) & np.isnan(reference))
    return ~same.all(axis=0)


def _at(row: np.ndarray | None, j: int) -> float | None:
    return None if row is None else float(row[0, j])


def _case(
    value: Value, known: list[Any], answers: np.ndarray, unseen: float | None, missing: float | None
) -> Expr:
    """Categories grouped by answer; a refused unseen value gets the most frequent answer, unread."""
    default = Counter(answers.tolist()).most_common(1)[0][0] if unseen is None else unseen
    whens: list[tuple[Expr, Expr]] = []
    if missing is not None and not _same(missing, default):
        whens.append((IsNull(value.expr), _constant(missing)))
    groups: dict[float, list[Literal]] = {}
    for category, answer in zip(known, answers.tolist(), strict=True):
        if not _same(answer, default):
            literal = text(category) if isinstance(category, str) else number(float(category))
            groups.setdefault(answer, []).append(literal)
    for answer, literals in groups.items():
        condition = (
            Compare("=", value.expr, literals[0]) if len(literals) == 1 else In(value.expr, tuple(literals))
        )
        whens.append((condition, _constant(answer)))
    return Case(tuple(whens), _constant(default)) if whens else _constant(default)


def _same(a: float, b: float) -> bool:
    return a == b or (a != a and b != b)


def _constant(answer: float) -> Literal:
    return NULL if answer != answer else number(answer)


def _names(estimator: Any, width: int, values: list[Value]) -> list[str]:
    try:
        given = None if hasattr(estimator, "feature_names_in_") else [value.name for value in values]
        names = [str(name) for name in estimator.get_feature_names_out(given)]
    except (ValueError, AttributeError):
        names = []
    return names if len(names) == width else [f"encoded {j}" for j in range(width)]
