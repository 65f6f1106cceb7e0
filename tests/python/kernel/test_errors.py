"""Errors survive the ways that they travel: copies, other processes, and Spark's messages of text."""

from __future__ import annotations

import copy
import pickle
from concurrent.futures import ProcessPoolExecutor

import pytest

from scorehouse import errors
from scorehouse.engines.spark.errors import WorkerError, translated
from scorehouse.errors import ScorehouseError, rebuilt

TYPES = [
    kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, ScorehouseError)
]
PARTS = {  # what a text between full stops, line breaks and our own words must not be split by
    "call": "score() in model.shop.p: q",
    "problem": "1.5.\n  Expected: not this: \"x\" \u2014 'y'",
    "expected": "a. b.\nWhat to do: c",
    "action": "d.\n\nscorehouse error: {}",
}


def made(kind: type[ScorehouseError] = ScorehouseError) -> ScorehouseError:
    return kind(PARTS["call"], PARTS["problem"], expected=PARTS["expected"], action=PARTS["action"])


def refuse(name: str) -> None:
    raise made(getattr(errors, name))


@pytest.mark.parametrize("kind", TYPES)
def test_an_error_can_be_copied_and_pickled(kind: type[ScorehouseError]) -> None:
    error = made(kind)
    error.add_note("seen twice")
    for twin in (copy.copy(error), copy.deepcopy(error), pickle.loads(pickle.dumps(error))):
        assert type(twin) is kind
        assert (str(twin), twin.fields()) == (str(error), error.fields())
        assert twin.__notes__ == ["seen twice"]


def test_an_error_comes_out_of_another_process() -> None:
    with ProcessPoolExecutor(1) as pool, pytest.raises(errors.SignatureError) as raised:
        pool.submit(refuse, "SignatureError").result(timeout=60)
    assert raised.value.fields() == made(errors.SignatureError).fields()


def spark_text(error: Exception) -> Exception:
    """As PySpark passes on what a worker raised."""
    name = f"{type(error).__module__}.{type(error).__qualname__}"
    return RuntimeError(
        "Job aborted due to stage failure: Task 1 in stage 7.0 failed 4 times, most recent failure:\n"
        f'Traceback (most recent call last):\n  File "worker.py", line 1830, in main\n{name}: {error}\n\n'
        "\tat org.apache.spark.api.python.BasePythonRunner.handlePythonException(PythonRunner.scala:572)"
    )


@pytest.mark.parametrize("kind", TYPES)
def test_an_error_comes_out_of_a_worker_of_spark_whole(kind: type[ScorehouseError]) -> None:
    told = translated(spark_text(WorkerError(made(kind))), "the driver's call")
    assert isinstance(told, ScorehouseError)
    assert told.fields() == made(kind).fields()


def test_a_message_that_spark_cut_off_is_passed_on_as_it_is() -> None:
    cut = RuntimeError(str(spark_text(WorkerError(made())))[:-200])
    assert translated(cut, "call") is cut


@pytest.mark.parametrize(
    "text",
    [
        "ExecutorLostFailure (executor 3 exited caused by one of the running tasks)",
        "org.apache.spark.SparkException: Python worker exited unexpectedly (crashed)",
    ],
)
def test_a_lost_worker_is_no_fault_of_the_estimator(text: str) -> None:
    told = translated(RuntimeError(text), "score() in p")
    assert type(told) is errors.EngineError
    assert "spark.executor.pyspark.memory" in str(told)


def test_a_type_of_another_release_becomes_the_base() -> None:
    assert type(rebuilt({"type": "LaterError", **PARTS})) is ScorehouseError
    assert type(rebuilt({"type": "rebuilt", **PARTS})) is ScorehouseError
