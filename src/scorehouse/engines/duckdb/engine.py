"""The engine `duckdb`: rows go from the feature table through the versions' forms into a new table.

Record batches stream from a read cursor through the kernels; where every version has proven SQL, one
statement reads, scores and writes. The table is written on dbt's own connection, inside its
transaction, so that the table, the swap and the run log's row commit together or not at all.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import ExitStack, closing, contextmanager

import duckdb
import pyarrow as pa

from scorehouse.engines.conservation import check_conserved
from scorehouse.engines.duckdb.first_batch import checked_forms
from scorehouse.engines.duckdb.memory import limit_of, limited_memory, watched_memory
from scorehouse.engines.duckdb.plan import Planner, joins_both_ways
from scorehouse.engines.duckdb.run_rows import log_end, log_failure
from scorehouse.engines.duckdb.scored import ScoredSelect
from scorehouse.engines.duckdb.source import FeatureSource
from scorehouse.engines.duckdb.staging import hold_all_columns, write_staging
from scorehouse.engines.duckdb.statistics import BatchStatistics, count_table
from scorehouse.engines.duckdb.stream import output_schema, scored_batches
from scorehouse.engines.interrupt import check_interrupted, named
from scorehouse.engines.output import BATCHES, Output, added_columns, wide_suffixes
from scorehouse.engines.prepare import output_names
from scorehouse.engines.progress import Progress
from scorehouse.engines.table_columns import ColumnChange, change_table, column_change
from scorehouse.forms.choose import Form, choose_form
from scorehouse.kernel.scorer import Kernel
from scorehouse.scoring.rescore import VANISHED, quote
from scorehouse.scoring.runlog import STARTED, RunRecord


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
        outputs = output_names(kernels, source.options, self.call)
        rows = source.check(
            [kernel.signature for kernel in kernels],
            [*outputs, *added_columns(source.options, outputs, records)],
            unique=not joins_both_ways(source.options, self.record),
        )
        for part, record in enumerate(records):
            record.engine = "duckdb"
            record.feature_hash_kind, record.input_types = source.hash_kind(part), source.input_types(part)
            record.feature_query = source.query
        self.suffixes = wide_suffixes(source.options, records)
        self.schema = output_schema(source, kernels[0].schema, self.suffixes)
        self.output = Output(source.columns, source.types, outputs, source.options, records)
        self.change = self._column_change()
        Planner(source, records, rows).run()
        self.forms = self._choose_forms()

    def _column_change(self) -> ColumnChange:
        """How the table differs from what this run makes; dbt's own materializations see to it themselves."""
        request = self.record.request
        if self.record.write_mode != "merge" or not request.staging:
            return ColumnChange()
        return column_change(self.session, self.source, self.output, self.schema, request)

    def _choose_forms(self) -> list[Form]:
        """The form of each version: for the rows of this run, and equal to the estimator on the first."""
        asked = self.source.options.engine
        chosen = [
            choose_form(kernel, asked, record.rows_in)
            for kernel, record in zip(self.kernels, self.records, strict=True)
        ]
        forms = checked_forms(self.source, chosen, self.kernels)
        for form, record in zip(forms, self.records, strict=True):
            record.form, record.form_reason = form.name, form.reason
        return forms

    def _batches(self) -> Generator[pa.RecordBatch]:
        """Score and count; DuckDB hides an error's type, so it is kept for the caller."""
        planned = [record.rows_in for record in self.records]
        progress = Progress(self.record.request.node, sum(planned))
        statistics = [BatchStatistics(record) for record in self.records]
        read = [0] * len(planned)
        try:
            for scored in scored_batches(self.source, self.forms, self.schema, self.suffixes):
                for number, batch, row_hashes in scored.counted:
                    read[number] += batch.num_rows
                    statistics[number].add(batch, row_hashes)
                    progress.advance(batch.num_rows)
                self.record.note_memory()
                check_interrupted(self.call)
                yield scored.written
            self._note_left(planned, read)
            for counted in statistics:
                counted.finish()
            self._check_conserved()
        except Exception as error:
            self.error = error
            raise

    def _note_left(self, planned: list[int], read: list[int]) -> None:
        """Under a budget of time, what was not read is left to the next run."""
        if self.source.options.rescore.max_seconds is None:
            return
        for record, expected, count in zip(self.records, planned, read, strict=True):
            record.rows_left += expected - count
            record.rows_in = count

    def _check_conserved(self) -> None:
        for record in self.records:
            check_conserved(record, self.source.options.max_rejected_share, self.call)

    @contextmanager
    def _reader(self) -> Iterator[pa.RecordBatchReader]:
        """The scored rows; at the end their threads are over, even where DuckDB stopped reading."""
        batches = self._batches()
        try:
            yield pa.RecordBatchReader.from_batches(self.schema, batches)
        finally:
            batches.close()

    def write(self) -> None:
        """Score into the staging table and log the run, on the session and in its transaction."""
        request = self.record.request
        check_interrupted(self.call)
        limit = None
        if self.source.is_stored and not self.output.needs_all_rows:
            limit = limit_of(
                self.session, request.memory_limit, len(self.output.values()), request.dbt_threads
            )
        with watched_memory(self.records), limited_memory(self.session, limit):
            if self._is_direct():
                self._write_direct()
            else:
                self._write_stream()
        if self.record.write_mode == "merge":
            hold_all_columns(self.session, request.relation)
            change_table(self.session, request, self.change)
            vanished = self._write_vanished()
            if self.source.options.as_of is None:
                for statement in self.output.decide_again(request.relation, request.staging, vanished):
                    self.session.execute(statement).fetchall()
        self.source.close()
        log_end(self.session, self.records)

    def _is_direct(self) -> bool:
        """Whether one statement of the session reads, scores and writes: every row, by SQL alone."""
        return (
            all(form.compiled for form in self.forms)
            and self.source.chosen is None
            and self.source.in_database
        )

    def _write_direct(self) -> None:
        compiled = [form.compiled for form in self.forms if form.compiled]
        select = ScoredSelect(self.source, compiled, self.kernels[0].schema, self.suffixes)
        rows = f"({select(self.source.select())}) as {BATCHES}"
        write_staging(self.session, self.output, self.source.options, rows)
        count_table(self.session, self.records, self.output.keys, self.suffixes)
        self._check_conserved()

    def _write_stream(self) -> None:
        with self._reader() as reader:
            self.session.register(BATCHES, reader)
            try:
                write_staging(self.session, self.output, self.source.options)
            except duckdb.Error as error:
                raise self.error or error from None
            self.session.unregister(BATCHES)

    def _write_vanished(self) -> str | None:
        """Hand the keys to flag or delete to the merge; returns their table, if there are any."""
        request, options = self.record.request, self.source.options
        if options.rescore.vanished == "keep":
            return None
        keys = ", ".join(quote(name) for name in options.table_key)
        rows = self.source.cursor.sql(f"select {keys} from {VANISHED} where not was_flagged")
        self.session.register(VANISHED, rows.to_arrow_reader(options.read_rows))
        self.session.execute(
            f"create or replace table {request.vanished} as select * from {VANISHED}"
        ).fetchall()
        self.session.unregister(VANISHED)
        return request.vanished

    def plain_reader(self) -> pa.RecordBatchReader:
        """The finished rows as a stream, for dbt's own materializations; logs the run when they end."""
        adder = self.session.cursor()
        adder.execute("set session arrow_lossless_conversion = true").fetchall()  # else a UUID is a string
        reader = ExitStack()
        adder.register(BATCHES, reader.enter_context(self._reader()))
        rows = adder.sql(self.output.select()).to_arrow_reader(self.source.options.read_rows)

        def stream() -> Iterator[pa.RecordBatch]:
            with closing(adder), reader:
                try:
                    yield from rows
                except Exception as error:
                    failure = named(self.error or error, self.call)
                    log_failure(self.session, self.record, failure)
                    raise failure from None
                self.source.close()
                adder.begin()
                log_end(adder, self.records, STARTED)  # until dbt has put the table in its place
                adder.commit()

        return pa.RecordBatchReader.from_batches(rows.schema, stream())
