"""Turn the signal with which schedulers stop a job into an interrupt, which dbt can handle.

dbt imports modules whose names begin with `dbt_` and sets up their plugins in the main thread, which is the
only thread that may set a signal handler. Without this handler, a SIGTERM ends the process at once, and the
run log cannot say why. It is in a package of its own, since dbt imports it in every command: see
docs/decisions/sigterm-interrupts.md.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from types import FrameType
from typing import Any

import click
from dbt.flags import get_flags
from dbt.plugins.manager import dbtPlugin
from dbt_common.exceptions import DbtBaseException

DEFAULTS: dict[int, Any] = {signal.SIGTERM: signal.SIG_DFL, signal.SIGINT: signal.default_int_handler}
PATIENCE = 8.0  # seconds that models have to end; schedulers kill after 10 to 30, without a word
stopping = threading.Event()  # read by the scoring threads, which the exception does not reach
ended = threading.Event()  # once the command was asked to stop: that it did


class ScorehousePlugin(dbtPlugin):  # type: ignore[misc]  # dbt's classes are seen as Any
    """Adds no nodes and no artifacts; dbt sets it up once per command."""

    def initialize(self) -> None:
        """Handle the two signals, unless someone else does, until the dbt command ends."""
        stopping.clear()
        command = click.get_current_context(silent=True)
        if command is None or threading.current_thread() is not threading.main_thread():
            return
        taken = [number for number, default in DEFAULTS.items() if signal.getsignal(number) is default]
        for number in taken:
            signal.signal(number, _stop)
        if taken:
            command.call_on_close(_give_back)  # a program that called dbt may keep running


class Stopped(KeyboardInterrupt, DbtBaseException):  # type: ignore[misc]
    """An interrupt, which dbt handles as one, and a dbt error, which is reported without a traceback."""

    def __init__(self, number: int) -> None:
        super().__init__(
            f"dbt: the command was stopped by {signal.Signals(number).name}.\n"
            "  Expected: a command that finishes on its own.\n"
            "  What to do: run it again; tables that were being scored are unchanged, and the run log "
            "names them."
        )


plugins = [ScorehousePlugin]


def _stop(number: int, frame: FrameType | None) -> None:
    if number == signal.SIGTERM and "scorehouse" not in sys.modules:  # scorehouse has not run: as usual
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
        return
    if not stopping.is_set():
        ended.clear()
        threading.Thread(target=_end_anyway, args=(number,), daemon=True).start()
    stopping.set()
    # with --single-threaded, a model runs in this thread, where dbt treats any error as an error of the model
    is_waiting = "scorehouse" in sys.modules and not get_flags().SINGLE_THREADED
    raise Stopped(number) if is_waiting else KeyboardInterrupt


def _end_anyway(number: int) -> None:
    """End the process if models do not: dbt waits for its threads, and a batch or a query may take minutes.

    Transactions that are open are rolled back when the database is opened next.
    """
    if ended.wait(PATIENCE):
        return
    print(
        f"dbt: the command was stopped by {signal.Signals(number).name}, and ended after {PATIENCE:.0f} s "
        "although a model still ran.\n"
        "  Expected: models that end within that time.\n"
        "  What to do: run it again; tables that were being scored are unchanged, and the run log calls "
        "these runs not finished.",
        flush=True,
    )
    os._exit(128 + number)


def _give_back() -> None:
    ended.set()
    stopping.clear()  # dbt has waited for the threads that score
    for number, default in DEFAULTS.items():
        if signal.getsignal(number) is _stop:
            signal.signal(number, default)
