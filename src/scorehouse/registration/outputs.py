"""The names of several outputs, and the columns of the prediction table that they become."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from scorehouse.errors import ConfigurationError
from scorehouse.registry.class_columns import PREFIX, column_of
from scorehouse.registry.version import SEVERAL

# `prediction_intervals` and `prediction_sets` add them
TAKEN = (f"{PREFIX}low", f"{PREFIX}high", f"{PREFIX}set")


@dataclass(frozen=True)
class AskedOutputs:
    """The names that the caller gave, if any; else outputs are named by the estimator or the labels."""

    names: Sequence[str] | None
    labels: Any
    estimator: Any = None

    def columns(self, count: int, task: str, call: str) -> dict[str, str]:
        """The output in each column, for an estimator with `count` outputs; empty for one without several.

        Raises ConfigurationError for names that do not fit, or that would share a column.
        """
        if task not in SEVERAL:
            self._refuse_names(task, call)
            return {}
        check_width(self.labels, count, call)
        names = list(self.names) if self.names is not None else self._known(count)
        if len(names) != count:
            raise ConfigurationError(
                call,
                f"outputs has {len(names)} names, and the estimator gives {count} outputs per row",
                expected=f"{count} names, in the order of the estimator's outputs",
                action="name each output once",
            )
        return _columns_of(names, call)

    def _refuse_names(self, task: str, call: str) -> None:
        if self.names is not None:
            raise ConfigurationError(
                call,
                f"outputs is {list(self.names)!r:.200}, and the task is {task!r}",
                expected=f"names of outputs only for the tasks {' and '.join(map(repr, SEVERAL))}",
                action="leave outputs out, or name one of these tasks",
            )

    def _known(self, count: int) -> list[str]:
        """The names that the estimator has, or the columns of the labels; else numbers."""
        found = getattr(self.estimator, "output_names_", None)
        if found is None:
            found = getattr(self.labels, "column_names", None)  # an Arrow table's columns are its data
        if found is None:
            found = getattr(self.labels, "columns", None)
        named = [] if found is None else list(found)
        if len(named) == count and all(isinstance(name, str) for name in named):
            return named
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


def _columns_of(names: Sequence[str], call: str) -> dict[str, str]:
    """The output in each column. Two names of one column are refused, since one output would be lost."""
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
