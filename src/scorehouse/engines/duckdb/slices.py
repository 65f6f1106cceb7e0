"""A full build in slices: each is committed with what a stopped run needs to be resumed exactly.

The staging table has the state of its run as its comment, changed in the transaction that adds a slice. So
a slice is there with its state or not at all, and readers see nothing until the table is swapped in. A later
run goes on only if nothing that its rows depend on has changed: version, settings, libraries, and, by their
fingerprint, the rows that were scored. Otherwise it starts from the beginning.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid5

import duckdb
import pyarrow as pa

from scorehouse.engines.base import Scan
from scorehouse.engines.duckdb.counted import CountedBatches
from scorehouse.engines.duckdb.keys import LARGEST_RANGE
from scorehouse.engines.duckdb.source import DuckDBSource
from scorehouse.engines.duckdb.sql import literal, quote
from scorehouse.engines.duckdb.staging import parts_of
from scorehouse.engines.statistics import MASK
from scorehouse.errors import ConfigurationError, SignatureError
from scorehouse.project.log import logger
from scorehouse.scoring.request import RunRecord, library_versions


@dataclass(frozen=True)
class Slices:
    """Equally wide ranges of the first key column, an integer: they split all `rows` of a table."""

    column: str
    rows: int
    low: int
    high: int
    number: int

    @classmethod
    def of(cls, source: DuckDBSource, slice_rows: int) -> Slices:
        """Slices of about `slice_rows` rows, if the values of the column lie evenly."""
        name, column = next(iter(source.columns.key.items()))
        kind = source.table_schema.field(column).type
        if not pa.types.is_integer(kind):
            raise SignatureError(
                source.call,
                f"rescore has slice_rows, but the first column of the key, {name!r}, is {kind}",
                expected="an integer, whose ranges are the slices",
                action="begin the key with a column of integers by which the features are sorted",
            )
        quoted = quote(column)
        rows, there, low, high = source.row(
            f"select count(*), count({quoted}), min({quoted}), max({quoted}) from {source.table}"
        )
        if there != rows:
            source.check_keys(unique=False)  # says what is wrong with the key
        number = min(-(-rows // slice_rows), (high - low) + 1) if rows else 1
        return cls(quoted, rows, low or 0, high or 0, number)

    def span(self, number: int) -> tuple[int, int]:
        """The first and the last value of one slice."""
        size = self.high - self.low + 1
        return self.low + size * number // self.number, self.low + size * (number + 1) // self.number - 1

    def within(self, table: str, first: int, last: int) -> str:
        """The rows of `table` in the slices from `first` to `last`, as a relation."""
        low, high = self.span(first)[0], self.span(last)[1]
        return f"(select * from {table} where {self.column} between {low} and {high})"


def write_slices(session: duckdb.DuckDBPyConnection, scan: Scan[DuckDBSource], slices: Slices) -> None:
    """Write what is missing in the staging table, slice by slice, each in a transaction of the session."""
    source, record, table = scan.source, scan.record, scan.source.table
    batches = CountedBatches(scan)
    (statistics,) = batches.statistics
    facts = _facts(record, slices)
    state = None if record.request.full_refresh else _state(session, record)
    if state and not (changed := _changed(state, facts, source, slices)):
        statistics.resume(state["statistics"])
        record.rows_resumed = statistics.fingerprint.rows
        batches.progress.done = batches.progress.before = record.rows_resumed
        logger.info(f"{record.request.node}: goes on after slice {state['done']} of {slices.number}")
    else:
        if state:
            logger.info(f"{record.request.node}: starts from the beginning: another {', '.join(changed)}")
        state = {"run": str(uuid5(UUID(record.request.run_id), "slices")), "facts": facts, "done": 0}
    record.run_id = state["run"]  # the rows of all attempts are of one run
    try:
        for number in range(state["done"], slices.number):
            if number and _state(session, record) != state:
                raise _taken(record, source.call)
            source.table = slices.within(table, number, number)
            low, high = slices.span(number)
            is_dense = len(source.columns.key) == 1 and high - low < LARGEST_RANGE
            source.check_keys(span=(low, high) if is_dense else None)
            batches.write(session, create=number == 0)
            state = {**state, "done": number + 1, "statistics": statistics.state()}
            _comment(session, record, literal(json.dumps(state)))
            session.commit()
            session.begin()
        batches.finish()
        _comment(session, record, "null")
    except BaseException:
        record.run_id = ""  # what failed is this attempt
        raise


def _facts(record: RunRecord, slices: Slices) -> dict[str, str]:
    """A digest of each thing that rows depend on, but for the features themselves."""
    assert record.part is not None
    assert record.options is not None
    facts = {
        "version": [record.scoring_basis, record.part.version.to_row()],
        # but for the limit that only the end of a run compares with
        "configuration": record.options.model_copy(update={"max_rejected_share": None}).to_json(),
        "feature table": [record.feature_query, record.feature_hash_kind, record.input_types, asdict(slices)],
        "backend": record.backend,
        "library": library_versions(),
    }
    return {
        name: sha256(json.dumps(fact, sort_keys=True, default=str).encode()).hexdigest()
        for name, fact in facts.items()
    }


def _changed(
    state: Mapping[str, Any], facts: Mapping[str, str], source: DuckDBSource, slices: Slices
) -> list[str]:
    """What differs from the run that left the state; the features are read only if nothing else does."""
    if changed := [name for name, fact in facts.items() if state["facts"].get(name) != fact]:
        return changed
    row_hash, scored = source.row_hash(0), state["statistics"]["fingerprint"]
    rows, hash_sum, hash_xor = source.row(
        f"select count(*), coalesce(sum({row_hash}::hugeint), 0), coalesce(bit_xor({row_hash}), 0) "
        f"from {slices.within(source.table, 0, state['done'] - 1)}"
    )
    now = (rows, int(hash_sum) & MASK, int(hash_xor))
    is_same = now == (scored["rows"], scored["hash_sum"] & MASK, scored["hash_xor"])
    return [] if is_same else ["content of the features"]


def _state(session: duckdb.DuckDBPyConnection, record: RunRecord) -> dict[str, Any] | None:
    """The state that a run left in the staging table, if there is one."""
    database, schema, name = parts_of(record.request.staging)
    found = session.execute(
        "select comment from duckdb_tables() where database_name = coalesce(?, current_database()) "
        "and schema_name = ? and table_name = ? and comment is not null",
        [database, schema, name],
    ).fetchall()
    return json.loads(found[0][0]) if found else None


def _comment(session: duckdb.DuckDBPyConnection, record: RunRecord, text: str) -> None:
    session.execute(f"comment on table {record.request.staging} is {text}").fetchall()


def _taken(record: RunRecord, call: str) -> ConfigurationError:
    return ConfigurationError(
        call,
        f"another run has changed {record.request.staging} meanwhile",
        expected="one run of a prediction table at a time",
        action="wait until the other run has ended",
    )
