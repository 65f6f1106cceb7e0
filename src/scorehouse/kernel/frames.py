"""From Arrow columns to the container of the fit: a frame with names, a bare array, or one column."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from scorehouse.kernel import compute as pc
from scorehouse.registry.signature import Feature, Signature


def estimator_input(signature: Signature, columns: Sequence[pa.Array]) -> Any:
    """Build X, of shape (rows, features), from canonical columns in the signature's order.

    An estimator that was fitted on a list or Series gets its only column, of shape (rows,).
    """
    arrays = [to_numpy(column, feature) for column, feature in zip(columns, signature.features, strict=True)]
    return assembled(signature, arrays)


def assembled(signature: Signature, arrays: Sequence[Any]) -> Any:
    """X from the results of `to_numpy` for each column.

    Columns with the same dtype share one block, which scikit-learn then reads without a copy.
    """
    if signature.container == "column":
        return arrays[0]
    if signature.container == "array":
        return _block(arrays, np.dtype(signature.array_dtype))
    dtypes = {array.dtype for array in arrays}
    if len(dtypes) == 1 and (dtype := dtypes.pop()).kind == "f" and isinstance(dtype, np.dtype):
        return pd.DataFrame(_block(arrays, dtype), columns=signature.names, copy=False)
    named = zip(signature.features, arrays, strict=True)
    return pd.DataFrame({feature.name: _as_trained(array, feature) for feature, array in named}, copy=False)


def _as_trained(array: Any, feature: Feature) -> Any:
    """Objects in the training dtype; otherwise pandas infers a dtype per batch and turns None into NaN."""
    if not feature.holds_objects or feature.dtype == "category":
        return array
    dtype = feature.dtype if feature.type == "string" else object
    return pd.Series(array, dtype=dtype, copy=False)


def _block(arrays: Sequence[Any], dtype: np.dtype[Any]) -> np.ndarray:
    block = np.empty((len(arrays[0]) if arrays else 0, len(arrays)), dtype=dtype, order="F")
    for position, array in enumerate(arrays):
        block[:, position] = array
    return block


def to_numpy(column: pa.Array, feature: Feature) -> Any:
    """One column as in the training frame; missing values have the same form as in training."""
    if feature.type == "string":
        return _texts(column, feature)
    if feature.dtype == "category":
        return _categorical(column.to_numpy(zero_copy_only=False), feature)
    if feature.holds_objects:
        return _objects(column, feature)
    if feature.type == "timestamp":
        return _timestamps(column.to_numpy(zero_copy_only=False), feature.dtype)
    if feature.is_nullable:
        return _nullable(column, feature)
    if feature.type != "double" and column.null_count:
        return column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    values = column.to_numpy(zero_copy_only=False)
    if feature.type == "double" and feature.dtype == "float32":
        with np.errstate(over="ignore"):
            return values.astype(np.float32)
    return values


def _categorical(values: np.ndarray, feature: Feature) -> pd.Categorical:
    """Values as the training categories; any other value is missing."""
    categories = pd.Index(list(feature.categories or ()))
    return pd.Categorical.from_codes(categories.get_indexer(values), categories=categories)


def _objects(column: pa.Array, feature: Feature) -> np.ndarray:
    """Python objects, such as True, 3, a Decimal or a date, if training had a column of them."""
    missing = None if feature.null_as == "none" else np.nan
    values = column.to_pylist()
    objects = np.empty(len(values), dtype=object)
    make = _MAKERS.get(feature.dtype, lambda value: value)
    objects[:] = [missing if value is None or value != value else make(value) for value in values]
    return objects


# Up to 15 digits, a Decimal made from the shortest text of a double is the original one.
_MAKERS: dict[str, Callable[[Any], Any]] = {
    "decimal": lambda value: Decimal(repr(value)),
    "date": lambda value: value.date(),
}


def _nullable(column: pa.Array, feature: Feature) -> Any:
    """Values in a dtype with a mask, which distinguishes a missing integer or boolean from any number.

    An integer that does not fit a narrow training dtype is not changed.
    """
    dtype: Any = feature.dtype  # one of those with a mask, which pandas has overloads for
    if feature.type == "integer" and column.null_count < len(column):
        kind = np.iinfo(dtype.lower())
        found = pc.min_max(column).as_py()
        if found["min"] < kind.min or found["max"] > kind.max:
            dtype = "Int64"
    missing = np.asarray(column.is_null().to_numpy(zero_copy_only=False))
    values = pc.fill_null(column, False if feature.type == "boolean" else 0).to_numpy(zero_copy_only=False)
    array: Any = pd.array(values, dtype=dtype)
    array[missing] = pd.NA
    return array


def _timestamps(values: np.ndarray, dtype: str) -> Any:
    """Timestamps in the training dtype; they are UTC if training had a time zone."""
    if not dtype.startswith("datetime64"):
        return values.astype("datetime64[us]")
    wanted = pd.api.types.pandas_dtype(dtype)
    if isinstance(wanted, pd.DatetimeTZDtype):
        return pd.DatetimeIndex(values).tz_localize("UTC").astype(wanted).array
    return values.astype(dtype)


def _texts(column: Any, feature: Feature) -> Any:
    """Of a column with a dictionary."""
    missing = None if feature.null_as == "none" else np.nan
    choices = np.empty(len(column.dictionary) + 1, dtype=object)
    choices[:-1] = column.dictionary.to_pylist()
    choices[-1] = missing
    indices = column.indices.to_numpy(zero_copy_only=False)
    if column.null_count:
        indices = np.where(np.isnan(indices), len(choices) - 1, indices).astype(np.int64)
    texts = choices[indices]
    if feature.dtype == "category":
        return _categorical(texts, feature)
    return texts
