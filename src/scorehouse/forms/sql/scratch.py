"""The DuckDB in memory that proofs and counts of a registration run in."""

from __future__ import annotations

import functools
import os

import duckdb


def scratch() -> duckdb.DuckDBPyConnection:
    """A connection of its own, to close after use: what it registers and makes is seen by no other.

    A process has one database for them, since opening one takes longer than most of what runs in it.
    """
    return _database(os.getpid()).cursor()


@functools.cache
def _database(process: int) -> duckdb.DuckDBPyConnection:
    """The database of a process. A fork, which has none of its parent's threads, opens another."""
    return duckdb.connect()
