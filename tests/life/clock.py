"""The calendar of a life: commands see the time of day that the life is at, in a zone with summer time."""

from __future__ import annotations

import datetime as dt
import functools
import importlib.util
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from zoneinfo import ZoneInfo

SOURCE = Path(__file__).with_name("clock.c")
ZONE = ZoneInfo("Europe/Vienna")
NEEDED = "a life needs Linux and a C compiler: cc, or the Python package ziglang"


class Clock:
    """The time at which commands run; it goes on at its own pace while a command runs."""

    def __init__(self, folder: Path, start: dt.datetime) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.file = readable_by_all("scorehouse-clock-") / "clock"
        self.file.write_bytes(bytes(8))
        (folder / "clock").symlink_to(self.file)
        self.set(start)

    def set(self, moment: dt.datetime) -> None:
        """Set the clock to a moment, which without a zone is meant in the zone of the life."""
        moment = moment if moment.tzinfo else moment.replace(tzinfo=ZONE)
        self.offset = round(moment.timestamp() - time.time())
        with self.file.open("r+b") as file:  # in place, since running processes have mapped it
            file.write(struct.pack("=q", self.offset))

    def now(self) -> dt.datetime:
        """The moment that a command sees, in the zone of the life, without naming it."""
        return dt.datetime.fromtimestamp(time.time() + self.offset, ZONE).replace(tzinfo=None)

    def variables(self) -> dict[str, str]:
        """What a command, or a server, needs to see this time."""
        return clock_variables(self.file.parent)


def readable_by_all(prefix: str) -> Path:
    """A new folder for what a server of another user reads too; a temporary folder of ours hides it."""
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    folder.chmod(0o755)
    return folder


def clock_variables(folder: Path) -> dict[str, str]:
    """What a process needs to see the time of the life in `folder`."""
    return {
        "TZ": ZONE.key,
        "LD_PRELOAD": str(library()),
        "LIFE_CLOCK": str((folder / "clock").resolve()),
    }


@functools.cache
def library() -> Path:
    """The library that moves the clock, compiled once per process."""
    compiled = readable_by_all("scorehouse-clock-") / "clock.so"
    command = [*compiler(), "-O2", "-shared", "-fPIC", "-o", str(compiled), str(SOURCE), "-ldl"]
    subprocess.run(command, check=True, capture_output=True)
    return compiled


def compiler() -> list[str]:
    """The C compiler of this machine, or that of the Python package ziglang; empty without either."""
    if shutil.which("cc"):
        return ["cc"]
    return [sys.executable, "-m", "ziglang", "cc"] if importlib.util.find_spec("ziglang") else []


def available() -> bool:
    """Whether lives can run on this machine."""
    return sys.platform == "linux" and bool(compiler())
