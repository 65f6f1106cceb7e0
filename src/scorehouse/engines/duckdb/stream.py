"""The scored rows as a stream of record batches: from the kernels, or from the versions' compiled SQL."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa

from scorehouse.dialect import DUCKDB
from scorehouse.engines.columns import (
    FEATURE_HASH,
    KEPT,
    NEED,
    PART,
    ROW_HASH,
    SQL_TYPES,
    scored_columns,
    wanted_rows,
)
from scorehouse.engines.duckdb.source import DuckDBSource
from scorehouse.engines.duckdb.sql import quote
from scorehouse.engines.duckdb.workers import BatchSize, one_thread_each, overlapped, worker_count
from scorehouse.kernel import arrays
from scorehouse.kernel import compute as pc
from scorehouse.program.choose import Backend
from scorehouse.program.sql.compiled import CompiledSql, together


class ScoredSelect:
    """SQL of the scored rows: kept columns, the versions' columns, feature hash, row hash and part.

    `schema` is the schema of the kernels, the same for all versions. `suffixes` are the suffixes of the
    versions' columns if they share a row; without them, each version has a row of its own.
    """

    def __init__(
        self,
        source: DuckDBSource,
        compiled: Sequence[CompiledSql],
        schema: pa.Schema,
        suffixes: Sequence[str] = (),
    ) -> None:
        self.source = source
        self.compiled = compiled
        self.suffixes = suffixes or [""][: len(compiled) == 1]
        self.schema = schema

    def __call__(self, features: str) -> str:
        """The scored rows of the select `features`, which `DuckDBSource.select` wrote."""
        source = self.source
        need = [] if source.chosen is None else [NEED]
        carried = [*(KEPT + name for name in source.columns.kept), *source.hash_columns, *need]
        inner = together(self.compiled).render(f"({features})", carried)
        hashes = (FEATURE_HASH, ROW_HASH)
        columns = scored_columns(source.columns, self.schema, self.suffixes, PART, DUCKDB, hashes)
        select = f"select {', '.join(columns)} from ({inner})"
        if self.suffixes:
            return select
        # one row per version, made from one row with all versions' columns: features are read once
        numbers = ", ".join(f"({number})" for number in range(len(self.compiled)))
        where = f" where ({NEED} >> {PART}) & 1 = 1" if need else ""
        return f"{select} cross join (values {numbers}) as parts({PART}){where}"

    def alike(self) -> str:
        """A relation with the columns of the scored rows and one row of NULL: it is bound at once."""
        types = {name: self.source.types[name] for name in self.source.columns.kept}
        for suffix in self.suffixes or [""]:
            for field in self.schema:
                types[field.name + suffix] = SQL_TYPES.get(field.type, DUCKDB.text)
        types |= {FEATURE_HASH: "ubigint", PART: "integer"}
        return f"(select {', '.join(f'null::{kind} as {quote(name)}' for name, kind in types.items())})"


@dataclass(frozen=True)
class Scored:
    """A batch as it is written, and for each version its number, its columns and the hashes of its rows."""

    written: pa.RecordBatch
    counted: Sequence[tuple[int, pa.RecordBatch, pa.Array]]


def output_schema(source: DuckDBSource, outputs: pa.Schema, suffixes: Sequence[str] = ()) -> pa.Schema:
    """Kept columns, the kernel's `outputs` (once per suffix if versions share a row), hash and part."""
    kept = [pa.field(name, source.schema.field(KEPT + name).type) for name in source.columns.kept]
    scored = [field.with_name(field.name + suffix) for suffix in suffixes or [""] for field in outputs]
    added = [pa.field(FEATURE_HASH, pa.uint64()), pa.field(PART, pa.int32())]
    return pa.schema([*kept, *scored, *added])


def scored_batches(
    source: DuckDBSource, backends: Sequence[Backend], schema: pa.Schema, suffixes: Sequence[str] = ()
) -> Iterator[Scored]:
    """Score all rows of the source with every version; `suffixes` as in `output_schema`."""
    compiled = [backend.compiled for backend in backends if backend.compiled]
    if len(compiled) == len(backends):
        select = ScoredSelect(source, compiled, backends[0].kernel.schema, suffixes)
        return _sql_batches(source, select, schema)
    return _kernel_batches(source, backends, schema, suffixes)


def _sql_batches(source: DuckDBSource, select: ScoredSelect, schema: pa.Schema) -> Iterator[Scored]:
    for batch in source.batches(select):
        hashes = batch.column(ROW_HASH)
        columns = [batch.column(field.name).cast(field.type) for field in schema]
        written = pa.RecordBatch.from_arrays(columns, schema=schema)
        if select.suffixes:
            yield Scored(written, _of_each(written, select.schema.names, select.suffixes, hashes))
            continue
        parts = [
            pc.equal(batch.column(PART), arrays.scalar(n, pa.int32())) for n in range(len(select.compiled))
        ]
        yield Scored(
            written, [(n, written.filter(mine), hashes.filter(mine)) for n, mine in enumerate(parts)]
        )


def _of_each(
    written: pa.RecordBatch, names: Sequence[str], suffixes: Sequence[str], hashes: pa.Array
) -> list[tuple[int, pa.RecordBatch, pa.Array]]:
    """The columns of each version under their plain names, for versions that share a row."""
    return [
        (number, written.select([name + suffix for name in names]).rename_columns(list(names)), hashes)
        for number, suffix in enumerate(suffixes)
    ]


def _kernel_batches(
    source: DuckDBSource, backends: Sequence[Backend], schema: pa.Schema, suffixes: Sequence[str]
) -> Iterator[Scored]:
    sizes = [BatchSize(source.options.batch_rows) for _ in backends]
    names = backends[0].kernel.schema.names

    def outputs(batch: pa.RecordBatch, number: int) -> pa.RecordBatch:
        kernel = backends[number].kernel
        return sizes[number].score(batch.select(kernel.signature.names), kernel)

    def finished(batch: pa.RecordBatch, number: int, columns: list[pa.Array]) -> pa.RecordBatch:
        kept = [batch.column(KEPT + name) for name in source.columns.kept]
        feature_hash = batch.column(f"{FEATURE_HASH}:{source.columns.hash_part(number)}")
        part = arrays.repeat(number, batch.num_rows, pa.int32())
        return pa.RecordBatch.from_arrays([*kept, *columns, feature_hash, part], schema=schema)

    def score(batch: pa.RecordBatch) -> list[Scored]:
        if suffixes:
            columns = [column for number in range(len(backends)) for column in outputs(batch, number).columns]
            written = finished(batch, 0, columns)
            return [Scored(written, _of_each(written, names, suffixes, batch.column(f"{ROW_HASH}:0")))]
        found = []
        for number in range(len(backends)):
            wanted = batch if len(backends) == 1 else wanted_rows(batch, number)
            if wanted.num_rows:
                written = finished(wanted, number, outputs(wanted, number).columns)
                hashes = wanted.column(f"{ROW_HASH}:{source.columns.hash_part(number)}")
                found.append(Scored(written, [(number, written, hashes)]))
        return found

    workers = worker_count([backend.kernel.estimator for backend in backends])
    with one_thread_each():
        for scored in overlapped(source.batches(), score, workers):
            yield from scored
