"""The scored rows as a stream of record batches: from the kernels, or from the compiled SQL."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa

from scorehouse.engines.columns import FEATURE_HASH, KEPT, PART, ROW_HASH, wanted_rows
from scorehouse.engines.duckdb.scored import ScoredSelect
from scorehouse.engines.duckdb.source import DuckDBSource
from scorehouse.engines.duckdb.workers import BatchSize, one_thread_each, overlapped, worker_count
from scorehouse.kernel import arrays
from scorehouse.kernel import compute as pc
from scorehouse.program.choose import Backend


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
