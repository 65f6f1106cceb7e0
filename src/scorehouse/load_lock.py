"""Imports and estimators are loaded by one thread at a time.

A pickle imports modules by their own names, `sklearn.neighbors._base` before `sklearn.neighbors`; an import
statement begins with the package. Two threads that do this at the same time hold the lock of a module that
the other one needs. Python then raises `_DeadlockError`, or passes on modules that are only half there.
"""

from __future__ import annotations

import gc
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

PATIENCE_SECONDS = 900.0
PATIENCE_IN_AN_IMPORT = 10.0
_lock = threading.RLock()


@contextmanager
def loading() -> Iterator[None]:
    """Import or unpickle in this block; other threads of this process that do so wait until it ends.

    No thread waits for ever, since the one that loads may itself wait for this one: for the module that this
    thread is importing, say. A thread that has waited in vain goes on.
    """
    owned = _lock.acquire(timeout=PATIENCE_IN_AN_IMPORT if _is_importing() else PATIENCE_SECONDS)
    try:
        with collector_paused():
            yield
    finally:
        if owned:
            _lock.release()


def _is_importing() -> bool:
    """Whether this thread is inside an import, and so holds the lock of a module."""
    return any(frame.f_code.co_name == "_find_and_load" for frame, _ in traceback.walk_stack(None))


@contextmanager
def collector_paused() -> Iterator[None]:
    """Pause garbage collection: imports and loading create many objects, and all of them stay.

    Otherwise they trigger collections, and each one goes through all objects of dbt again.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
