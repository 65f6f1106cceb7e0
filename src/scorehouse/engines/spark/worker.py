"""The code in Spark's Python workers: load once, verify, and pass batches through the kernels.

Workers find the functions by name, so scorehouse has to be installed on the executors too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from scorehouse.engines.columns import wanted_rows
from scorehouse.engines.spark.errors import WorkerError
from scorehouse.errors import ArtifactError, ScorehouseError
from scorehouse.kernel import arrays
from scorehouse.kernel.scorer import Kernel
from scorehouse.program.store import READERS, reading
from scorehouse.registry import artifact
from scorehouse.registry.policy import LoadPolicy
from scorehouse.registry.signature import Signature
from scorehouse.registry.storage import sha256
from scorehouse.registry.version import PROGRAM_SHA256, Version

if TYPE_CHECKING:
    from scorehouse.program.reasons.kernel import Asked

ESTIMATORS_KEPT = 2
ESTIMATOR = "estimator"  # the backend that scores with the artifact

# by digest and backend; a worker process runs one task after another
_scoring: dict[tuple[str, str], Any] = {}
_reasons: dict[str, Any] = {}


@dataclass(frozen=True)
class WorkerVersion:
    """One version that scores by `backend`.

    `data` holds the bytes of the artifact if the estimator scores, else of the program; it is None where
    they travel as a file. `columns` are those of a batch that hold its features, in the signature's order,
    and `hashes` that of their hashes. `reasons` are the bytes of its stored reasons, if any are asked for.
    """

    version: Version
    signature: Signature
    columns: tuple[str, ...]
    hashes: str
    backend: str
    data: bytes | None
    reasons: bytes | None = None

    @property
    def digest(self) -> str:
        """The registered SHA-256 of `data`."""
        return digest_of(self.version, self.backend)


@dataclass(frozen=True)
class WorkerTask:
    """Everything that a worker has to know.

    `kept` are the columns that bypass the kernels, by their names in the batch. The output has the
    `schema`: kept columns, the kernel's columns, the feature hash and the version's number. With
    `side_by_side`, the versions share a row, which then has the columns of every kernel. `asked` are the rows
    that get reasons.
    """

    versions: tuple[WorkerVersion, ...]
    policy: LoadPolicy
    strict: frozenset[str]
    call: str
    kept: tuple[str, ...]
    schema: pa.Schema
    side_by_side: bool = False
    asked: Asked | None = None


Batches = Iterator[pa.RecordBatch]


def digest_of(version: Version, backend: str) -> str:
    """The registered SHA-256 of what a version scores with."""
    return version.sha256 if backend == ESTIMATOR else str(version.program[PROGRAM_SHA256])


def file_of(digest: str) -> str:
    """The name of the file in which the bytes with a digest travel."""
    return f"scorehouse-{digest}"


def batch_function(task: WorkerTask) -> Callable[[Batches], Batches]:
    """The function for `mapInArrow`. It contains the task, and finds the code by name."""

    def score_all(batches: Batches) -> Batches:
        try:
            yield from score_batches(task, batches)
        except ScorehouseError as error:
            raise WorkerError(error) from None  # Spark passes errors on as text, and cuts long ones off

    return score_all


def score_batches(task: WorkerTask, batches: Batches) -> Batches:
    """Score every row of every batch once per version that scores it, with its kept columns."""
    kernels = [_kernel(task, version) for version in task.versions]
    for batch in batches:
        if task.side_by_side:
            scored = (_score(*pair, batch) for pair in zip(kernels, task.versions, strict=True))
            yield _finished(task, 0, batch, [column for columns in scored for column in columns])
            continue
        for number, (kernel, version) in enumerate(zip(kernels, task.versions, strict=True)):
            wanted = wanted_rows(batch, number)
            if wanted.num_rows:
                yield _finished(task, number, wanted, _score(kernel, version, wanted))


def _score(kernel: Kernel, version: WorkerVersion, batch: pa.RecordBatch) -> Sequence[pa.Array]:
    features = [batch.column(name) for name in version.columns]
    return kernel(pa.RecordBatch.from_arrays(features, names=version.signature.names)).columns


def _finished(
    task: WorkerTask, number: int, batch: pa.RecordBatch, scored: Sequence[pa.Array]
) -> pa.RecordBatch:
    kept = [batch.column(name) for name in task.kept]
    hashes = batch.column(task.versions[number].hashes)
    part = arrays.repeat(number, batch.num_rows, pa.int32())
    return pa.RecordBatch.from_arrays([*kept, *scored, hashes, part], schema=task.schema)


def _kernel(task: WorkerTask, version: WorkerVersion) -> Kernel:
    """The kernel of a version; what scores is loaded once per worker, from bytes that it checked."""
    known = (version.digest, version.backend)
    if known not in _scoring:
        while len(_scoring) >= max(ESTIMATORS_KEPT, len(task.versions)):
            _scoring.pop(next(iter(_scoring)))
        _scoring[known] = _opened(task, version)
    kernel = Kernel(_scoring[known], version.version, version.signature, strict=task.strict, call=task.call)
    if version.reasons is None or task.asked is None:
        return kernel
    from scorehouse.program.reasons.kernel import ReasonedKernel

    digest = str(version.version.program[PROGRAM_SHA256])
    if digest not in _reasons:
        _reasons.clear()
        _reasons[digest] = _read("reasons", version.reasons, version.version, task.call)
    return ReasonedKernel(kernel, _reasons[digest], task.asked)


def _read(backend: str, data: bytes, version: Version, call: str) -> Any:
    with reading(backend, version, call):
        return READERS[backend](data, version)


def _opened(task: WorkerTask, scoring: WorkerVersion) -> Any:
    """What scores, from bytes that are verified here."""
    version = scoring.version
    if scoring.backend == ESTIMATOR:
        task.policy.check_libraries(version, task.call)  # an executor may have other libraries
    data = _bytes_of_file(task, file_of(scoring.digest)) if scoring.data is None else scoring.data
    found = sha256(data)
    if found != scoring.digest:
        raise ArtifactError(
            task.call,
            f"the bytes of {version.label} on an executor have the sha256 {found} ({len(data)} bytes)",
            expected=f"the registered sha256 {scoring.digest}",
            action="find out what changed the file on that executor, and run again; nothing was scored",
        )
    if scoring.backend == ESTIMATOR:
        return artifact.open_estimator(data, version, task.policy, task.call)
    return _read(scoring.backend, data, version, task.call)


def _bytes_of_file(task: WorkerTask, name: str) -> bytes:
    from pyspark import SparkFiles

    path = Path(SparkFiles.get(name))
    try:
        return path.read_bytes()
    except OSError as error:
        raise ArtifactError(
            task.call,
            f"the file {name!r} is not on an executor ({error.strerror or error})",
            expected="the file that the driver sent to every executor",
            action="run again; if the file is still missing, see the executor's log",
        ) from error
