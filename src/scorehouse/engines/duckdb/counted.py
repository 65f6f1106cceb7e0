"""The scored rows of a run, counted as they pass in one stream, or in the table that one statement wrote."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import duckdb
import pyarrow as pa

from scorehouse.engines.base import Scan
from scorehouse.engines.duckdb.errors import check_interrupted
from scorehouse.engines.duckdb.source import DuckDBSource
from scorehouse.engines.duckdb.sql import literal, quote
from scorehouse.engines.duckdb.staging import described, write_staging
from scorehouse.engines.duckdb.stream import output_schema, scored_batches
from scorehouse.engines.output import BATCHES
from scorehouse.engines.statistics import Fingerprint, score_column
from scorehouse.kernel import arrays
from scorehouse.kernel import compute as pc
from scorehouse.kernel.scorer import REJECT_REASON
from scorehouse.project.log import logger
from scorehouse.scoring.request import RunRecord

COUNTED = ("rows_scored", "rows_rejected", "reject_reasons", "score_min", "score_max")  # as batches pass
HASHED = ("rows", "hash_sum", "hash_xor")
INTERVAL_SECONDS = 5.0  # between two lines about the progress of a run


class CountedBatches:
    """Scores the rows of a run, and writes their statistics into its records.

    DuckDB hides the type of an error that a stream raises, so `error` keeps it. Of a run in slices, each
    slice is a stream, and the run `finish`es after the last one.
    """

    def __init__(self, scan: Scan[DuckDBSource]) -> None:
        self.scan = scan
        self.planned = [record.rows_in for record in scan.records]
        self.statistics = [BatchStatistics(record) for record in scan.records]
        self.progress = Progress(scan.record.request.node, sum(self.planned))
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

    def write(self, session: duckdb.DuckDBPyConnection, *, create: bool = True) -> None:
        """Score what the source reads into the staging table."""
        with self.reader() as reader:
            session.register(BATCHES, reader)
            try:
                write_staging(session, self.scan.output, create=create)
            except duckdb.Error as error:
                raise self.error or error from None
            session.unregister(BATCHES)

    def _batches(self) -> Generator[pa.RecordBatch]:
        scan = self.scan
        try:
            for scored in scored_batches(scan.source, scan.backends, self.schema, scan.suffixes):
                for number, batch, row_hashes in scored.counted:
                    self.statistics[number].add(batch, row_hashes)
                    self.progress.advance(batch.num_rows)
                scan.record.note_memory()
                check_interrupted(scan.source.call)
                yield scored.written
            if scan.options.rescore.slice_rows is None:
                self.finish()
        except Exception as error:
            self.error = error
            raise

    def finish(self) -> None:
        """Complete the records, and refuse a run that lost rows or rejected too many."""
        for expected, counted in zip(self.planned, self.statistics, strict=True):
            counted.finish()
            if self.scan.options.rescore.max_seconds is not None:  # rows not read are left for the next run
                record = counted.record
                record.rows_in = counted.fingerprint.rows
                record.rows_left += expected - record.rows_in
        self.scan.check_conserved()


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

    def state(self) -> dict[str, Any]:
        """What was counted so far, as JSON, for `resume`."""
        if self.scores:
            sums, counts = zip(*self.scores, strict=True)
            self.scores = [(math.fsum(sums), sum(counts))]
        counted = {name: getattr(self.record, name) for name in COUNTED}
        hashes = {name: getattr(self.fingerprint, name) for name in HASHED}
        return {"record": counted, "fingerprint": hashes, "scores": [list(pair) for pair in self.scores]}

    def resume(self, state: Mapping[str, Any]) -> None:
        """Go on from a `state`."""
        for name, value in state["record"].items():
            setattr(self.record, name, value)
        self.record.reject_reasons = Counter(self.record.reject_reasons)
        self.fingerprint = Fingerprint(self.record.input_types, **state["fingerprint"])
        self.scores = [(total, count) for total, count in state["scores"]]

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
        self.done = self.before = 0  # of `done`, the rows of an earlier attempt
        self.started = self.reported = time.monotonic()

    def advance(self, rows: int) -> None:
        """Count `rows` more."""
        self.done += rows
        now = time.monotonic()
        if now - self.reported < INTERVAL_SECONDS:
            return
        self.reported = now
        rate = (self.done - self.before) / (now - self.started)
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
