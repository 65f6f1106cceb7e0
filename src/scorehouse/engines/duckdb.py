"""The engine `duckdb`: batches stream from a read cursor through the kernels into a new table.

The table is written on dbt's own connection, inside its transaction, so that the table, the swap and
the run log's row commit together or not at all.
"""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from scorehouse.engines.output import BATCHES, PART, Output, added_columns
from scorehouse.engines.plan import Planner, joins_both_ways
from scorehouse.engines.progress import Progress
from scorehouse.engines.runs import insert_run, log_failure
from scorehouse.engines.source import FEATURE_HASH, KEPT, NEED, ROW_HASH, FeatureSource
from scorehouse.engines.statistics import BatchStatistics
from scorehouse.errors import ConfigurationError, ConservationError
from scorehouse.rescore import VANISHED, quote
from scorehouse.runlog import RunRecord
from scorehouse.scorer import Kernel


class DuckDBScoring:
    """One scoring run: checks when it is made, scores when `write` or `plain_reader` is called.

    There is a kernel and a record for each version that scores; the first is live.
    """

    def __init__(
        self,
        session: duckdb.DuckDBPyConnection,
        source: FeatureSource,
        kernels: list[Kernel],
        records: list[RunRecord],
    ) -> None:
        self.session = session
        self.source = source
        self.kernels = kernels
        self.records = records
        self.record = records[0]
        self.call = source.call
        self.error: Exception | None = None
        outputs = self._outputs()
        rows = source.check(
            [kernel.signature for kernel in kernels],
            [*outputs, *added_columns(source.options)],
            unique=not joins_both_ways(source.options, self.record),
        )
        for record in records:
            record.engine = "duckdb"
            record.feature_hash_kind = source.hash_kind()
            record.feature_query = source.query
        Planner(source, records, rows).run()
        self.statistics = [BatchStatistics(record) for record in records]
        kept = [pa.field(name, source.schema.field(KEPT + name).type) for name in source.columns.kept]
        added = [pa.field(FEATURE_HASH, pa.uint64()), pa.field(PART, pa.int32())]
        self.schema = pa.schema([*kept, *kernels[0].schema, *added])
        self.output = Output(source.columns, source.types, outputs, source.options, records)

    def _outputs(self) -> list[str]:
        """The kernels' columns, which have to be the same for all versions."""
        schema = self.kernels[0].schema
        for kernel in self.kernels[1:]:
            if kernel.schema != schema or kernel.version.task != self.kernels[0].version.task:
                raise ConfigurationError(
                    self.call,
                    f"{kernel.version.label} gives the columns {kernel.schema.names}, and "
                    f"{self.kernels[0].version.label} gives {schema.names}",
                    expected="versions with the same task and outputs in one scan",
                    action="score them into tables of their own",
                )
        policy = self.source.options.decision
        decides = [policy.score, *policy.per] if policy else []
        known = {*schema.names, *self.source.options.row_key, *self.source.options.passthrough}
        if unknown := sorted(set(decides) - known):
            raise ConfigurationError(
                self.call,
                f"decision names columns that the prediction table will not have: {unknown}",
                expected=f"columns among {sorted(known)}",
                action="name the score of this task, and add the columns of per to passthrough",
            )
        return list(schema.names)

    def _batches(self) -> Iterator[pa.RecordBatch]:
        """Read, score and count; DuckDB hides an error's type, so it is kept for the caller."""
        planned = [record.rows_in for record in self.records]
        progress = Progress(self.record.request.node, sum(planned))
        read = [0] * len(planned)
        try:
            for batch in self.source.batches():
                for number in range(len(self.kernels)):
                    wanted = self._wanted(batch, number)
                    if wanted.num_rows:
                        read[number] += wanted.num_rows
                        yield self._score(wanted, number)
                        progress.advance(wanted.num_rows)
            self._note_left(planned, read)
            self._check_conserved()
        except Exception as error:
            self.error = error
            raise

    def _wanted(self, batch: pa.RecordBatch, number: int) -> pa.RecordBatch:
        """The rows of a batch that one version scores."""
        if len(self.kernels) == 1 or NEED not in batch.schema.names:
            return batch
        bits = pc.bit_wise_and(batch.column(NEED), pa.scalar(1 << number, pa.int64()))
        return batch.filter(pc.not_equal(bits, pa.scalar(0, pa.int64())))

    def _score(self, batch: pa.RecordBatch, number: int) -> pa.RecordBatch:
        kernel = self.kernels[number]
        scored = kernel(batch.select(kernel.signature.names))
        self.statistics[number].add(scored, batch.column(f"{ROW_HASH}:{number}"))
        self.records[number].note_memory()
        kept = [batch.column(KEPT + name) for name in self.source.columns.kept]
        part = pa.repeat(pa.scalar(number, pa.int32()), batch.num_rows)
        return pa.RecordBatch.from_arrays(
            [*kept, *scored.columns, batch.column(f"{FEATURE_HASH}:{number}"), part], schema=self.schema
        )

    def _note_left(self, planned: list[int], read: list[int]) -> None:
        """Under a budget of time, what was not read is left to the next run."""
        if self.source.options.rescore.max_seconds is None:
            return
        for record, expected, count in zip(self.records, planned, read, strict=True):
            record.rows_left += expected - count
            record.rows_in = count

    def _check_conserved(self) -> None:
        for statistics in self.statistics:
            statistics.finish()
        for record in self.records:
            self._check_record(record)

    def _check_record(self, record: RunRecord) -> None:
        if record.rows_scored + record.rows_rejected != record.rows_in:
            raise ConservationError(
                self.call,
                f"{record.rows_in} rows went in, {record.rows_scored} scored and "
                f"{record.rows_rejected} rejected rows came out",
                expected="every row exactly once",
                action="report this as a fault of scorehouse; the previous table stands",
            )
        limit = self.source.options.max_rejected_share
        share = record.rows_rejected / record.rows_in if record.rows_in else 0.0
        if limit is not None and share > limit:
            raise ConservationError(
                self.call,
                f"{record.rows_rejected} of {record.rows_in} rows were rejected ({share:.4f}), "
                f"mostly for {record.reject_reasons.most_common(3)}",
                expected=f"a share of at most {limit}",
                action="mend the feature table, or raise max_rejected_share",
            )

    def _reader(self) -> pa.RecordBatchReader:
        return pa.RecordBatchReader.from_batches(self.schema, self._batches())

    def write(self) -> None:
        """Score into the staging table and log the run, on the session and in its transaction."""
        request = self.record.request
        self.session.register(BATCHES, self._reader())
        try:
            self.session.execute(
                f"create or replace table {request.staging} as {self.output.select()}"
            ).fetchall()
        except duckdb.Error as error:
            raise self.error or error from None
        self.session.unregister(BATCHES)
        if self.record.write_mode == "merge":
            vanished = self._write_vanished()
            if self.source.options.as_of is None:
                for statement in self.output.decide_again(request.relation, request.staging, vanished):
                    self.session.execute(statement).fetchall()
        self.source.close()
        self._log(self.session)

    def _write_vanished(self) -> str | None:
        """Hand the keys to flag or delete to the merge; returns their table, if there are any."""
        request, options = self.record.request, self.source.options
        if options.rescore.vanished == "keep":
            return None
        keys = ", ".join(quote(name) for name in options.table_key)
        rows = self.source.cursor.sql(f"select {keys} from {VANISHED} where not was_flagged")
        self.session.register(VANISHED, rows.to_arrow_reader(options.batch_rows))
        self.session.execute(
            f"create or replace table {request.vanished} as select * from {VANISHED}"
        ).fetchall()
        self.session.unregister(VANISHED)
        return request.vanished

    def _log(self, connection: duckdb.DuckDBPyConnection) -> None:
        for record in self.records:
            insert_run(connection, record)

    def plain_reader(self) -> pa.RecordBatchReader:
        """The finished rows as a stream, for dbt's own materializations; logs the run at its end."""
        adder = self.session.cursor()
        adder.execute("set session arrow_lossless_conversion = true").fetchall()  # else a UUID is a text
        adder.register(BATCHES, self._reader())
        rows = adder.sql(self.output.select()).to_arrow_reader(self.source.options.batch_rows)

        def stream() -> Iterator[pa.RecordBatch]:
            try:
                yield from rows
            except Exception as error:
                failure = self.error or error
                log_failure(self.session, self.record, failure)
                raise failure from None
            self.source.close()
            self._log(adder)
            adder.close()

        return pa.RecordBatchReader.from_batches(rows.schema, stream())
