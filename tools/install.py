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
import tempfile
import threading
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TextIO

LOG = Path("target/setup.log")
FEWEST, MOST = 20, 4  # packages a pip, and pips at once


class Progress:
    """The current step and its duration: one line on a terminal, elsewhere one line every 15 seconds."""

    def __init__(self, wanted: int) -> None:
        self.wanted = wanted
        self.count = 0
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

    def fetched(self, package: str) -> None:
        self.count += 1
        self.doing = f"fetching package {self.count} of {self.wanted}: {package}"

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
    pins = pinned(Path(lock).read_text())
    itself = [pin for pin in pins if pin.startswith("pip==")]
    others = [pin for pin in pins if pin not in itself]
    # pip fetches and unpacks one package after the other, on one core. A lock is complete, so that its parts
    # can be installed beside each other, without a look at what they need; pip itself follows when none runs.
    count = max(1, min(os.cpu_count() or 1, MOST, len(others) // FEWEST))
    errors: list[str] = []
    LOG.parent.mkdir(exist_ok=True)
    with Progress(len(pins)) as progress, LOG.open("a") as log:
        for parts in [others[number::count] for number in range(count)], [itself] if itself else []:
            code = install(parts, further, progress, log, errors)
            if code:
                break
    sys.stderr.write("".join(errors))
    return code


def install(
    parts: list[list[str]], further: Iterable[str], progress: Progress, log: TextIO, errors: list[str]
) -> int:
    """Install each part with a pip of its own, all at once, and return the worst exit code."""
    options = ["--progress-bar", "off", "--no-deps", "--require-hashes", *compiling(), *further]
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor() as pool:
        codes = []
        for number, part in enumerate(parts):
            file = Path(folder) / f"{number}.txt"
            file.write_text("".join(part))
            codes.append(pool.submit(run_pip, [*options, "-r", str(file)], progress, log, errors))
        return max((code.result() for code in codes), key=abs, default=0)


def run_pip(options: list[str], progress: Progress, log: TextIO, errors: list[str]) -> int:
    """Run `pip install` to its end, and return its exit code."""
    command = [sys.executable, "-m", "pip", "install", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as pip:
        assert pip.stdout is not None
        follow(pip.stdout, progress, log, errors)
    return pip.returncode


def pinned(lock: str) -> list[str]:
    """Each package of a lock file, with its version and its hashes."""
    without_comments = re.sub(r"^ *#.*\n", "", lock, flags=re.MULTILINE)
    return re.findall(r"^[a-zA-Z0-9].*\n(?:[ \t].*\n)*", without_comments, re.MULTILINE)


def compiling() -> list[str]:
    """Leave it to Python to compile what is imported: pip compiles all, which takes as long as the rest.

    Where Python may not write byte code, each start would compile again, so pip compiles.
    """
    return [] if os.environ.get("PYTHONDONTWRITEBYTECODE") else ["--no-compile"]


def follow(lines: Iterable[str], progress: Progress, log: TextIO, errors: list[str]) -> None:
    """Log pip's lines, update `progress` from them, and add the lines from the first error on to `errors`."""
    failed = False
    for line in lines:
        log.write(line)
        failed = failed or line.startswith("ERROR")
        if failed:
            errors.append(line)
        elif line.startswith("Collecting "):
            progress.fetched(line.split()[1].partition("=")[0])
        elif line.startswith("Installing collected"):
            progress.doing = f"unpacking {progress.wanted} packages"


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
