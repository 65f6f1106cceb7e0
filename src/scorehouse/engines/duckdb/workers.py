"""Read, score and write at the same time, without threads that compete for the cores."""

from __future__ import annotations

import inspect
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any, TypeVar

import pyarrow as pa

from scorehouse.engines.shared_setting import SharedSetting

THREAD_SAFE = ("sklearn", "scorehouse", "lightgbm", "xgboost", "catboost", "numpy", "scipy")
CANDIDATES = (8_192, 16_384, 32_768)  # rows per call, tried on the first batches
T = TypeVar("T")
R = TypeVar("R")


def worker_count(estimators: list[Any]) -> int:
    """How many threads may call the estimators at the same time: one if the user's own code takes part."""
    safe = all(_is_known(estimator) for estimator in estimators)
    return max(1, _cores()) if safe else 1


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):  # not available on every system
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _is_known(estimator: Any) -> bool:
    """Whether an estimator, its steps and their functions all come from libraries that allow it."""
    parts = [estimator]
    if _of_sklearn(estimator):
        parts += list(estimator.get_params(deep=True).values())
    for part in parts:
        if _of_sklearn(part) or callable(part):
            module = getattr(part, "__module__", None) or type(part).__module__
            if inspect.ismodule(part) or module.split(".")[0] not in THREAD_SAFE:
                return False
    return True


def _of_sklearn(part: Any) -> bool:
    # not loaded, or being loaded by another thread: then it is not
    base = getattr(sys.modules.get("sklearn.base"), "BaseEstimator", None)
    return base is not None and isinstance(part, base)


def overlapped(items: Iterator[T], work: Callable[[T], R], workers: int) -> Iterator[R]:
    """The result of `work` for each item, in order: one thread reads ahead, `workers` threads work.

    At any time, at most two more items than workers are held.
    """
    with (
        ThreadPoolExecutor(1, "scorehouse-reader") as reader,
        ThreadPoolExecutor(workers, "scorehouse-worker", initializer=_one_openmp_thread) as pool,
    ):
        pending: deque[Future[R]] = deque()
        ahead = reader.submit(next, items, None)
        while (item := ahead.result()) is not None:
            ahead = reader.submit(next, items, None)
            pending.append(pool.submit(work, item))
            if len(pending) > workers:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()


def _one_openmp_thread() -> None:
    from threadpoolctl import threadpool_limits  # where a database scores, there are no workers

    # OpenMP counts threads per calling thread, and this one ends with its run: nothing to restore
    threadpool_limits(1, user_api="openmp")


# With threadpoolctl, only the thread that set a limit can change it, and the run that leaves last is seldom
# the one that entered first: so a thread of its own sets the limit and restores it. It ends with the limit:
# where a process forks, its child would wait for a thread that it does not have.
_limiters: list[ThreadPoolExecutor] = []
_limits = ExitStack()
_one_blas_thread: SharedSetting[bool] = SharedSetting(lambda _, __: True)


def _limit_blas(limited: bool) -> None:
    """Set the limit, also for libraries that were loaded in the meantime; or restore it."""
    from threadpoolctl import threadpool_limits

    def limit() -> None:
        _limits.enter_context(threadpool_limits(1, user_api="blas"))

    if not _limiters:
        _limiters.append(ThreadPoolExecutor(1, "scorehouse-limits"))
    _limiters[0].submit(limit if limited else _limits.close).result()
    if not limited:
        _limiters.pop().shutdown()


@contextmanager
def one_thread_each() -> Iterator[None]:
    """Limit matrix libraries to one thread in each worker: the workers already share the cores.

    Their number of threads is process-wide, so models that dbt builds at the same time share it.
    """
    with _one_blas_thread.held(True, lambda: False, _limit_blas):
        yield


class BatchSize:
    """Finds the best number of rows per call while it scores.

    The first calls use each candidate in turn, twice, and measure the processor time of their thread; the
    candidate with the lowest time per row is used from then on. Results do not depend on it (whole blocks).
    """

    def __init__(self, fixed: int | None = None) -> None:
        self.best = fixed
        self.trials: list[int] = [] if fixed else [size for size in CANDIDATES for _ in range(2)]
        self.costs: dict[int, float] = {}

    def score(
        self, batch: pa.RecordBatch, call: Callable[[pa.RecordBatch], pa.RecordBatch]
    ) -> pa.RecordBatch:
        """Score a batch in pieces of the best size, or of the size that is being tried."""
        done = []
        start = 0
        while start < batch.num_rows:
            size = self.best or (self.trials.pop(0) if self.trials else CANDIDATES[1])
            piece = batch.slice(start, size)
            began = time.thread_time()
            done.append(call(piece))
            if self.best is None and piece.num_rows == size:  # a shorter piece says nothing about its size
                cost = (time.thread_time() - began) / size
                self.costs[size] = min(self.costs.get(size, cost), cost)
                if not self.trials and len(self.costs) == len(CANDIDATES):
                    self.best = min(self.costs, key=self.costs.__getitem__)
            start += piece.num_rows
        if len(done) == 1:
            return done[0]
        return pa.Table.from_batches(done).combine_chunks().to_batches()[0]
