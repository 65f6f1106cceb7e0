"""Runs that are stopped from outside: by Ctrl-C, or by a scheduler's SIGTERM."""

from __future__ import annotations

import sys

import duckdb

from scorehouse.engines.duckdb.reading import unreadable_value
from scorehouse.errors import EngineError, ScorehouseError


def check_interrupted(call: str) -> None:
    """Stop if the process was asked to stop; the scoring threads get no signal themselves."""
    if _is_asked():
        raise _interrupted(call)


def named(error: Exception, call: str) -> Exception:
    """The error to report: DuckDB's message about a stopped query says nothing about the run."""
    if isinstance(error, ScorehouseError):
        return error
    if isinstance(error, duckdb.InterruptException) or _is_asked():
        return _interrupted(call)
    return unreadable_value(error, call) or error


def _is_asked() -> bool:
    plugin = sys.modules.get("dbt_scorehouse")  # dbt loads this module; nobody stops a run outside of dbt
    return plugin is not None and plugin.stopping.is_set()


def _interrupted(call: str) -> EngineError:
    return EngineError(
        call,
        "the run was interrupted by Ctrl-C or a termination signal",
        expected="a run that finishes on its own",
        action="run the model again; the previous table is unchanged",
    )
