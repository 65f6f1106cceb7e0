"""What a lesson has done so far, told on standard error as each step ends, and how long the clones take."""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

LONG = 60  # seconds from which what is left is told


class Steps:
    """The steps of a lesson in which `clones` clones of the teacher learn."""

    def __init__(self, clones: int) -> None:
        self._clones, self._done, self._since = clones, 0, time.monotonic()

    def ended(self, step: str) -> None:
        """Tell that a step has ended, and its seconds."""
        now = time.monotonic()
        _tell(f"{step}: {now - self._since:,.0f} s")
        self._since = now

    @contextmanager
    def clone(self) -> Iterator[None]:
        """A clone learns; after the first one, tell how long the others take."""
        self._since = begun = time.monotonic()
        yield
        self._done += 1
        about = (time.monotonic() - begun) * (self._clones - self._done)
        self.ended(f"clone {self._done} of {self._clones} has learned")
        if self._done == 1 and about >= LONG:
            _tell(
                f"the other clones take about {about / 60:,.0f} min; to take less, stop this (nothing is "
                "registered before the end), and let them learn fewer rows by --teacher-rows"
            )


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


@contextmanager
def warned_once() -> Iterator[None]:
    """Show each text of a warning of this process once, not for each clone."""
    seen = set[str]()
    with warnings.catch_warnings():
        show = warnings.showwarning

        def once(message: Warning | str, *where: object, **more: object) -> None:
            if str(message) not in seen:
                seen.add(str(message))
                show(message, *where, **more)  # type: ignore[arg-type]

        warnings.showwarning = once
        yield
