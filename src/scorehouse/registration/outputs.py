"""The names of several outputs, and the columns of the prediction table that they become."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from scorehouse.errors import ConfigurationError
from scorehouse.registry.version import PREFIX, SEVERAL, column_of

# `prediction_intervals` and `prediction_sets` add them
TAKEN = (f"{PREFIX}low", f"{PREFIX}high", f"{PREFIX}set")


def output_columns(
    given: Sequence[str] | None, estimator: Any, labels: Any, count: int, task: str, call: str
) -> dict[str, str]:
    """The output in each column, for an estimator with `count` outputs; empty for one without several.

    They are named as `given`, or else by the estimator or the labels. Raises ConfigurationError for names
    that do not fit, or that would share a column, since one output would be lost.
    """
    if task not in SEVERAL:
        if given is not None:
            raise ConfigurationError(
                call,
                f"outputs is {list(given)!r:.200}, and the task is {task!r}",
                expected=f"names of outputs only for the tasks {' and '.join(map(repr, SEVERAL))}",
                action="leave outputs out, or name one of these tasks",
            )
        return {}
    check_width(labels, count, call)
    names = list(given) if given is not None else _known_names(estimator, labels, count)
    if len(names) != count:
        raise ConfigurationError(
            call,
            f"outputs has {len(names)} names, and the estimator gives {count} outputs per row",
            expected=f"{count} names, in the order of the estimator's outputs",
            action="name each output once",
        )
    columns: dict[str, str] = {}
    for name in names:
        column = column_of(PREFIX, name)
        if not any(map(str.isalnum, name)) or column in TAKEN or column in columns:
            other = f", and so would {columns[column]!r}" if column in columns else ""
            raise ConfigurationError(
                call,
                f"the output {name!r} would have the column {column!r}{other}",
                expected="a name with a letter or digit for each output, which differ in more than case and "
                f"punctuation; {', '.join(TAKEN)} belong to intervals and sets",
                action="pass other names as card=scorehouse.Card(outputs=[...])",
            )
        columns[column] = name
    return columns


def _known_names(estimator: Any, labels: Any, count: int) -> list[str]:
    """The names that the estimator has, or the columns of the labels; else numbers."""
    # the names of an Arrow table are not in `columns`, which are its data
    places = ((estimator, "output_names_"), (labels, "column_names"), (labels, "columns"))
    found = (getattr(holder, attribute, None) for holder, attribute in places)
    names = next((list(each) for each in found if each is not None), [])
    if len(names) == count and all(isinstance(name, str) for name in names):
        return names
    return [f"output_{number}" for number in range(1, count + 1)]


def check_width(labels: Any, count: int, call: str) -> None:
    """Refuse labels of several outputs that do not have a column for each of `count` outputs."""
    shape: tuple[int, ...] = () if labels is None else tuple(np.shape(labels))
    if count and len(shape) == 2 and shape[1] != count:
        raise ConfigurationError(
            call,
            f"y has {shape[1]} columns, and the estimator gives {count} outputs per row",
            expected="the labels that were given to fit(), one column for each output",
            action="pass the y of the same fit",
        )
