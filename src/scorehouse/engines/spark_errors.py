"""Errors out of Spark, told as ours: what a worker raised, and workers that died."""

from __future__ import annotations

import re

from scorehouse import errors
from scorehouse.errors import ScorehouseError

# the last lines of a worker's traceback, in the form that ScorehouseError gives every message
_RAISED = re.compile(
    r"scorehouse\.errors\.(?P<type>\w+): (?P<call>.+?): (?P<problem>.+?)\.\s+Expected: (?P<expected>.+?)\."
    r"\s+What to do: (?P<action>.+?)\.\s*(?:\n|\Z)",
    re.DOTALL,
)
_DIED = ("Python worker exited unexpectedly", "MemoryError", "Python worker failed to connect back")
_LOST = ("ExecutorLostFailure", "executor lost", "Remote RPC client disassociated")
_ROOM = (  # what is expected, and what to do
    "workers with room for the estimator and for one record batch each",
    "raise spark.executor.pyspark.memory or spark.executor.memoryOverhead, lower batch_rows, or run "
    "fewer tasks an executor (spark.executor.cores); the executor's log says more",
)


def translated(error: Exception, call: str) -> Exception:
    """The error to raise for one that Spark raised; the same where there is nothing to add."""
    if isinstance(error, ScorehouseError):
        return error
    text = str(error)
    raised = _RAISED.search(text)
    if raised and "MemoryError" in raised["problem"]:
        return _of(errors.EstimatorError, call, raised["problem"], *_ROOM)
    if raised:
        kind = getattr(errors, raised["type"], ScorehouseError)
        return _of(kind, raised["call"], raised["problem"], raised["expected"], raised["action"])
    if any(sign in text for sign in (*_DIED, *_LOST)):
        what = "executors were lost" if not any(sign in text for sign in _DIED) else "a Python worker died"
        return _of(
            errors.EstimatorError,
            call,
            f"{what} while it scored, most often for want of memory",
            *_ROOM,
        )
    return error


def _of(kind: type[ScorehouseError], call: str, problem: str, expected: str, action: str) -> ScorehouseError:
    return kind(call, problem, expected=expected, action=action)
