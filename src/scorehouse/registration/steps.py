"""Progress of a registration: one line per step, on a terminal only."""

from __future__ import annotations

import sys
import time
from typing import Self, TextIO

REFRESH_SECONDS = 0.1


class Progress:
    """Writes to standard error if it is a terminal; scripts, tests and CI see nothing."""

    def __init__(self, call: str, stream: TextIO | None = None) -> None:
        self.call = call
        self.stream = sys.stderr if stream is None else stream
        self.shown = self.stream.isatty()
        self._line = ""
        self._written = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._end_line()

    def step(self, text: str) -> None:
        """A new line, such as `prove SQL`."""
        if self.shown:
            self._end_line()
            self._write(text)

    def count(self, text: str, done: int, of: int) -> None:
        """Write the same line again with the current count: `probe columns 120/400`."""
        if not self.shown:
            return
        if not self._line.startswith(text):
            self.step(f"{text} {done}/{of}")
        elif done == of or time.monotonic() - self._written >= REFRESH_SECONDS:
            self.stream.write("\r")
            self._write(f"{text} {done}/{of}")

    def _write(self, text: str) -> None:
        self.stream.write(f"{self.call}: {text}".ljust(len(self.call) + 2 + len(self._line)))
        self.stream.flush()
        self._line, self._written = text, time.monotonic()

    def _end_line(self) -> None:
        if self._line:
            self.stream.write("\n")
            self._line = ""
