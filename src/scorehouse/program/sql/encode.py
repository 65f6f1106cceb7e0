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
MOST_ANSWERS = 4_000_000  # in one call: 32 MB


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
    told = zip(values, known, *_answers(estimator, base, known, reference.shape[1]), strict=True)
    for value, categories, answers, unseen, missing in told:
        x = b.bound(value)
        for j in np.flatnonzero(_varies(reference[0], answers, unseen, missing)).tolist():
            expr = _case(x, categories, answers[:, j], _at(unseen, j), _at(missing, j))
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
    estimator: Any, base: list[Any], known: list[list[Any]], width: int
) -> tuple[list[np.ndarray], list[np.ndarray | None], list[np.ndarray | None]]:
    """For each column, answers to its categories, to an unseen and to a missing one (None: refused)."""

    def ask(asked: list[list[Any]]) -> list[np.ndarray | None]:
        return _of_each(estimator, base, asked, width)

    answers = [np.empty((0, width)) if made is None else made for made in ask(known)]
    # None and NaN are two values for an encoder, and training had one of them
    fitted = [np.asarray(categories, dtype=object).tolist() for categories in estimator.categories_]
    missing = ask([[] if any(value is None for value in values) else [float("nan")] for values in fitted])
    for i, made in enumerate(ask([[None] if found is None else [] for found in missing])):
        missing[i] = made if missing[i] is None else missing[i]
    return answers, ask([_unseen(categories) for categories in known]), missing


def _of_each(estimator: Any, base: list[Any], asked: list[list[Any]], width: int) -> list[np.ndarray | None]:
    """The encoder's results for values of each column, with the base in the others; None: none, or refused.

    It is asked for all columns at once, as one call takes as long for a thousand rows as for one, unless it
    refuses some.
    """
    sizes = [len(values) for values in asked]
    starts, rows = np.cumsum([0, *sizes[:-1]]).tolist(), sum(sizes)
    if 0 < rows * width <= MOST_ANSWERS:
        columns = [
            [*[v] * start, *values, *[v] * (rows - start - len(values))]
            for v, start, values in zip(base, starts, asked, strict=True)
        ]
        together = _ask(estimator, columns)
        if together is not None:
            return [part if len(part) else None for part in np.split(together, starts[1:])]
    return [
        _ask(estimator, [values if i == j else [v] * len(values) for j, v in enumerate(base)])
        if values
        else None
        for i, values in enumerate(asked)
    ]


def _unseen(known: list[Any]) -> list[Any]:
    """A value that is none of the categories, if there can be one."""
    if not known or isinstance(known[0], str):
        return [UNSEEN]
    return [] if isinstance(known[0], bool) else [max(known) * 2 + 2]


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
