"""The scored rows of a run, counted as they pass in one stream, or in the table that one statement wrote."""

from __future__ import annotations

import math
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager

import duckdb
import pyarrow as pa

from scorehouse.engines.base import Scan
from scorehouse.engines.duckdb.errors import check_interrupted
from scorehouse.engines.duckdb.source import DuckDBSource
from scorehouse.engines.duckdb.sql import literal, quote
from scorehouse.engines.duckdb.staging import described
from scorehouse.engines.duckdb.stream import output_schema, scored_batches
from scorehouse.engines.statistics import Fingerprint, score_column
from scorehouse.kernel import arrays
from scorehouse.kernel import compute as pc
from scorehouse.kernel.scorer import REJECT_REASON
from scorehouse.project.log import logger
from scorehouse.scoring.request import RunRecord

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
            if (
                scan.options.rescore.max_seconds is not None
            ):  # rows that were not read are left for the next run
                for record, expected, count in zip(scan.records, planned, read, strict=True):
                    record.rows_left += expected - count
                    record.rows_in = count
            for counted in statistics:
                counted.finish()
            scan.check_conserved()
        except Exception as error:
            self.error = error
            raise


class BatchStatistics:
    """Adds up batches into a RunRecord."""

    def __init__(self, record: RunRecord) -> None:
        self.record = record
        self.fingerprint = Fingerprint(record.input_types)
        self.scores: list[tuple[float, int]] = []  # of each batch: sum and count

    def add(self, scored: pa.RecordBatch, row_hashes: pa.Array) -> None:
        """Count one batch of kernel output, with the hashes of its input rows."""
        reasons = scored.column(REJECT_REASON)
        rejected = scored.num_rows - reasons.null_count
        self.record.rows_rejected += rejected
        self.record.rows_scored += scored.num_rows - rejected
        if rejected:
            for item in pc.value_counts(reasons.drop_null()).to_pylist():
                self.record.reject_reasons[item["values"].split("=")[0]] += item["counts"]
        self.fingerprint.add(row_hashes)
        self._add_score(scored)

    def _add_score(self, scored: pa.RecordBatch) -> None:
        name = score_column({field.name for field in scored.schema if pa.types.is_floating(field.type)})
        if name is None:
            return
        values = arrays.to_numpy(scored.column(name).drop_null())
        if len(values):
            record, low, high = self.record, float(values.min()), float(values.max())
            record.score_min = low if record.score_min is None else min(record.score_min, low)
            record.score_max = high if record.score_max is None else max(record.score_max, high)
            self.scores.append((float(values.sum()), len(values)))

    def finish(self) -> None:
        """Write the mean of the score and the fingerprint into the record."""
        record = self.record
        record.fingerprint = self.fingerprint.text()
        if self.scores:
            sums, counts = zip(*self.scores, strict=True)
            record.score_mean = math.fsum(sums) / sum(counts)


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


def count_table(
    connection: duckdb.DuckDBPyConnection, records: list[RunRecord], keys: list[str], suffixes: Sequence[str]
) -> None:
    """The counts of BatchStatistics, from the staging table that one statement wrote.

    `suffixes` are the suffixes of the versions' columns if versions share rows, otherwise there are none.
    """
    staging = records[0].request.staging
    types = described(connection, f"select * from {staging}")
    name = score_column({column for column, kind in types.items() if kind == "DOUBLE"})
    row_hash = f"hash({', '.join(keys)}, feature_hash)"
    for suffix, record in zip(suffixes or [""] * len(records), records, strict=True):
        run_id = literal(str((records[0] if suffixes else record).row_run_id))
        rows = f"from {staging} where scoring_run_id = {run_id}"
        score = quote(name + suffix) if name else "null::double"
        reason = quote(REJECT_REASON + suffix)
        count, record.rows_rejected, *of_score, hash_sum, hash_xor = connection.execute(
            f"select count(*), count({reason}), min({score}), max({score}), favg({score}), "
            f"sum({row_hash}::hugeint), bit_xor({row_hash}) {rows}"
        ).fetchall()[0]
        record.score_min, record.score_max, record.score_mean = of_score
        record.rows_scored = count - record.rows_rejected
        record.fingerprint = Fingerprint(record.input_types, count, hash_sum or 0, hash_xor or 0).text()
        if record.rows_rejected:
            counted = connection.execute(
                f"select split_part({reason}, '=', 1), count(*) {rows} and {reason} is not null group by all"
            ).fetchall()
            record.reject_reasons.update(dict(counted))
