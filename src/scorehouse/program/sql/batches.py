"""The SQL backend on record batches, for a version that is scored beside others which Python scores."""

from __future__ import annotations

import threading
from typing import Self

import duckdb
import pyarrow as pa

from scorehouse.kernel.scorer import Kernel
from scorehouse.program.sql.compiled import CompiledSql
from scorehouse.program.sql.in_duckdb import duckdb_rows


class BackendKernel(Kernel):
    """A kernel that scores by a backend itself, and opens no estimator."""

    def __init__(self, kernel: Kernel) -> None:
        super().__init__(
            kernel._scoring, kernel.version, kernel.signature, strict=kernel.strict, call=kernel.call
        )

    @property
    def estimator(self) -> Self:
        """What scores: this."""
        return self


class SqlKernel(BackendKernel):
    """Batches that a DuckDB of its own scores, one for each thread."""

    def __init__(self, kernel: Kernel, compiled: CompiledSql) -> None:
        super().__init__(kernel)
        self.compiled = compiled
        self.threads = threading.local()

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        if not hasattr(self.threads, "connection"):
            self.threads.connection = duckdb.connect(config={"threads": 1})
        rows = duckdb_rows(self.compiled, pa.Table.from_batches([batch]), self.threads.connection)
        found = rows.select(self.schema.names).cast(self.schema).combine_chunks().to_batches()
        return found[0] if found else pa.RecordBatch.from_pylist([], schema=self.schema)
