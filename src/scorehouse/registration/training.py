"""The training frame: features and labels as they are passed, and as named columns.

The labels of several outputs have names, and become columns of the prediction table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from scorehouse.errors import ConfigurationError, SignatureError, listed
from scorehouse.kernel.training_batch import training_batch
from scorehouse.registry.version import MULTILABEL, PREFIX, SEVERAL, column_of
from scorehouse.training import read_training

# `prediction_intervals` and `prediction_sets` add them
TAKEN = (f"{PREFIX}low", f"{PREFIX}high", f"{PREFIX}set")
NUMBERS_ASKED = ("regression", *SEVERAL, "ranking")


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


@dataclass(frozen=True)
class Training:
    """Training features: `frame` has named columns, `given` is the input for the estimator itself.

    `batch` holds the rows as a feature table would. `container` is as in a Signature. `given` holds the
    columns of the fit, in their order, with the caller's own dtypes.
    """

    frame: pd.DataFrame
    batch: pa.RecordBatch
    given: Any
    container: str


@dataclass(frozen=True)
class Judged:
    """Rows and labels to measure importance and calibration on."""

    batch: pa.RecordBatch
    labels: Any


def judged_rows(
    training: Training, y: Any, validation: tuple[Any, Any] | None, task: str, call: str
) -> Judged:
    """The rows of `validation`, which the fit has not seen, or the training rows."""
    if validation is None:
        return Judged(training.batch, y)
    X, y = validation
    names = list(training.frame.columns)
    frame = training_frame(X, names, names, call)
    check_labels(y, frame, task, call)
    return Judged(training_batch(frame, call), y)


def training_of(X: Any, estimator: Any, feature_names: Sequence[str] | None, call: str) -> Training:
    """X in both shapes, for an estimator that was fitted on a frame, a bare array or one column.

    X is as in `training_frame`.
    """
    fitted = getattr(estimator, "feature_names_in_", None)
    frame = training_frame(X, fitted, feature_names, call)
    if fitted is not None:  # scikit-learn accepts a polars frame as well
        is_polars = type(X).__module__.partition(".")[0] == "polars"
        given, container = X.select(list(fitted)) if is_polars else frame, "frame"
    elif isinstance(X, (pd.Series, list, tuple)) or getattr(X, "ndim", 2) == 1:
        given, container = X, "column"
    elif frame.shape[1] == 1 and not hasattr(estimator, "n_features_in_"):
        # an estimator fitted on an array knows its number of columns; a text vectorizer does not
        given, container = frame.iloc[:, 0], "column"
    else:
        given, container = frame if hasattr(X, "to_pandas") else X, "array"
    return Training(frame, training_batch(frame, call), given, container)


def training_frame(
    X: Any, fitted: Sequence[str] | None, feature_names: Sequence[str] | None, call: str, argument: str = "X"
) -> pd.DataFrame:
    """X as a frame; if the estimator knows the names of its columns, with these columns in its order.

    X is a frame, a Series, an Arrow table, a DuckDB relation, or an array or list together with
    `feature_names`; `argument` is what the caller knows it as.
    """
    frame = _as_frame(X, feature_names, call, argument)
    if not len(frame):
        raise ConfigurationError(
            call, f"{argument} has no rows", expected="the training features", action="pass them"
        )
    if fitted is None:
        return frame
    missing = [column for column in fitted if column not in frame.columns]
    if missing:
        raise SignatureError(
            call,
            f"{argument} lacks the columns {listed(missing)} that the estimator was fitted on",
            expected=f"the columns {listed(fitted)}",
            action="pass the frame that was given to fit()",
        )
    return frame[list(fitted)]


def _as_frame(X: Any, feature_names: Sequence[str] | None, call: str, argument: str) -> pd.DataFrame:
    if isinstance(X, pd.Series):
        name = feature_names[0] if feature_names else X.name
        names = None if name is None else [name]
        return _named(X.to_numpy(), names, call, argument, dtype=X.dtype)
    if isinstance(X, pd.DataFrame):
        return X
    if hasattr(X, "to_pandas"):  # an Arrow table, or a polars frame
        return X.to_pandas()
    if hasattr(X, "__arrow_c_stream__") or hasattr(X, "to_arrow_table"):
        return read_training(X)
    if X is None or isinstance(X, (str, bytes, dict, set, int, float)):
        raise ConfigurationError(
            call,
            f"{argument} is {X!r:.80}, a {type(X).__name__}",
            expected="the training features: a frame, Series, Arrow table, DuckDB relation, array or list",
            action="pass what was given to fit()",
        )
    if hasattr(X, "toarray"):  # a sparse matrix
        X = X.toarray()
    return _named(X, feature_names, call, argument)


def _named(X: Any, names: Sequence[Any] | None, call: str, argument: str, dtype: Any = None) -> pd.DataFrame:
    """An array of shape (rows, features), or (rows,) for one feature, with names for its columns."""
    if names is None:
        raise ConfigurationError(
            call,
            f"{argument} is a {type(X).__name__} without column names",
            expected="a frame, or feature_names with an array, list or Series",
            action="pass feature_names: the columns of the feature table, in the order of X",
        )
    try:
        values = np.asarray(X)
        block = values.reshape(-1, 1) if values.ndim == 1 else values
        return pd.DataFrame(block, columns=list(names), dtype=dtype)
    except (ValueError, TypeError) as error:
        raise ConfigurationError(
            call,
            f"{argument} cannot be made into {len(names)} columns {listed(names)} ({error})",
            expected="an array of shape (rows, features), and a name per feature",
            action="pass the features that were given to fit(), and all of their names",
        ) from error


def check_labels(y: Any, frame: pd.DataFrame, task: str, call: str) -> None:
    """Raise ConfigurationError unless there is one label per row, of the kind of the task, or none at all."""
    if y is None:
        return
    if isinstance(y, (str, bytes, dict, set)) or not hasattr(y, "__len__") or not getattr(y, "ndim", 1):
        raise ConfigurationError(
            call,
            f"y is a {type(y).__name__}",
            expected="an array, list or Series of labels, or None",
            action="pass the labels that were given to fit()",
        )
    if len(y) != len(frame):
        raise ConfigurationError(
            call,
            f"y has {len(y)} labels for {len(frame)} rows",
            expected="one label per row",
            action="pass X and y of the same fit",
        )
    if task in NUMBERS_ASKED:
        _check_numbers(y, task, call)


def _check_numbers(y: Any, task: str, call: str) -> None:
    try:
        numbers = np.asarray(y, dtype=np.float64)
    except (ValueError, TypeError) as error:
        raise ConfigurationError(
            call,
            f"y cannot be read as numbers ({error})",
            expected=f"numbers, since the quality of the task {task!r} is computed from them",
            action="pass the labels that were given to fit(), or leave y out",
        ) from error
    if task in SEVERAL and (numbers.ndim != 2 or numbers.shape[1] < 2):
        raise ConfigurationError(
            call,
            f"y has the shape {numbers.shape}",
            expected="a column of labels for each output, as they were given to fit()",
            action="pass the frame or array with all of them, or leave y out",
        )
    others = numbers[~np.isnan(numbers) & (numbers != 0.0) & (numbers != 1.0)]
    if task == MULTILABEL and len(others):  # of shape (rows, labels)
        raise ConfigurationError(
            call,
            f"y has the value {others[0]:g}",
            expected="0 or 1 (or False or True) in each column: whether the row has the label",
            action="make a column of 0 and 1 for each label, fit on them, and pass them here",
        )


def check_both_seen(y: Any, estimator: Any, task: str, call: str) -> None:
    """Refuse several labels per row of which the fit has seen 0 or 1 alone.

    The labels tell it of an estimator that does not list the classes of each label.
    """
    if y is None or task != MULTILABEL or isinstance(getattr(estimator, "classes_", None), list):
        return
    columns = np.asarray(y, dtype=np.float64).T
    for number, column in enumerate(columns, start=1):
        found = np.unique(column[~np.isnan(column)])
        if len(found) < 2:
            raise ConfigurationError(
                call,
                f"column {number} of the {len(columns)} of y is {found[0]:g} in every row"
                if len(found)
                else f"column {number} of the {len(columns)} of y is empty",
                expected="0 and 1 (or False and True) in each column, since nothing else can be learned",
                action="fit without the labels that all rows share, or pass X and y of all rows of the fit",
            )
