"""The trees of an ML model as a function of a warehouse: for each row, the first column plus all leaves.

`scorehouse compile` writes this text together with the arrays of the trees. It imports no scorehouse.
"""

import base64
import functools
import hashlib
import json
import zlib
from typing import Any

import numpy as np
import pandas

SHA256 = ""  # of the bytes that follow
ARRAYS = """
"""
BLOCK = 4096  # rows; of a smaller batch, several trees at a time


@functools.cache
def _model() -> dict[str, Any]:
    """The arrays, and an entry for each node; read once per process."""
    data = base64.b64decode(ARRAYS)
    if hashlib.sha256(data).hexdigest() != SHA256:
        raise ValueError("these are not the trees that scorehouse proved: run `scorehouse compile`, then dbt")
    head, _, rest = zlib.decompress(data).partition(b"\n")
    model: dict[str, Any] = dict(zip(("names", "kinds", "counts"), json.loads(head), strict=True))
    whole, start = np.frombuffer(rest, np.uint8), 0
    for name, kind, count in zip(model["names"], model["kinds"], model["counts"], strict=True):
        size = np.dtype(kind).itemsize  # the first bytes of all numbers come first, which compresses better
        planes = whole[start : start + count * size].reshape(size, count)
        model[name] = np.ascontiguousarray(planes.T).view(kind).ravel()
        start += count * size
    sizes = model["size"].astype(np.intp)
    nodes, roots = int(sizes.sum()), np.cumsum(sizes) - sizes
    inner = np.unpackbits(model["inner"])[:nodes].astype(bool)
    tree = np.repeat(np.arange(len(sizes)), sizes)
    before = np.cumsum(inner) - inner
    # level by level, the two children of each split follow those of the split before it
    child = np.where(inner, roots[tree] + 1 + 2 * (before - before[roots][tree]), np.arange(nodes))
    reading, rank = np.zeros(nodes, np.intp), np.full(nodes, np.iinfo(np.int32).max, np.int32)
    reading[inner], rank[inner] = model["reading"], model["rank"]
    value = np.zeros(nodes, np.float32 if model["single"][0] else np.float64)
    value[~inner] = model["value"][model["leaf"]] if len(model["leaf"]) else model["value"]
    model.update(roots=roots, child=child, node_reading=reading, node_rank=rank, node_value=value)
    return model


def _codes(model: dict[str, Any], columns: list[Any]) -> Any:
    """For each reading of a column and each row, how many edges are below the value."""
    numeric = zip(*(model[name] for name in ("column", "missing_left", "zero", "edges")), strict=True)
    named = zip(*(model["category_" + name] for name in ("column", "left", "codes")), strict=True)
    made, end = [], 0
    for column, missing_left, zero, count in numeric:
        x, start, end = columns[column], end, end + int(count)
        code = np.searchsorted(model["edge"][start:end], x)
        code[np.isnan(x) | (np.abs(x) <= zero)] = 0 if missing_left else count
        made.append(code)
    end = 0
    for column, left, count in named:
        start, end = end, end + int(count)
        made.append(np.isin(columns[column], model["category_code"][start:end]) ^ bool(left))
    return np.array(made, dtype=np.int32).reshape(-1, len(columns[0]))


def _added(model: dict[str, Any], columns: list[Any]) -> Any:
    """The first column, plus the value of each tree in their order."""
    value, child = model["node_value"], model["child"]
    reading, rank = model["node_reading"], model["node_rank"]
    total, rows = columns[0].astype(value.dtype), len(columns[0])
    codes = _codes(model, columns)
    row, codes = np.arange(rows) * len(codes), codes.T.ravel()  # those of a row side by side
    step = max(1, BLOCK // rows)
    for first in range(0, len(model["roots"]), step):
        node = np.repeat(model["roots"][first : first + step, None], rows, axis=1)
        for _ in range(int(model["depth"][first : first + step].max())):
            right = codes.take(reading.take(node) + row) > rank.take(node)
            node = child.take(node)
            node += right
        total = np.add.accumulate(np.vstack([total, value.take(node)]))[-1]
    return total


def trees(frame: pandas.DataFrame) -> pandas.Series:
    """The sums of a batch of rows; NULL and NaN are missing values."""
    model, made = _model(), np.empty(len(frame))
    columns = [
        frame.iloc[:, place].to_numpy(dtype=np.float64, na_value=np.nan) for place in range(frame.shape[1])
    ]
    for start in range(0, len(frame), BLOCK):
        part = slice(start, start + BLOCK)
        made[part] = _added(model, [column[part] for column in columns])
    return pandas.Series(made, index=frame.index)


# how Snowflake learns that a function takes batches; BigQuery reads the annotation
trees._sf_vectorized_input = pandas.DataFrame  # type: ignore[attr-defined]
