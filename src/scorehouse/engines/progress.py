"""Progress of a scoring run in dbt's own log."""

from __future__ import annotations

import time

from scorehouse.project.log import logger

INTERVAL_SECONDS = 5.0


class Deadline:
    """The end of a run's time budget; without a budget, it is never reached."""

    def __init__(self, seconds: float | None) -> None:
        self.end = None if seconds is None else time.monotonic() + seconds

    def passed(self) -> bool:
        """Whether the budget is used up."""
        return self.end is not None and time.monotonic() >= self.end


class Progress:
    """Logs rows done, rows per second and the time left, every few seconds."""

    def __init__(self, node: str, rows: int) -> None:
        self.node = node
        self.rows = rows
        self.done = 0
        self.started = self.reported = time.monotonic()

    def advance(self, rows: int) -> None:
        """Count `rows` more."""
        self.done += rows
        now = time.monotonic()
        if now - self.reported < INTERVAL_SECONDS:
            return
        self.reported = now
        rate = self.done / (now - self.started)
        left = (self.rows - self.done) / rate
        logger.info(
            f"{self.node}: {self.done:,} of {self.rows:,} rows scored, {rate:,.0f} rows/s, {left:.0f} s left"
        )
