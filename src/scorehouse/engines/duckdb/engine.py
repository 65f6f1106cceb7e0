"""The engine `duckdb`: rows go from the feature table through the versions' backends into a new table.

Record batches stream from a read cursor through the kernels. If every version has proven SQL, one statement
reads, scores and writes. The table is written on dbt's own connection, inside its transaction, so the
table, the swap and the run log's row commit together or not at all.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from typing import IO, Any

import duckdb
import pyarrow as pa

from scorehouse.dialect import DUCKDB
from scorehouse.engines.base import ColumnChange, Engine, Scan
from scorehouse.engines.duckdb.counted import CountedBatches, count_table
from scorehouse.engines.duckdb.errors import check_interrupted, named, seed_table
from scorehouse.engines.duckdb.memory import limit_of, limited_memory, watched_memory
from scorehouse.engines.duckdb.plan import DuckDBPlanner
from scorehouse.engines.duckdb.rescore_sql import VANISHED
from scorehouse.engines.duckdb.run_log import hold_room, log_end, log_failure, log_start
from scorehouse.engines.duckdb.slices import write_slices
from scorehouse.engines.duckdb.source import DuckDBSource, registry_of
from scorehouse.engines.duckdb.sql import column_list, quote, same
from scorehouse.engines.duckdb.staging import hold_all_columns, is_duckdb, write_staging
from scorehouse.engines.duckdb.stream import ScoredSelect, output_schema
from scorehouse.engines.duckdb.table_columns import change_table, column_change
from scorehouse.engines.output import BATCHES, Output, wide_suffixes
from scorehouse.errors import ConfigurationError
from scorehouse.kernel.scorer import Kernel
from scorehouse.program.sql.compiled import CompiledSql
from scorehouse.project.run_log_place import STARTED
from scorehouse.registry.version import Version
from scorehouse.scoring.options import ScoreOptions
from scorehouse.scoring.request import Request, RunRecord

UNPLACED = "scorehouse_unplaced"


class DuckDBEngine(Engine[DuckDBSource]):
    """One scoring run on dbt-duckdb."""

    name = "duckdb"
    backends = batch_backends = ("sql", "native", "matrix")

    def __init__(self, session: Any, request: Request, call: str) -> None:
        super().__init__(session, request, call)
        self.room: IO[bytes] | None = None  # until the run ends
        has_enums = not request.staging or is_duckdb(session, request.staging)
        self.spelling = DUCKDB if has_enums else replace(DUCKDB, status=DUCKDB.text)

    def log_start(self, record: RunRecord) -> None:
        if room := hold_room(self.session, self.request.run_log):
            self.room = room
            weakref.finalize(self, room.close)
        if not self.request.staging:  # the materialization `predictions` has already written it
            log_start(self.session, record)

    def refuse(self, options: ScoreOptions) -> None:
        is_file = bool(self.request.staging) and is_duckdb(self.session, self.request.staging)
        if options.rescore.slice_rows is not None and not is_file:
            raise ConfigurationError(
                self.call,
                f"rescore has slice_rows, and the prediction table is {self.request.relation} with "
                f"materialized={self.request.materialization!r}",
                expected='materialized="predictions", and a table in a DuckDB file',
                action="leave out slice_rows",
            )

    def table_exists(self) -> bool:
        return self.request.exists

    def versions(self, model: Any) -> list[Version]:
        if isinstance(model, str):
            model = seed_table(self.session, model, self.request, self.call)
        registry = registry_of(self.session, model, self.request, self.call)
        rows = (dict(zip(model.columns, row, strict=True)) for row in model.fetchall())
        return registry.compared(rows, self.call, may_be_empty=self.request.is_empty)

    def open(self, features: Any, options: ScoreOptions) -> DuckDBSource:
        return DuckDBSource(self.session, features, options, self.request, self.call)

    def sql_rows(self, compiled: CompiledSql, rows: pa.Table) -> pa.Table:
        from scorehouse.program.sql.in_duckdb import duckdb_rows

        with self.session.cursor() as cursor:  # with the settings and macros that the run will meet
            return duckdb_rows(compiled, rows, cursor)

    def check_table(self, source: DuckDBSource, output: Output, kernels: Sequence[Kernel]) -> ColumnChange:
        schema = output_schema(source, kernels[0].schema, wide_suffixes(source.options, output.records))
        return column_change(self.session, source, output, schema, self.request)

    def planner(self, source: DuckDBSource, records: list[RunRecord]) -> DuckDBPlanner:
        return DuckDBPlanner(source, records)

    def write(self, scan: Scan[DuckDBSource], storage: Mapping[str, Any]) -> None:
        """Score into the staging table and log the run, on the session and in its transaction."""
        check_interrupted(self.call)
        with watched_memory(scan.records), limited_memory(self.session, self._memory_limit(scan)):
            if scan.source.slices:
                write_slices(self.session, scan, scan.source.slices)
            elif _is_direct(scan):
                self._write_direct(scan)
            else:
                CountedBatches(scan).write(self.session)
        if scan.record.write_mode == "merge":
            hold_all_columns(self.session, self.request.relation)
            change_table(self.session, self.request, scan.change)
            self._decide_again(scan, self._write_vanished(scan))
            self._unplace(scan)
        scan.source.close()
        log_end(self.session, scan.records)

    def stream(self, scan: Scan[DuckDBSource]) -> pa.RecordBatchReader:
        """The finished rows as a stream; logs the run when they end."""
        adder = self.session.cursor()
        adder.execute("set session arrow_lossless_conversion = true").fetchall()  # else a UUID is a string
        batches, reader = CountedBatches(scan), ExitStack()
        adder.register(BATCHES, reader.enter_context(batches.reader()))
        try:
            rows = adder.sql(scan.output.select()).to_arrow_reader(scan.options.read_rows)
        except duckdb.Error as error:  # of few rows, which are scored before the first is asked for
            raise batches.error or error from None

        def stream() -> Iterator[pa.RecordBatch]:
            with closing(adder), reader:
                try:
                    yield from rows
                except Exception as error:
                    raise self.log_failure(scan.record, batches.error or error) from None
                scan.source.close()
                adder.begin()
                log_end(adder, scan.records, STARTED)  # until dbt has put the table in its place
                adder.commit()

        return pa.RecordBatchReader.from_batches(rows.schema, stream())

    def log_failure(self, record: RunRecord, error: Exception) -> Exception:
        told = named(error, self.call)
        if self.room:
            self.room.close()
        log_failure(self.session, record, told)
        return told

    def _memory_limit(self, scan: Scan[DuckDBSource]) -> str | None:
        if not scan.source.is_stored or scan.output.needs_all_rows:
            return None
        columns, request = len(scan.output.values()), self.request
        return limit_of(self.session, request.memory_limit, columns, request.dbt_threads)

    def _write_direct(self, scan: Scan[DuckDBSource]) -> None:
        compiled = [backend.compiled for backend in scan.backends if backend.compiled]
        select = ScoredSelect(scan.source, compiled, scan.kernels[0].schema, scan.suffixes)
        rows = f"({select(scan.source.select())}) as {BATCHES}"
        write_staging(self.session, scan.output, rows, alike=select.alike())
        count_table(self.session, scan.records, scan.output.keys, scan.suffixes)
        scan.check_conserved()

    def _write_vanished(self, scan: Scan[DuckDBSource]) -> str | None:
        """Write the keys that take no part in decisions; returns their table, if there are any.

        Those to flag or delete are for the merge; those that are kept lose their place before it.
        """
        kept = scan.options.rescore.vanished == "keep"
        if kept and not scan.plan.unplaced:
            return None
        keys, table = column_list(scan.options.table_key), UNPLACED if kept else self.request.vanished
        rows = scan.source.cursor.sql(f"select {keys} from {VANISHED} where not was_flagged")
        self.session.register(VANISHED, rows.to_arrow_reader(scan.options.read_rows))
        self.session.execute(
            f"create or replace {'temp ' if kept else ''}table {table} as select * from {VANISHED}"
        ).fetchall()
        self.session.unregister(VANISHED)
        return table

    def _unplace(self, scan: Scan[DuckDBSource]) -> None:
        """Take decision and rank from predictions that are kept without a row: they have no place."""
        if places := [quote(name) for name in scan.plan.unplaced]:
            self.session.execute(
                f"insert into {self.request.staging} by name "
                f"select old.* replace ({', '.join(f'null as {name}' for name in places)}) "
                f"from (select * from {self.request.relation} as old semi join {UNPLACED} as gone "
                f"on {same('old', 'gone', scan.options.table_key)} "
                f"union all by name (select * from {self.request.staging} limit 0)) as old "
                f"where {' or '.join(f'{name} is not null' for name in places)}"
            ).fetchall()
            self.session.execute(f"drop table {UNPLACED}").fetchall()

    def _decide_again(self, scan: Scan[DuckDBSource], vanished: str | None) -> None:
        """Update the decisions of rows that are not scored again.

        Rows of the table whose decision changes are added to the staging table, with unchanged scores.
        `vanished` is the table of keys whose rows do not take part, if there is one.
        """
        made, options = scan.output.decided_again(), scan.options
        if not made or options.as_of is not None:
            return
        key, table, staging = options.table_key, self.request.relation, self.request.staging
        gone = f" anti join {vanished} as gone on {same('old', 'gone', key)}" if vanished else ""
        flagged = " where not is_vanished" if options.rescore.vanished == "flag" else ""
        flagged = " where decision is not null" if scan.plan.skips_undecided else flagged
        decided = ", ".join(f"{sql} as new_{name}" for name, sql in made.items())
        differs = " or ".join(f"{name} is distinct from new_{name}" for name in made)
        replaced = ", ".join(f"new_{name} as {name}" for name in made)
        dropped = ", ".join(f"new_{name}" for name in made)
        whole = (
            f"(select *, {decided} from (select old.*, false as is_staged from {table} as old "
            f"anti join {staging} as staged on {same('old', 'staged', key)}{gone}{flagged} "
            f"union all by name select *, true as is_staged from {staging}))"
        )
        if options.ranks_by_score:  # the positions of staged rows depend on the rows that stay
            places = ", ".join(f"{name} = decided.new_{name}" for name in made)
            self.session.execute(
                f"update {staging} as staged set {places} from "
                f"(select {column_list(key)}, {dropped} from {whole} "
                f"where is_staged and ({differs})) as decided where {same('staged', 'decided', key)}"
            ).fetchall()
        self.session.execute(
            f"insert into {staging} by name select * exclude (is_staged, {dropped}) "
            f"replace ({replaced}) from {whole} where not is_staged and ({differs})"
        ).fetchall()


def _is_direct(scan: Scan[DuckDBSource]) -> bool:
    """Whether one statement of the session reads, scores and writes every row, in SQL alone."""
    by_sql = all(backend.compiled for backend in scan.backends)
    return by_sql and scan.source.chosen is None and scan.source.in_database


ENGINE = DuckDBEngine
