"""The engine `duckdb`: batches stream from a read cursor through the kernel into a new table.

The table is written on dbt's own connection, inside its transaction, so that the table, the swap and
the run log's row commit together or not at all.
"""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pyarrow as pa

from scorehouse.engines.progress import Progress
from scorehouse.engines.runs import insert_run, log_failure
from scorehouse.engines.source import FEATURE_HASH, KEPT, ROW_HASH, FeatureSource, literal, quote
from scorehouse.engines.statistics import BatchStatistics
from scorehouse.errors import ConservationError
from scorehouse.runlog import RunRecord
from scorehouse.scorer import REJECT_REASON, Kernel

BATCHES = "scorehouse_batches"


class DuckDBScoring:
    """One scoring run: checks when it is made, scores when `write` or `plain_reader` is called."""

    def __init__(
        self, session: duckdb.DuckDBPyConnection, source: FeatureSource, kernel: Kernel, record: RunRecord
    ) -> None:
        self.session = session
        self.source = source
        self.kernel = kernel
        self.record = record
        self.call = source.call
        self.error: Exception | None = None
        record.engine = "duckdb"
        record.rows_in = source.check(kernel.signature, kernel.schema.names)
        record.feature_hash_kind = source.hash_kind()
        self.statistics = BatchStatistics(record)
        kept = [pa.field(name, source.schema.field(KEPT + name).type) for name in source.columns.kept]
        self.schema = pa.schema([*kept, *kernel.schema, pa.field(FEATURE_HASH, pa.uint64())])

    def _batches(self) -> Iterator[pa.RecordBatch]:
        """Read, score and count; DuckDB hides an error's type, so it is kept for the caller."""
        progress = Progress(self.record.request.node, self.record.rows_in)
        try:
            for batch in self.source.batches():
                scored = self.kernel(batch.select(self.kernel.signature.names))
                self.statistics.add(scored, batch.column(ROW_HASH))
                self.record.note_memory()
                progress.advance(batch.num_rows)
                kept = [batch.column(KEPT + name) for name in self.source.columns.kept]
                yield pa.RecordBatch.from_arrays(
                    [*kept, *scored.columns, batch.column(FEATURE_HASH)], schema=self.schema
                )
            self._check_conserved()
        except Exception as error:
            self.error = error
            raise

    def _check_conserved(self) -> None:
        record = self.record
        self.statistics.finish()
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

    def _final_select(self) -> str:
        """What DuckDB adds to each row on its way into the table: rank, status, where it came from."""
        version, columns = self.kernel.version, self.source.columns
        parts = [quote(name) for name in (*columns.key, *columns.passthrough)]
        parts += [quote(name) for name in self.kernel.schema.names if name != REJECT_REASON]
        if version.task == "ranking":
            parts.append(self._rank())
        parts += [
            f"case when {REJECT_REASON} is null then 'scored' else 'rejected' end as row_status",
            REJECT_REASON,
            f"{literal(version.name)} as model_name",
            f"{version.version}::integer as model_version",
            f"{literal(version.sha256)} as model_digest",
            f"{literal(self.record.request.run_id)}::uuid as scoring_run_id",
            f"{literal(self.record.started_at.isoformat(sep=' ')[:26])}::timestamp as scored_at",
            FEATURE_HASH,
        ]
        return f"select {', '.join(parts)} from {BATCHES}"

    def _rank(self) -> str:
        """Rank within the group, best score first, ties broken by the key; NULL for rejected rows."""
        columns = self.source.columns
        group = ", ".join(quote(name) for name in columns.group)
        order = ", ".join(quote(name) for name in columns.key)
        return (
            f"case when {REJECT_REASON} is null then row_number() over (partition by {group}, "
            f'{REJECT_REASON} is null order by score desc, {order}) end as "rank"'
        )

    def _reader(self) -> pa.RecordBatchReader:
        return pa.RecordBatchReader.from_batches(self.schema, self._batches())

    def write(self) -> None:
        """Score into the staging table and log the run, on the session and in its transaction."""
        self.session.register(BATCHES, self._reader())
        try:
            self.session.execute(
                f"create or replace table {self.record.request.staging} as {self._final_select()}"
            ).fetchall()
        except duckdb.Error as error:
            raise self.error or error from None
        finally:
            self.source.close()
        self.session.unregister(BATCHES)
        insert_run(self.session, self.record)

    def plain_reader(self) -> pa.RecordBatchReader:
        """The finished rows as a stream, for dbt's own materializations; logs the run at its end."""
        adder = self.session.cursor()
        adder.register(BATCHES, self._reader())
        rows = adder.sql(self._final_select()).to_arrow_reader(self.source.options.batch_rows)

        def stream() -> Iterator[pa.RecordBatch]:
            try:
                yield from rows
            except Exception as error:
                failure = self.error or error
                log_failure(self.session, self.record, failure)
                raise failure from None
            self.source.close()
            insert_run(adder, self.record)
            adder.close()

        return pa.RecordBatchReader.from_batches(rows.schema, stream())
