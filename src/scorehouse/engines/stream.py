"""The scored rows as a stream of record batches: from the kernels, or from the compiled SQL."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from scorehouse.engines.scored import PART, ScoredSelect
from scorehouse.engines.source import FEATURE_HASH, KEPT, NEED, ROW_HASH, FeatureSource
from scorehouse.engines.workers import BatchSize, one_thread_each, overlapped, worker_count
from scorehouse.forms import Form

# rows of one version: its number, the batch as it is written, the hashes of the rows
Scored = tuple[int, pa.RecordBatch, pa.Array]


def output_schema(source: FeatureSource, form: Form) -> pa.Schema:
    """Kept columns, the kernel's columns, feature hash and part."""
    kept = [pa.field(name, source.schema.field(KEPT + name).type) for name in source.columns.kept]
    added = [pa.field(FEATURE_HASH, pa.uint64()), pa.field(PART, pa.int32())]
    return pa.schema([*kept, *form.kernel.schema, *added])


def scored_batches(source: FeatureSource, forms: list[Form], schema: pa.Schema) -> Iterator[Scored]:
    """Score all rows of the source with every version."""
    compiled = [form.compiled for form in forms if form.compiled]
    if len(compiled) == len(forms):
        return _sql_batches(source, ScoredSelect(source, compiled, forms[0].kernel.schema), schema)
    return _kernel_batches(source, forms, schema)


def _sql_batches(source: FeatureSource, select: ScoredSelect, schema: pa.Schema) -> Iterator[Scored]:
    for batch in source.batches(select):
        parts = batch.column(PART)
        for number in range(len(select.compiled)):
            mine = batch
            if len(select.compiled) > 1:
                mine = batch.filter(pc.equal(parts, pa.scalar(number, pa.int32())))
            if mine.num_rows:
                columns = [mine.column(field.name).cast(field.type) for field in schema]
                yield number, pa.RecordBatch.from_arrays(columns, schema=schema), mine.column(ROW_HASH)


def _kernel_batches(source: FeatureSource, forms: list[Form], schema: pa.Schema) -> Iterator[Scored]:
    sizes = [BatchSize(source.options.batch_rows) for _ in forms]

    def score(batch: pa.RecordBatch) -> list[Scored]:
        found = []
        for number, form in enumerate(forms):
            wanted = _wanted(batch, number, len(forms))
            if wanted.num_rows:
                scored = sizes[number].score(wanted.select(form.kernel.signature.names), form.kernel)
                kept = [wanted.column(KEPT + name) for name in source.columns.kept]
                part = pa.repeat(pa.scalar(number, pa.int32()), wanted.num_rows)
                feature_hash = wanted.column(f"{FEATURE_HASH}:{number}")
                columns = [*kept, *scored.columns, feature_hash, part]
                written = pa.RecordBatch.from_arrays(columns, schema=schema)
                found.append((number, written, wanted.column(f"{ROW_HASH}:{number}")))
        return found

    workers = worker_count([form.kernel.estimator for form in forms])
    with one_thread_each():
        for scored in overlapped(source.batches(), score, workers):
            yield from scored


def _wanted(batch: pa.RecordBatch, number: int, parts: int) -> pa.RecordBatch:
    """The rows of a batch that one version scores."""
    if parts == 1 or NEED not in batch.schema.names:
        return batch
    bits = pc.bit_wise_and(batch.column(NEED), pa.scalar(1 << number, pa.int64()))
    return batch.filter(pc.not_equal(bits, pa.scalar(0, pa.int64())))
