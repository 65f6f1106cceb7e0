"""Install the packages of a lock file with pip, and show from the first second what pip is doing.

Called as `python tools/install.py requirements.lock [pip's options]`. pip's output goes to target/setup.log;
everything from its first error on is shown. It imports only the standard library, since its environment is
still empty.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TextIO

LOG = Path("target/setup.log")


class Progress:
    """The current step and its duration: one line on a terminal, elsewhere one line every 15 seconds."""

    def __init__(self) -> None:
        self.doing = "starting pip"
        self.start = time.monotonic()
        self.terminal = sys.stderr.isatty()
        self.ended = threading.Event()

    def __enter__(self) -> Progress:
        # A thread, since pip may be silent for minutes.
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
    """Install what `lock` pins, with `further` options of pip, and return pip's exit code."""
    wanted = len(re.findall(r"^[a-zA-Z0-9]", Path(lock).read_text(), re.MULTILINE))
    options = ["--progress-bar", "off", "--require-hashes", *compiling(), "-r", lock, *further]
    LOG.parent.mkdir(exist_ok=True)
    with Progress() as progress, LOG.open("a") as log:
        pip = subprocess.Popen(
            [sys.executable, "-m", "pip", "install", *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert pip.stdout is not None
        errors = follow(pip.stdout, wanted, progress, log)
        code = pip.wait()
    sys.stderr.write("".join(errors))
    return code


def compiling() -> list[str]:
    """Leave it to Python to compile what is imported: pip compiles all, which takes as long as the rest.

    Where Python may not write byte code, each start would compile again, so pip compiles.
    """
    return [] if os.environ.get("PYTHONDONTWRITEBYTECODE") else ["--no-compile"]


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
