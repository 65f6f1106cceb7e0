"""One scan on Spark: features are read once, and every version scores them in the executors."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa

from scorehouse.engines.base import Scan
from scorehouse.engines.columns import FEATURE_HASH, KEPT, PART
from scorehouse.engines.spark.in_sql import scored_rows
from scorehouse.engines.spark.source import SparkSource, quote
from scorehouse.engines.spark.worker import WorkerTask, WorkerVersion, batch_function
from scorehouse.registry import artifact
from scorehouse.registry.version import PROGRAM_SHA256, Version

# A closure is sent with every task; from this size on, the artifact is sent as a file, once per executor.
CLOSURE_BYTES = 1 << 20


class SparkScan:
    """Computes the finished rows of one run."""

    def __init__(self, scan: Scan[SparkSource]) -> None:
        self.source = scan.source
        self.kernels = scan.kernels
        self.forms = scan.forms
        self.request = scan.source.request
        self.suffixes = scan.suffixes
        self.output = scan.output
        self.sent: dict[str, dict[str, Any]] = {}
        schema = scan.kernels[0].schema
        self.scored = [field.with_name(field.name + end) for end in scan.suffixes or [""] for field in schema]

    def rows(self) -> Any:
        """The rows of the prediction table that this run makes, as a DataFrame."""
        finished = self.output.values().items()
        return self._scored().selectExpr(*(f"{sql} as {quote(name)}" for name, sql in finished))

    def _scored(self) -> Any:
        """Kept columns, the versions' columns, the feature hash, and the version's number."""
        compiled = [form.compiled for form in self.forms if form.compiled]
        if len(compiled) == len(self.forms):
            return scored_rows(self.source, compiled, self.kernels[0].schema, self.suffixes)
        return self._by_workers()

    def _by_workers(self) -> Any:
        selected = self.source.select()
        kept = tuple(name for name in selected.columns if name.startswith(KEPT))
        task = WorkerTask(
            versions=tuple(self._version(number) for number in range(len(self.kernels))),
            policy=self.request.load_policy,
            strict=self.source.options.strict,
            call=self.source.call,
            kept=kept,
            schema=self._arrow_schema(selected, kept),
            side_by_side=bool(self.suffixes),
            asked=getattr(self.kernels[0], "asked", None),
        )
        scored = selected.mapInArrow(batch_function(task), self._struct(selected, kept))
        return scored.selectExpr(
            *(f"{quote(name)} as {quote(name.removeprefix(KEPT))}" for name in scored.columns)
        )

    def _version(self, number: int) -> WorkerVersion:
        kernel, features = self.kernels[number], self.source.columns.features[number]
        return WorkerVersion(
            version=kernel.version,
            signature=kernel.signature,
            columns=tuple(features[name] for name in kernel.signature.names),
            hashes=self.source.hash_name(number),
            form=self.forms[number].name,
            reasons=getattr(kernel, "data", None),
            **self._sent(number),
        )

    def _sent(self, number: int) -> dict[str, Any]:
        """What scores, a stored form or the artifact: bytes for the closure, or as a file. Once a digest."""
        form, version = self.forms[number], self.kernels[number].version
        digest = str(version.forms[PROGRAM_SHA256]) if form.data else version.sha256
        if digest not in self.sent:
            data = form.data or self._artifact(version)
            name = f"scorehouse-{digest}"
            self.sent[digest] = {"data": data, "file": name, "digest": digest, "is_stored": bool(form.data)}
            if len(data) >= CLOSURE_BYTES:
                path = _sent_files() / name
                path.write_bytes(data)
                self.source.session.addArtifacts(str(path), file=True)
                self.sent[digest]["data"] = None
        return self.sent[digest]

    def _artifact(self, version: Version) -> bytes:
        request = self.request
        return artifact.read_version(request.project_root, version, request.load_policy, self.source.call)

    def _arrow_schema(self, selected: Any, kept: tuple[str, ...]) -> pa.Schema:
        columns = selected.select(*(quote(name) for name in kept)).limit(0).toArrow().schema
        added = [pa.field(FEATURE_HASH, pa.int64()), pa.field(PART, pa.int32())]
        return pa.schema([*columns, *self.scored, *added])

    def _struct(self, selected: Any, kept: tuple[str, ...]) -> Any:
        """The same schema with Spark's types."""
        from pyspark.sql.types import IntegerType, LongType, StructField, StructType

        fields = [(name, selected.schema[name].dataType) for name in kept]
        fields += [(field.name, _spark_type(field.type)) for field in self.scored]
        fields += [(FEATURE_HASH, LongType()), (PART, IntegerType())]
        return StructType([StructField(name, kind) for name, kind in fields])


@cache
def _sent_files() -> Path:
    """A folder that lives as long as this process: a classic session sends files from it to new executors."""
    folder = Path(tempfile.mkdtemp(prefix="scorehouse-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _spark_type(arrow_type: pa.DataType) -> Any:
    from pyspark.sql import types

    known = {
        pa.string(): types.StringType(),
        pa.float64(): types.DoubleType(),
        pa.int64(): types.LongType(),
        pa.bool_(): types.BooleanType(),
    }
    return known[arrow_type]
