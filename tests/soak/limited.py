"""A fork of this process that is ended by the processor time it takes, with all that it has started.

Seconds on a clock would be those of the machine's other work, too: at idle priority beside it, whatever is
slow would seem to hang. What hangs is what could not even run in `BLOCKED` seconds of looks at it.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

LOOK = 0.5  # seconds between two looks at what runs
BLOCKED = 300.0
PR_SET_CHILD_SUBREAPER = 36  # of Linux: prctl(2)
CLOCK = os.sysconf("SC_CLK_TCK")


def in_fork(run: Callable[[], int], seconds: float | None = None, blocked: float = BLOCKED) -> int:
    """The exit code of what runs in a process of its own; negative if it had to be ended.

    `seconds` are of processor time, of it and all that it starts; None: without limits.
    """
    # what outlives its parent, as the process from which commands are forked does, stays below this process
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    spent = Spent()
    child = os.fork()
    if child == 0:
        os.setsid()
        try:
            os._exit(run())
        finally:
            os._exit(70)
    ended, stood = os.pidfd_open(child), 0.0
    while not select.select([ended], [], [], LOOK)[0]:
        stood += 0.0 if spent.look(child) else LOOK
        if seconds is not None and (spent.seconds > seconds or stood > blocked):
            break
    os.close(ended)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)  # what a test left running, too
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


class Spent:
    """The processor time that all processes below this one take from now on, of those that were seen."""

    def __init__(self) -> None:
        self.of = dict[tuple[str, str], float]()
        self.look()
        self.before = dict(self.of)

    @property
    def seconds(self) -> float:
        return sum(self.of.values()) - sum(self.before.values())

    def look(self, child: int = 0) -> bool:
        """Whether any of them runs or waits for a processor or a disk; but `child`, the ended may go."""
        could_run, own = False, str(os.getpid())
        for process, words in below(own):
            self.of[process.name, words[19]] = (int(words[11]) + int(words[12])) / CLOCK
            could_run |= any(thread[0] in "RD" for _, thread in told(process / "task"))
            if words[:2] == ["Z", own] and process.name != str(child):  # whose parent has ended before it
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(int(process.name), os.WNOHANG)
        return could_run


def below(root: str) -> Iterator[tuple[Path, list[str]]]:
    """The processes that a process has started, and those that these have."""
    children = defaultdict[str, list[tuple[Path, list[str]]]](list)
    for process, words in told(Path("/proc")):
        children[words[1]].append((process, words))
    found = children[root]
    for process, _ in found:  # which grows
        found += children[process.name]
    yield from found


def told(folder: Path) -> Iterator[tuple[Path, list[str]]]:
    """What the system says of each process or thread in a folder, from its state on: proc_pid_stat(5)."""
    with contextlib.suppress(OSError):  # it has ended
        for one in folder.glob("[0-9]*"):
            with contextlib.suppress(OSError):
                yield one, (one / "stat").read_text().rpartition(")")[2].split()
