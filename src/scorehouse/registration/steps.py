"""Progress of a registration on standard error: each step on a terminal, elsewhere the slow ones."""

from __future__ import annotations

import sys
import threading
import time
from contextlib import AbstractContextManager
from typing import TextIO

REFRESH_SECONDS = 0.1
PATIENCE_SECONDS = 1.0  # a step that takes less shows nothing, unless on a terminal


class Progress(AbstractContextManager["Progress"]):
    """A line per step; on a terminal with its count, in scripts and notebooks only if the step is slow."""

    def __init__(self, call: str, stream: TextIO | None = None) -> None:
        self.call = call
        self.stream = sys.stderr if stream is None else stream
        self.on_terminal = self.stream.isatty()
        self._slow: threading.Timer | None = None
        self._line = ""
        self._written = 0.0

    def __exit__(self, *_: object) -> None:
        self._end_step()

    def step(self, text: str) -> None:
        """A new line, such as `prove SQL`."""
        self._end_step()
        if self.on_terminal:
            self._write(text)
            return
        self._line = text
        self._slow = threading.Timer(PATIENCE_SECONDS, self._say, [text])
        self._slow.daemon = True
        self._slow.start()

    def count(self, text: str, done: int, of: int) -> None:
        """Write the same line again with the current count: `probe columns 120/400`."""
        if not self._line.startswith(text):
            self.step(f"{text} {done}/{of}" if self.on_terminal else text)
        elif self.on_terminal and (done == of or time.monotonic() - self._written >= REFRESH_SECONDS):
            self.stream.write("\r")
            self._write(f"{text} {done}/{of}")

    def _say(self, text: str) -> None:
        self.stream.write(f"{self.call}: {text}\n")
        self.stream.flush()

    def _write(self, text: str) -> None:
        self.stream.write(f"{self.call}: {text}".ljust(len(self.call) + 2 + len(self._line)))
        self.stream.flush()
        self._line, self._written = text, time.monotonic()

    def _end_step(self) -> None:
        if self._slow is not None:
            self._slow.cancel()
        if self._line and self.on_terminal:
            self.stream.write("\n")
        self._line = ""
