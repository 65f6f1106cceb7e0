"""Run a command to its end with all that it starts: seconds of clock and cores, and peak memory together."""

from __future__ import annotations

import ctypes
import os
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread

SUBREAPER = 36  # of prctl: what a dead child leaves behind becomes a child of this process
EVERY = 0.1  # seconds


@dataclass(frozen=True)
class Measured:
    """Seconds of the clock and of cores, and the peak memory (MiB) of all processes together."""

    seconds: float
    core_seconds: float
    peak_mib: float


def measure(command: Sequence[str], **variables: str) -> Measured:
    """Run a command from its start to the end of its last process; RuntimeError with its words if it fails.

    Memory that processes share counts once. Linux only.
    """
    ctypes.CDLL(None).prctl(SUBREAPER, 1, 0, 0, 0)
    before, started, ended, peak = os.times(), time.perf_counter(), Event(), [0]
    process = subprocess.Popen(
        command, env=os.environ | variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    watch = Thread(target=_watch, args=(ended, peak))
    watch.start()
    told, _ = process.communicate()
    seconds = time.perf_counter() - started
    while True:  # servers that the command left behind, which end by themselves
        try:
            os.wait()
        except ChildProcessError:
            break
    ended.set()
    watch.join()
    after = os.times()
    if process.returncode:
        raise RuntimeError(told[-2000:])
    cores = after.children_user + after.children_system - before.children_user - before.children_system
    return Measured(seconds, cores, peak[0] / 1024)


def _watch(ended: Event, peak: list[int]) -> None:
    while not ended.wait(EVERY):
        peak[0] = max(peak[0], sum(map(_own_kib, _descendants())))


def _descendants() -> list[str]:
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
    return found


def _own_kib(process: str) -> int:
    """The memory of a process, of which it counts its part of what it shares."""
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)
