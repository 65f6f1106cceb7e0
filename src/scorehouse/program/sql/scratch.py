"""The DuckDB in memory that proofs and counts of a registration run in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar

import duckdb

_shared: ContextVar[tuple[ExitStack, list[duckdb.DuckDBPyConnection]] | None] = ContextVar(
    "scratch", default=None
)


@contextmanager
def one_scratch() -> Iterator[None]:
    """Let all connections of `scratch` in this block share a database, which is opened when one is asked for.

    To open one takes longer than most of what runs in it. It ends with the block: its threads would make a
    later fork of the process hang.
    """
    with ExitStack() as stack:
        token = _shared.set((stack, []))
        try:
            yield
        finally:
            _shared.reset(token)


def scratch() -> duckdb.DuckDBPyConnection:
    """A connection of its own, to close after use: what it registers and makes is seen by no other."""
    shared = _shared.get()
    if shared is None:
        return _opened()
    stack, opened = shared
    if not opened:
        opened.append(stack.enter_context(_opened()))
    return opened[0].cursor()


def _opened() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    # One looks for common subexpressions, which takes half of the time for a forest; the other orders joins,
    # of which there are none. Neither changes a value.
    connection.execute("set disabled_optimizers = 'common_subexpressions,join_order'")
    return connection
