"""In a child process: the jobs that its parent writes to it, and its end with the parent."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Iterator
from queue import SimpleQueue
from threading import Thread

PR_SET_PDEATHSIG = 1  # of Linux: prctl(2)


def jobs() -> Iterator[str]:
    """The lines that the parent writes to standard input; where they end, this process ends at once."""
    lines = os.fdopen(os.dup(0), encoding="utf-8")
    empty_stdin()
    queue: SimpleQueue[str] = SimpleQueue()

    def listen() -> None:
        for line in lines:
            queue.put(line)
        os._exit(1)

    Thread(target=listen, daemon=True).start()
    while True:
        yield queue.get()


def empty_stdin() -> None:
    """Let the project's own code find nothing in standard input, instead of waiting or taking jobs away."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115


def end_with_parent() -> None:
    """On Linux, be killed when the thread that started this process ends, even in code that never yields."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
