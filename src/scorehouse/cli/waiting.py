"""A line that shows what a command does and for how long, while it says nothing else."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from scorehouse.cli.target import this_call

PATIENCE_SECONDS = 0.7  # a command that takes less shows nothing
CLEAR = "\r\033[K"


@contextmanager
def waiting(doing: str) -> Iterator[None]:
    """Show `doing` and the seconds so far on standard error, if it is a terminal; the line is removed."""
    if not sys.stderr.isatty():
        yield
        return
    ended, call, start = threading.Event(), this_call(), time.monotonic()

    def show() -> None:
        while not ended.wait(PATIENCE_SECONDS):
            seconds = time.monotonic() - start
            print(f"{CLEAR}{call}: {doing}, {seconds:.0f} s", end="", file=sys.stderr, flush=True)

    thread = threading.Thread(target=show, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        if time.monotonic() - start >= PATIENCE_SECONDS:
            print(CLEAR, end="", file=sys.stderr, flush=True)
