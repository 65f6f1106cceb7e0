"""Install the packages of a lock file, and show from the first second what is being done.

Called as `python tools/install.py requirements.lock [--without PACKAGE] [options of pip install]`. uv
installs, in a fraction of the time that pip takes; pip brings uv, from the same lock file, and installs all
where uv cannot. What both say goes to target/setup.log; everything from pip's first error on is shown. It
imports only the standard library, since its environment is still empty.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TextIO

LOG = Path("target/setup.log")
UV = Path(sys.executable).with_name("uv.exe" if os.name == "nt" else "uv")
EXACTLY = ("--no-deps", "--require-hashes", "-r")  # what a lock file pins, which is complete
# What pip calls an option, and the variable that tells uv the same.
CONFIGURED = {"index-url": "UV_DEFAULT_INDEX", "extra-index-url": "UV_INDEX", "find-links": "UV_FIND_LINKS"}


class Progress:
    """The current step and its duration: one line on a terminal, elsewhere one line every 15 seconds."""

    def __init__(self) -> None:
        self.doing = "starting pip"
        self.start = time.monotonic()
        self.terminal = sys.stderr.isatty()
        self.ended = threading.Event()

    def __enter__(self) -> Progress:
        # A thread, since an installer may be silent for minutes.
        threading.Thread(target=self._run, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        if self.terminal:
            self._write("")

    def _run(self) -> None:
        self._say()
        while not self.ended.wait(1 if self.terminal else 15):
            self._say()

    def _say(self) -> None:
        text = f"  {time.monotonic() - self.start:3.0f} s  {self.doing}"
        self._write(text if self.terminal else f"{text}\n")

    def _write(self, text: str) -> None:
        print(f"\r\033[K{text}" if self.terminal else text, end="", file=sys.stderr, flush=True)


def main(lock: str, *further: str) -> int:
    """Install what `lock` pins, with `further` options of pip, and return the exit code."""
    pins = pinned(Path(lock).read_text())
    if further[:1] == ("--without",):
        pins = [pin for pin in pins if not pin.startswith(f"{further[1]}==")]
        further = further[2:]
    errors: list[str] = []
    LOG.parent.mkdir(exist_ok=True)
    with Progress() as progress, LOG.open("a") as log, tempfile.TemporaryDirectory() as folder:
        listed = Path(folder) / Path(lock).name
        listed.write_text("".join(pins))
        bring_uv(pins, Path(folder) / "uv.txt", progress, log)
        code = by_uv(str(listed), further, len(pins), progress, log)
        if code:
            code = by_pip(str(listed), further, len(pins), progress, log, errors)
    sys.stderr.write("".join(errors))
    return code


def pinned(lock: str) -> list[str]:
    """Each package of a lock file, with its version and its hashes."""
    without_comments = re.sub(r"^ *#.*\n", "", lock, flags=re.MULTILINE)
    return re.findall(r"^[a-zA-Z0-9].*\n(?:[ \t].*\n)*", without_comments, re.MULTILINE)


def bring_uv(pins: list[str], file: Path, progress: Progress, log: TextIO) -> None:
    """Install uv, where the lock pins it and it is not there; without it pip installs the rest."""
    if not UV.exists():
        file.write_text("".join(pin for pin in pins if pin.startswith("uv==")))
        by_pip(str(file), [], 1, progress, log, [])


def by_uv(lock: str, further: Iterable[str], wanted: int, progress: Progress, log: TextIO) -> int:
    """Install all with uv, and return its exit code, or 1 where there is no uv."""
    if not UV.exists():
        return 1
    options = ["--python", sys.executable, "--no-progress", *EXACTLY, lock]
    progress.doing = f"fetching {wanted} packages"
    with started([str(UV), "pip", "install", *options, *further], as_pip_is_configured()) as uv:
        assert uv.stdout is not None
        for line in uv.stdout:
            log.write(line)
            if line.startswith("Prepared"):
                progress.doing = f"unpacking {wanted} packages"
    return uv.returncode


def as_pip_is_configured() -> dict[str, str]:
    """The variables that let uv fetch from where pip fetches; what uv was told itself stays."""
    listed = subprocess.run([sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True)
    found = re.findall(r"^(?:global|install|:env:)\.([\w-]+)=['\"](.*)['\"]$", listed.stdout, re.MULTILINE)
    # pip prints the lines of a value as one, with `\n` between them
    lists = {option: value.replace("\\n", " ").split() for option, value in found}
    told = {CONFIGURED[option]: " ".join(value) for option, value in lists.items() if option in CONFIGURED}
    told["UV_FIND_LINKS"] = told.get("UV_FIND_LINKS", "").replace(" ", ",")
    return {**{name: value for name, value in told.items() if value}, **os.environ}


def by_pip(
    lock: str, further: Iterable[str], wanted: int, progress: Progress, log: TextIO, errors: list[str]
) -> int:
    """Install all with pip, add what it says from its first error on to `errors`; return its exit code."""
    options = ["--progress-bar", "off", "--no-compile", *EXACTLY, lock, *further]
    with started([sys.executable, "-m", "pip", "install", *options], dict(os.environ)) as pip:
        assert pip.stdout is not None
        errors += follow(pip.stdout, wanted, progress, log)
    return pip.returncode


def started(command: list[str], environment: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def follow(lines: Iterable[str], wanted: int, progress: Progress, log: TextIO) -> list[str]:
    """Log pip's lines, update `progress` from them, and return the lines from the first error on."""
    fetched = 0
    errors: list[str] = []
    for line in lines:
        log.write(line)
        if errors or line.startswith("ERROR"):
            errors.append(line)
        elif line.startswith("Collecting "):
            fetched += 1
            progress.doing = f"fetching package {fetched} of {wanted}: {line.split()[1].partition('=')[0]}"
        elif line.startswith("Installing collected"):
            progress.doing = f"unpacking {wanted} packages"
    return errors


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
