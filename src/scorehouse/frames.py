"""From Arrow columns to what the estimator was fitted on: a frame with names, or a bare array."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from scorehouse.signature import Feature, Signature


def estimator_input(signature: Signature, columns: Sequence[pa.Array]) -> pd.DataFrame | np.ndarray:
    """Build X, of shape (rows, features), from canonical columns in the signature's order.

    Columns of one dtype share one block, which scikit-learn then reads without a copy.
    """
    arrays = [to_numpy(column, feature) for column, feature in zip(columns, signature.features, strict=True)]
    if signature.container == "array":
        return _block(arrays, np.dtype(signature.array_dtype))
    dtypes = {array.dtype for array in arrays}
    if len(dtypes) == 1 and (dtype := dtypes.pop()).kind == "f":
        return pd.DataFrame(_block(arrays, dtype), columns=signature.names, copy=False)
    named = zip(signature.features, arrays, strict=True)
    return pd.DataFrame({feature.name: _as_trained(array, feature) for feature, array in named}, copy=False)


def _as_trained(array: Any, feature: Feature) -> Any:
    """Texts in the dtype of training, else pandas infers one from each batch and turns None to NaN."""
    if feature.type != "string" or feature.dtype == "category":
        return array
    return pd.Series(array, dtype=feature.dtype, copy=False)


def _block(arrays: Sequence[Any], dtype: np.dtype[Any]) -> np.ndarray:
    block = np.empty((len(arrays[0]) if arrays else 0, len(arrays)), dtype=dtype, order="F")
    for position, array in enumerate(arrays):
        block[:, position] = array
    return block


def to_numpy(column: pa.Array, feature: Feature) -> Any:
    """One column as the training frame held it; missing values as NaN, or None for some texts."""
    if feature.type == "string":
        return _texts(column, feature)
    if feature.dtype == "category":
        return pd.Categorical(
            column.to_numpy(zero_copy_only=False), categories=list(feature.categories or ())
        )
    if feature.type == "timestamp":
        return _timestamps(column.to_numpy(zero_copy_only=False), feature.dtype)
    if feature.type != "double" and column.null_count:
        return column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    values = column.to_numpy(zero_copy_only=False)
    if feature.type == "double" and feature.dtype == "float32":
        with np.errstate(over="ignore"):
            return values.astype(np.float32)
    return values


def _timestamps(values: np.ndarray, dtype: str) -> Any:
    """Timestamps, which are UTC where training knew a time zone, in the dtype of training."""
    if not dtype.startswith("datetime64"):
        return values.astype("datetime64[us]")
    wanted = pd.api.types.pandas_dtype(dtype)
    if isinstance(wanted, pd.DatetimeTZDtype):
        return pd.DatetimeIndex(values).tz_localize("UTC").astype(wanted).array
    return values.astype(wanted)


def _texts(column: pa.Array, feature: Feature) -> Any:
    missing = None if feature.null_as == "none" else np.nan
    choices = np.empty(len(column.dictionary) + 1, dtype=object)
    choices[:-1] = column.dictionary.to_pylist()
    choices[-1] = missing
    indices = column.indices.to_numpy(zero_copy_only=False)
    if column.null_count:
        indices = np.where(np.isnan(indices), len(choices) - 1, indices).astype(np.int64)
    texts = choices[indices]
    if feature.dtype == "category":
        return pd.Categorical(texts, categories=list(feature.categories or ()))
    return texts
