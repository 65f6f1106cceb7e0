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
        self.scan = scan
        self.source = scan.source
        self.schema = scan.kernels[0].schema
        self.sent: dict[str, dict[str, Any]] = {}

    def rows(self) -> Any:
        """The rows of the prediction table that this run makes, as a DataFrame."""
        finished = self.scan.output.values().items()
        return self._scored().selectExpr(*(f"{sql} as {quote(name)}" for name, sql in finished))

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
            reasons=getattr(kernel, "data", None),
            **self._sent(number),
        )

    def _sent(self, number: int) -> dict[str, Any]:
        """What scores, a program or the artifact: bytes for the closure, or as a file. Once a digest."""
        backend, version = self.scan.backends[number], self.scan.kernels[number].version
        digest = str(version.program[PROGRAM_SHA256]) if backend.data else version.sha256
        if digest not in self.sent:
            data = backend.data or self._artifact(version)
            name = f"scorehouse-{digest}"
            self.sent[digest] = {
                "data": data,
                "file": name,
                "digest": digest,
                "is_stored": bool(backend.data),
            }
            if len(data) >= CLOSURE_BYTES:
                path = _sent_files() / name
                path.write_bytes(data)
                self.source.session.addArtifacts(str(path), file=True)
                self.sent[digest]["data"] = None
        return self.sent[digest]

    def _artifact(self, version: Version) -> bytes:
        request = self.source.request
        return artifact.read_version(request.project_root, version, request.load_policy, self.source.call)


@cache
def _sent_files() -> Path:
    """A folder that lives as long as this process: a classic session sends files from it to new executors."""
    folder = Path(tempfile.mkdtemp(prefix="scorehouse-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
