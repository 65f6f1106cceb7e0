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

# by digest and form; a worker process serves task after task
_estimators: dict[tuple[str, bool], tuple[Any, Any]] = {}


@dataclass(frozen=True)
class WorkerTask:
    """All that a worker has to know; with `native` the estimator's native form scores.

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
    native: bool = False


Batches = Iterator[pa.RecordBatch]


def batch_function(task: WorkerTask) -> Callable[[Batches], Batches]:
    """The function for `mapInArrow`. It carries the task, and finds the work itself by name."""

    def score_all(batches: Batches) -> Batches:
        return score_batches(task, batches)

    return score_all


def score_batches(task: WorkerTask, batches: Batches) -> Batches:
    """Every row of every batch once, in its place, with its kept columns."""
    estimator, scoring = _estimator(task)
    kernel = Kernel(estimator, task.version, task.signature, strict=task.strict, call=task.call)
    kernel = kernel.holding(scoring)
    for batch in batches:
        scored = kernel(batch.select(task.signature.names))
        kept = [batch.column(name) for name in task.kept]
        yield pa.RecordBatch.from_arrays([*kept, *scored.columns], schema=task.schema)


def _estimator(task: WorkerTask) -> tuple[Any, Any]:
    """The estimator, and what scores in its place, loaded once a worker from bytes that it checked."""
    known = (task.version.sha256, task.native)
    if known not in _estimators:
        data = _verified(task)
        while len(_estimators) >= ESTIMATORS_KEPT:
            _estimators.pop(next(iter(_estimators)))
        estimator = artifact.open_estimator(data, task.version, task.policy, task.call)
        _estimators[known] = (estimator, _native(estimator, task) if task.native else estimator)
    return _estimators[known]


def _native(estimator: Any, task: WorkerTask) -> Any:
    from scorehouse.native import compile_native  # its compiler is slow to import

    return compile_native(estimator, call=task.call)


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
