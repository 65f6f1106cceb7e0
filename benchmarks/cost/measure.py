"""Run a command to its end with all that it starts: seconds of clock and cores, and peak memory together."""

from __future__ import annotations

import ctypes
import os
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread

SUBREAPER = 36  # of prctl: what a dead child leaves behind becomes a child of this process
EVERY = 0.1  # seconds


@dataclass(frozen=True)
class Measured:
    """Seconds of the clock and of cores, the peak memory (MiB) of all processes together, and bytes.

    `read` and `written` are what the processes asked the system for, in MB, from its cache or not.
    """

    seconds: float
    core_seconds: float
    peak_mib: float
    read: float
    written: float


def measure(
    command: Sequence[str], *, folder: Path | None = None, codes: Sequence[int] = (0,), **variables: str
) -> Measured:
    """Run a command from its start to the end of its last process.

    Memory that processes share counts once. RuntimeError with its words if it ends with none of the codes.
    Linux only.
    """
    ctypes.CDLL(None).prctl(SUBREAPER, 1, 0, 0, 0)
    before, started, ended, seen = os.times(), time.perf_counter(), Event(), Seen()
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    process = subprocess.Popen(command, cwd=folder, env=os.environ | variables, text=True, **streams)
    watch = Thread(target=seen.watch, args=(ended,))
    watch.start()
    told, _ = process.communicate()
    while left := _descendants() - seen.others:  # servers that the command left, which end by themselves
        for identifier in left:
            with suppress(ChildProcessError):  # a child of a child
                os.waitpid(int(identifier), os.WNOHANG)
        time.sleep(0.02)
    seconds = time.perf_counter() - started
    ended.set()
    watch.join()
    after = os.times()
    if process.returncode not in codes:
        raise RuntimeError(told[-2000:])
    cores = after.children_user + after.children_system - before.children_user - before.children_system
    read, written = (sum(one[place] for one in seen.bytes.values()) / 1e6 for place in (0, 1))
    cores = max(cores, sum(seen.ticks.values()) / os.sysconf("SC_CLK_TCK"))  # not all wait for their children
    return Measured(seconds, cores, seen.peak_kib / 1024, read, written)


class Seen:
    """What was seen of the processes: the peak of their memory, and the bytes and time of each so far."""

    def __init__(self) -> None:
        self.others = _descendants()  # of this process, from before
        self.peak_kib = 0
        self.bytes: dict[str, tuple[int, int]] = {}
        self.ticks: dict[str, int] = {}

    def watch(self, ended: Event) -> None:
        """Look at all processes until the event."""
        while not ended.wait(EVERY):
            processes = _descendants() - self.others
            self.peak_kib = max(self.peak_kib, sum(map(_own_kib, processes)))
            for process in processes:
                with suppress(OSError):
                    lines = Path(f"/proc/{process}/io").read_text().splitlines()
                    read, written = (int(line.split()[1]) for line in lines[:2])  # rchar, wchar
                    self.bytes[process] = read, written
                    times = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[11:13]
                    self.ticks[process] = sum(map(int, times))


def _descendants() -> set[str]:
    parents = {}
    for place in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[place.parent.name] = place.read_text().rpartition(")")[2].split()[1]
        except OSError:  # it has ended
            continue
    found, waiting = [], [str(os.getpid())]
    while waiting:
        parent = waiting.pop()
        children = [process for process, of in parents.items() if of == parent]
        found += children
        waiting += children
    return set(found)


def _own_kib(process: str) -> int:
    """The memory of a process, of which it counts its part of what it shares."""
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)
