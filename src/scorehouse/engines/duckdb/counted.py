"""The scored rows of a run as one stream, counted as they pass."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager

import pyarrow as pa

from scorehouse.engines.base import Scan
from scorehouse.engines.duckdb.errors import check_interrupted
from scorehouse.engines.duckdb.source import DuckDBSource
from scorehouse.engines.duckdb.statistics import BatchStatistics
from scorehouse.engines.duckdb.stream import output_schema, scored_batches
from scorehouse.project.log import logger

INTERVAL_SECONDS = 5.0  # between two lines about the progress of a run


class CountedBatches:
    """Scores the rows of a run, and writes their statistics into its records.

    DuckDB hides the type of an error that a stream raises, so `error` keeps it.
    """

    def __init__(self, scan: Scan[DuckDBSource]) -> None:
        self.scan = scan
        self.schema = output_schema(scan.source, scan.kernels[0].schema, scan.suffixes)
        self.error: Exception | None = None

    @contextmanager
    def reader(self) -> Iterator[pa.RecordBatchReader]:
        """The rows; at the end, their threads have ended, even if DuckDB stopped reading."""
        batches = self._batches()
        try:
            yield pa.RecordBatchReader.from_batches(self.schema, batches)
        finally:
            batches.close()

    def _batches(self) -> Generator[pa.RecordBatch]:
        scan = self.scan
        planned = [record.rows_in for record in scan.records]
        progress = Progress(scan.record.request.node, sum(planned))
        statistics = [BatchStatistics(record) for record in scan.records]
        read = [0] * len(planned)
        try:
            for scored in scored_batches(scan.source, scan.backends, self.schema, scan.suffixes):
                for number, batch, row_hashes in scored.counted:
                    read[number] += batch.num_rows
                    statistics[number].add(batch, row_hashes)
                    progress.advance(batch.num_rows)
                scan.record.note_memory()
                check_interrupted(scan.source.call)
                yield scored.written
            self._note_left(planned, read)
            for counted in statistics:
                counted.finish()
            scan.check_conserved()
        except Exception as error:
            self.error = error
            raise

    def _note_left(self, planned: list[int], read: list[int]) -> None:
        """With a time budget, rows that were not read are left for the next run."""
        if self.scan.options.rescore.max_seconds is None:
            return
        for record, expected, count in zip(self.scan.records, planned, read, strict=True):
            record.rows_left += expected - count
            record.rows_in = count


class Progress:
    """Logs rows done, rows per second and the time left, every few seconds."""

    def __init__(self, node: str, rows: int) -> None:
        self.node = node
        self.rows = rows
        self.done = 0
        self.started = self.reported = time.monotonic()

    def advance(self, rows: int) -> None:
        """Count `rows` more."""
        self.done += rows
        now = time.monotonic()
        if now - self.reported < INTERVAL_SECONDS:
            return
        self.reported = now
        rate = self.done / (now - self.started)
        left = (self.rows - self.done) / rate
        logger.info(
            f"{self.node}: {self.done:,} of {self.rows:,} rows scored, {rate:,.0f} rows/s, {left:.0f} s left"
        )
