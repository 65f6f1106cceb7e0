"""The background that stored reasons compare rows with: feature rows, in canonical columns."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from scorehouse.kernel.rows import check_batch
from scorehouse.registry.signature import Signature
from scorehouse.registry.version import Version

MOST_ROWS = 1_000
FACT = "background"  # in the registry, among the facts of reasons


@dataclass(frozen=True)
class Background:
    """The rows, in canonical columns; `is_drawn`: registration drew them from the training rows."""

    rows: pa.RecordBatch
    is_drawn: bool

    def facts(self) -> dict[str, Any]:
        """What the registry says about it: the digest covers names, types and values."""
        digest = hashlib.sha256()
        for field, column in zip(self.rows.schema, self.rows.columns, strict=True):
            digest.update(f"{field.name}\n{field.type}\n{column.to_pylist()!r}\n".encode())
        return {"rows": self.rows.num_rows, "drawn": self.is_drawn, "sha256": digest.hexdigest()}


def background_facts(version: Version) -> Mapping[str, Any]:
    """What the registry says about the background of a version's reasons; empty without one."""
    return dict((version.program.get("reasons") or {}).get(FACT) or {})


def canonical_rows(signature: Signature, batch: pa.RecordBatch) -> pa.RecordBatch:
    """The features of rows that the estimator scores, in canonical types; strings without a dictionary."""
    columns = check_batch(signature, batch, frozenset()).columns
    plain = [c.dictionary_decode() if isinstance(c, pa.DictionaryArray) else c for c in columns]
    return pa.RecordBatch.from_arrays(plain, names=signature.names)


def canonical_columns(rows: pa.RecordBatch) -> list[pa.Array]:
    """The columns of `canonical_rows`, as a kernel gives them to a program."""
    return [c.dictionary_encode() if pa.types.is_string(c.type) else c for c in rows.columns]


def to_array(rows: pa.RecordBatch) -> np.ndarray:
    """The rows as bytes: an Arrow stream."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as writer:
        writer.write_batch(rows)
    return np.frombuffer(memoryview(sink.getvalue()), dtype=np.uint8)


def of_array(array: np.ndarray) -> pa.RecordBatch:
    """The rows that `to_array` wrote.

    Raises ValueError for others than an Arrow stream of 1 to MOST_ROWS rows.
    """
    with pa.ipc.open_stream(pa.py_buffer(array.tobytes())) as reader:
        rows = reader.read_next_batch()
    rows.validate(full=True)  # Arrow itself trusts offsets and indices
    if not 0 < rows.num_rows <= MOST_ROWS:
        raise ValueError(f"its background has {rows.num_rows} rows")
    return rows
