"""One scan on Spark: features are read once, and every version scores them in the executors.

Spark itself computes the stored SQL of the versions, step by step; else Python workers run kernels.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from scorehouse.dialect import SPARK
from scorehouse.engines.base import Scan
from scorehouse.engines.columns import FEATURE_HASH, KEPT, NEED, PART, scored_columns
from scorehouse.engines.spark.decided import decides_later
from scorehouse.engines.spark.source import SparkSource, quote
from scorehouse.engines.spark.worker import WorkerTask, WorkerVersion, batch_function, digest_of, file_of
from scorehouse.kernel import arrays
from scorehouse.kernel.rows import in_unit
from scorehouse.program.sql.compiled import CompiledSql, together
from scorehouse.program.sql.dialects import LIMITS
from scorehouse.program.sql.dialects import SPARK as DIALECT
from scorehouse.program.sql.in_duckdb import ROW
from scorehouse.program.sql.stages import check_size
from scorehouse.registry import artifact

# A closure is sent with every task; from this size on, the artifact is sent as a file, once per executor.
CLOSURE_BYTES = 1 << 20


class SparkScan:
    """Computes the finished rows of one run."""

    def __init__(self, scan: Scan[SparkSource]) -> None:
        self.scan = scan
        self.source = scan.source
        self.schema = scan.kernels[0].schema
        self.sent: dict[str, bytes | None] = {}

    def rows(self) -> Any:
        """The rows of the prediction table that this run makes, as a DataFrame."""
        finished = self.scan.output.values()
        if decides_later(self.scan.options.decision):
            finished["decision"] = "cast(null as string)"
        return self._scored().selectExpr(*(f"{sql} as {quote(name)}" for name, sql in finished.items()))

    def _scored(self) -> Any:
        """Kept columns, the versions' columns, the feature hash, and the version's number."""
        compiled = [backend.compiled for backend in self.scan.backends if backend.compiled]
        if len(compiled) == len(self.scan.backends):
            return scored_rows(self.source, compiled, self.schema, self.scan.suffixes)
        return self._by_workers()

    def _by_workers(self) -> Any:
        from pyspark.sql.pandas.types import from_arrow_schema
        from pyspark.sql.types import StructField, StructType

        selected, suffixes = self.source.select(), self.scan.suffixes
        kept = tuple(name for name in selected.columns if name.startswith(KEPT))
        kept_rows = selected.select(*map(quote, kept))
        scored = [
            field.with_name(field.name + suffix) for suffix in suffixes or [""] for field in self.schema
        ]
        added = pa.schema([*scored, pa.field(FEATURE_HASH, pa.int64()), pa.field(PART, pa.int32())])
        task = WorkerTask(
            versions=tuple(self._version(number) for number in range(len(self.scan.kernels))),
            policy=self.source.request.load_policy,
            strict=self.source.options.strict,
            call=self.source.call,
            kept=kept,
            schema=pa.schema([*kept_rows.limit(0).toArrow().schema, *added]),
            side_by_side=bool(suffixes),
            asked=getattr(self.scan.kernels[0], "asked", None),
        )
        fields = [*kept_rows.schema, *from_arrow_schema(added)]
        types = StructType([StructField(field.name, field.dataType) for field in fields])
        batches = selected.mapInArrow(batch_function(task), types)
        names = (f"{quote(name)} as {quote(name.removeprefix(KEPT))}" for name in batches.columns)
        return batches.selectExpr(*names)

    def _version(self, number: int) -> WorkerVersion:
        kernel, features = self.scan.kernels[number], self.source.columns.features[number]
        return WorkerVersion(
            version=kernel.version,
            signature=kernel.signature,
            columns=tuple(features[name] for name in kernel.signature.names),
            hashes=self.source.hash_name(number),
            backend=self.scan.backends[number].name,
            data=self._sent(number),
            reasons=getattr(kernel, "data", None),
        )

    def _sent(self, number: int) -> bytes | None:
        """The program or the artifact, for the closure; None if it is sent as a file. Once a digest."""
        backend, version = self.scan.backends[number], self.scan.kernels[number].version
        digest = digest_of(version, backend.name)
        if digest not in self.sent:
            request, call = self.source.request, self.source.call
            data = backend.data or artifact.read_version(
                request.project_root, version, request.load_policy, call
            )
            self.sent[digest] = data
            if len(data) >= CLOSURE_BYTES:
                path = _sent_files() / file_of(digest)
                path.write_bytes(data)
                self.source.session.addArtifacts(str(path), file=True)
                self.sent[digest] = None
        return self.sent[digest]


@cache
def _sent_files() -> Path:
    """A folder that lives as long as this process: a classic session sends files from it to new executors."""
    folder = Path(tempfile.mkdtemp(prefix="scorehouse-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def scored_rows(
    source: SparkSource, compiled: Sequence[CompiledSql], schema: pa.Schema, suffixes: Sequence[str]
) -> Any:
    """The scored rows of one run, with the columns that a run by Python workers has too.

    `schema` is the schema of the kernels, the same for all versions. `suffixes` are those of the versions'
    columns if they share a row; without them, each version has a row of its own.
    """
    selected, columns = source.select(), source.columns
    need = [NEED] if NEED in selected.columns else []
    carried = [*(KEPT + name for name in columns.kept), *map(source.hash_name, columns.hash_parts), *need]
    features = {name: column for read in columns.features for name, column in read.items()}
    scored, part = chained(selected, compiled, carried, features), "0"
    if len(compiled) > 1 and not suffixes:  # one row per version: features are read and scored once
        part = PART
        numbers = ", ".join(map(str, range(len(compiled))))
        scored = scored.selectExpr("*", f"explode(array({numbers})) as {PART}")
        if need:
            scored = scored.where(f"shiftright({NEED}, {PART}) & 1 = 1")
    return scored.selectExpr(*scored_columns(columns, schema, suffixes, part, SPARK))


def chained(frame: Any, compiled: Sequence[CompiledSql], keep: Sequence[str], held: Mapping[str, str]) -> Any:
    """A frame scored by every version: the output `score` of the second is named `score:1`.

    `keep` are columns of the frame that stay, `held` its columns with the features.
    """
    spelled = together([replace(one, dialect=DIALECT) for one in compiled])
    for columns in spelled.selects(keep, held):
        frame = frame.selectExpr(*columns)
    return frame


def session_rows(session: Any, compiled: CompiledSql, rows: pa.Table) -> pa.Table:
    """What Spark makes of the rows, in their order, computed where a run computes.

    Raises CompileError for SQL that is too large for Spark.
    """
    from pyspark.sql.pandas.types import from_arrow_schema

    check_size(replace(compiled, dialect=DIALECT), LIMITS["databricks"], compiled.version.label)
    columns = [_plain(column.combine_chunks()) for column in rows.columns]
    plain = pa.table(columns, rows.column_names)
    plain = plain.append_column(ROW, arrays.of_numpy(np.arange(rows.num_rows)))
    # a timestamp without a zone stays one, whatever the session's type of timestamps is
    schema = from_arrow_schema(plain.schema, prefer_timestamp_ntz=True)
    # exploded, so that an executor computes, and not the planner
    frame = session.createDataFrame(plain, schema).selectExpr("*", f"explode(array(0)) as {PART}")
    held = {name: name for name in compiled.features}
    found = chained(frame, [compiled], [ROW], held).toArrow().sort_by(ROW)
    names = {f"{name}:0": name for name in compiled.columns}
    return found.rename_columns([names.get(name, name) for name in found.column_names])


def _plain(column: pa.Array) -> pa.Array:
    """The column in a type that Spark has."""
    if pa.types.is_dictionary(column.type) or pa.types.is_large_string(column.type):
        return column.cast(pa.string())
    if pa.types.is_timestamp(column.type):
        return in_unit(column, "us").cast(pa.timestamp("us", column.type.tz))
    return column
