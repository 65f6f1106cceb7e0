"""Silence for the warnings of estimators: Python keeps filters for the process, and not for a thread."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any

_lock = Lock()
_threads = 0
_silence = warnings.catch_warnings()


@contextmanager
def no_warnings() -> Iterator[None]:
    """No warnings until the block ends. The first thread silences them, and the last one restores what was.

    Where blocks of `catch_warnings` overlap, one leaves its filters behind; or none are left, as scikit-learn
    takes all away in each of its jobs, and warns of that itself from then on. A block of another library that
    begins inside and ends after all of ours brings the silence back.
    """
    global _threads, _silence
    with _lock:
        _threads += 1
        if _threads == 1:
            _silence = warnings.catch_warnings()
            _silence.__enter__()
            warnings.simplefilter("ignore")
            warnings.showwarning = _nothing  # where no filters are left
    try:
        yield
    finally:
        with _lock:
            _threads -= 1
            if not _threads:
                _silence.__exit__(None, None, None)


def _nothing(*_: Any, **__: Any) -> None:
    """Show no warning."""
