"""Translate errors from Spark into scorehouse errors: what a worker raised, and workers that died.

An error in a worker reaches the driver as text, after a traceback. So a worker writes the error's fields
into its message as JSON, and the driver reads them from there.
"""

from __future__ import annotations

import json

from scorehouse.errors import FIELDS, EngineError, ScorehouseError, rebuilt

MARK = "scorehouse error: "
SIGNS = {  # a problem, and what Spark's text about it contains
    "a Python worker died while it scored, most often because it ran out of memory": (
        "Python worker exited unexpectedly",
        "MemoryError",
        "Python worker failed to connect back",
    ),
    "executors were lost while they scored, most often because they ran out of memory": (
        "ExecutorLostFailure",
        "executor lost",
        "Remote RPC client disassociated",
    ),
}


class WorkerError(Exception):
    """A scorehouse error on its way from a Python worker to the driver."""

    def __init__(self, error: ScorehouseError) -> None:
        super().__init__(MARK + json.dumps(error.fields()))


def translated(error: Exception, call: str) -> Exception:
    """The error to raise for an error from Spark; the same error if there is nothing to add."""
    if isinstance(error, ScorehouseError):
        return error
    text = str(error)
    raised = _raised(text)
    if raised and "MemoryError" not in raised.problem:
        return raised
    problems = [raised.problem] if raised else []
    problems += [problem for problem, signs in SIGNS.items() if any(sign in text for sign in signs)]
    if not problems:
        return error
    return EngineError(
        call,
        problems[0],
        expected="workers with enough memory for the estimator and one record batch each",
        action="raise spark.executor.pyspark.memory or spark.executor.memoryOverhead, lower batch_rows, or "
        "run fewer tasks per executor (spark.executor.cores); see the executor's log for details",
    )


def _raised(text: str) -> ScorehouseError | None:
    """The error that a worker wrote into `text`; None if there is none, or if Spark cut it off."""
    _, mark, rest = text.partition(MARK)
    try:
        fields, _ = json.JSONDecoder().raw_decode(rest) if mark else (None, 0)
    except ValueError:
        return None
    if not isinstance(fields, dict) or not {"type", *FIELDS} <= fields.keys():
        return None
    return rebuilt(fields)
