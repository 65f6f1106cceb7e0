"""What runs in the Python workers of Spark: load once, verify, and carry batches through the kernel.

The functions are found by name, so scorehouse has to be installed on the executors too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from scorehouse import artifact
from scorehouse.errors import ArtifactError
from scorehouse.policy import LoadPolicy
from scorehouse.registry import Version
from scorehouse.scorer import Kernel
from scorehouse.signature import Signature

ESTIMATORS_KEPT = 2

_estimators: dict[str, Any] = {}  # by digest; a worker process serves task after task


@dataclass(frozen=True)
class WorkerTask:
    """All that a worker has to know.

    `data` holds the artifact's bytes, or is None where they travel as the file named `file`. `kept`
    are the columns that pass by the kernel, by their names in the batch; `schema` is what comes out.
    """

    version: Version
    signature: Signature
    policy: LoadPolicy
    strict: frozenset[str]
    call: str
    kept: tuple[str, ...]
    schema: pa.Schema
    data: bytes | None
    file: str


Batches = Iterator[pa.RecordBatch]


def batch_function(task: WorkerTask) -> Callable[[Batches], Batches]:
    """The function for `mapInArrow`. It carries the task, and finds the work itself by name."""

    def score_all(batches: Batches) -> Batches:
        return score_batches(task, batches)

    return score_all


def score_batches(task: WorkerTask, batches: Batches) -> Batches:
    """Every row of every batch once, in its place, with its kept columns."""
    kernel = Kernel(_estimator(task), task.version, task.signature, strict=task.strict, call=task.call)
    for batch in batches:
        scored = kernel(batch.select(task.signature.names))
        kept = [batch.column(name) for name in task.kept]
        yield pa.RecordBatch.from_arrays([*kept, *scored.columns], schema=task.schema)


def _estimator(task: WorkerTask) -> Any:
    """The estimator, loaded once a worker from bytes whose digest was checked in that worker."""
    digest = task.version.sha256
    if digest not in _estimators:
        data = _verified(task)
        while len(_estimators) >= ESTIMATORS_KEPT:
            _estimators.pop(next(iter(_estimators)))
        _estimators[digest] = artifact.open_estimator(data, task.version, task.policy, task.call)
    return _estimators[digest]


def _verified(task: WorkerTask) -> bytes:
    task.policy.check_libraries(task.version, task.call)  # an executor may have other libraries
    data = _bytes_of_file(task) if task.data is None else task.data
    found = artifact.sha256(data)
    if found != task.version.sha256:
        raise ArtifactError(
            task.call,
            f"the bytes of {task.version.label} on an executor have the sha256 {found} ({len(data)} bytes)",
            expected=f"the registered sha256 {task.version.sha256}",
            action="look for what changed the file on that executor, and run again; nothing was scored",
        )
    return data


def _bytes_of_file(task: WorkerTask) -> bytes:
    from pyspark import SparkFiles

    path = Path(SparkFiles.get(task.file))
    try:
        return path.read_bytes()
    except OSError as error:
        raise ArtifactError(
            task.call,
            f"the file {task.file!r} is not on an executor ({error.strerror or error})",
            expected="the file that the driver sent to every executor",
            action="run again; if it stays away, look into the executor's log",
        ) from error
