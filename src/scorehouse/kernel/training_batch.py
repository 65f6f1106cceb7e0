"""A training frame as Arrow: the columns that a feature table would have."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pandas as pd
import pyarrow as pa

from scorehouse.errors import SignatureError
from scorehouse.kernel.rows import as_double


def training_batch(frame: pd.DataFrame, call: str) -> pa.RecordBatch:
    """The training frame as Arrow, NaN as NULL, as a feature table would hold it."""
    _check_names(list(frame.columns), call)
    arrays = []
    for name in frame.columns:
        column = frame[name]
        if isinstance(column.dtype, pd.CategoricalDtype):
            column = column.astype(column.cat.categories.dtype if not column.isna().any() else object)
        try:
            array = _in_one_piece(pa.array(column, from_pandas=True))
        except (pa.ArrowException, TypeError) as error:
            raise type_error(str(name), f"mixed or unknown values ({error})", call) from error
        if pa.types.is_float16(array.type):
            raise type_error(str(name), "numbers of half precision (float16), which no database has", call)
        arrays.append(_usual(array))
    return pa.RecordBatch.from_arrays(arrays, names=list(frame.columns))


def _in_one_piece(array: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Plain values of a column that `pd.concat` or a file with several row groups gave in chunks."""
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    return array.dictionary_decode() if isinstance(array, pa.DictionaryArray) else array


def _usual(array: pa.Array) -> pa.Array:
    """Decimals as doubles, as the kernel converts them; columns with only NULL as strings."""
    if pa.types.is_null(array.type):
        return array.cast(pa.string())
    return as_double(array) if pa.types.is_decimal(array.type) else array


def _check_names(names: list[Any], call: str) -> None:
    """Check the names: table columns need string names that differ in more than case."""
    folded = Counter(str(name).lower() for name in names)
    wrong = [name for name in names if not isinstance(name, str) or folded[name.lower()] > 1]
    if wrong:
        raise SignatureError(
            call,
            f"the training columns {', '.join(map(repr, wrong))} cannot be columns of one feature table",
            expected="strings as names, which differ in more than upper and lower case",
            action="rename the columns before fitting, or pass feature_names with a bare array",
        )


def type_error(name: str, found: str, call: str) -> SignatureError:
    """The error to raise for a training column of a type that no feature table has."""
    return SignatureError(
        call,
        f"the training column {name!r} holds {found}",
        expected="numbers, booleans, strings, dates or timestamps, one kind per column",
        action="convert the column before fitting, so that the feature table can hold the same",
    )
