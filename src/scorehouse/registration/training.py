"""The training frame: features and labels as they are handed over, brought into one shape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from scorehouse.errors import ConfigurationError, SignatureError


def training_frame(
    X: Any, fitted: Sequence[str] | None, feature_names: Sequence[str] | None, call: str
) -> pd.DataFrame:
    """X as a frame whose columns are those of the fit, in its order, where the estimator knows their names.

    X is a frame, an Arrow table, or an array of shape (rows, features) beside `feature_names`.
    """
    if isinstance(X, (pa.Table, pa.RecordBatch)) or hasattr(X, "to_pandas"):
        X = X.to_pandas()
    if not isinstance(X, pd.DataFrame):
        if feature_names is None:
            raise ConfigurationError(
                call,
                f"X is a {type(X).__name__} without column names",
                expected="a frame, or feature_names beside an array",
                action="pass feature_names: the columns of the feature table, in the order of X",
            )
        X = pd.DataFrame(np.asarray(X), columns=list(feature_names))
    if not len(X):
        raise ConfigurationError(call, "X has no rows", expected="the training features", action="pass them")
    if fitted is None:
        return X
    missing = [column for column in fitted if column not in X.columns]
    if missing:
        raise SignatureError(
            call,
            f"X lacks the columns {missing} that the estimator was fitted on",
            expected=f"the columns {list(fitted)}",
            action="pass the frame that was given to fit()",
        )
    return X[list(fitted)]


def check_labels(y: Any, frame: pd.DataFrame, call: str) -> None:
    """Raise ConfigurationError unless there is one label a row, or none at all."""
    if y is not None and len(y) != len(frame):
        raise ConfigurationError(
            call,
            f"y has {len(y)} labels for {len(frame)} rows",
            expected="one label a row",
            action="pass both of one fit",
        )
