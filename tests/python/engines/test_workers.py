"""The overlapped stream: in order, bounded, and at a batch size that was measured."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from threadpoolctl import threadpool_info, threadpool_limits

from scorehouse.engines.duckdb import workers
from scorehouse.engines.duckdb.workers import CANDIDATES, BatchSize, overlapped, worker_count


def test_results_come_in_order_and_few_items_are_held() -> None:
    read: list[int] = []
    lead: list[int] = []

    def items() -> Iterator[int]:
        for number in range(1, 101):
            read.append(number)
            yield number

    def work(number: int) -> int:
        time.sleep(0.003 if number % 3 else 0.0)
        return number * number

    done = []
    for result in overlapped(items(), work, 2):
        done.append(result)
        lead.append(len(read) - len(done))
    assert done == [n * n for n in range(1, 101)]
    assert max(lead) <= 4


def test_the_workers_work_at_the_same_time_with_one_thread_each() -> None:
    both = threading.Barrier(2, timeout=20)

    def work(_: int) -> set[int]:
        both.wait()  # passes only where two work at once
        return {library["num_threads"] for library in threadpool_info()}

    np.ones((8, 8)) @ np.ones((8, 8))
    with threadpool_limits(1):
        assert list(overlapped(iter([1, 2]), work, 2)) == [{1}, {1}]


def test_the_first_error_comes_out() -> None:
    def work(number: int) -> int:
        if number == 3:
            raise ValueError("third")
        return number

    stream = overlapped(iter(range(1, 50)), work, 2)
    with pytest.raises(ValueError, match="third"):
        list(stream)


def test_code_of_the_users_own_is_called_by_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "_cores", lambda: 4)
    known = make_pipeline(FunctionTransformer(np.log1p), StandardScaler(), LogisticRegression())
    own = make_pipeline(FunctionTransformer(lambda X: X), LogisticRegression())

    class Own(LogisticRegression):
        pass

    assert worker_count([known]) == 4
    assert worker_count([known, own]) == 1
    assert worker_count([make_pipeline(StandardScaler(), Own())]) == 1


def test_the_batch_size_is_the_one_that_was_cheapest(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(workers.time, "thread_time", lambda: clock[0])
    cost = {CANDIDATES[0]: 3e-6, CANDIDATES[1]: 1e-6, CANDIDATES[2]: 2e-6}
    asked: list[int] = []

    def call(batch: pa.RecordBatch) -> pa.RecordBatch:
        asked.append(batch.num_rows)
        clock[0] += cost.get(batch.num_rows, 1e-9) * batch.num_rows
        return batch

    size = BatchSize()
    batch = pa.RecordBatch.from_arrays([pa.array(np.arange(2 * sum(CANDIDATES)))], names=["a"])
    assert size.score(batch, call).equals(batch)
    assert sorted(set(asked)) == sorted(CANDIDATES) and size.best == CANDIDATES[1]
    assert size.score(batch, call).equals(batch)
    assert max(asked[6:]) == CANDIDATES[1]


def test_a_batch_size_that_was_asked_for_is_kept() -> None:
    asked: list[int] = []

    def call(batch: pa.RecordBatch) -> pa.RecordBatch:
        asked.append(batch.num_rows)
        return batch

    batch = pa.RecordBatch.from_arrays([pa.array(range(100))], names=["a"])
    assert BatchSize(40).score(batch, call).equals(batch) and asked == [40, 40, 20]
