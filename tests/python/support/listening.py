"""A program that hears signals, however the tests themselves were started.

In the background of a shell, tests are started with SIGINT ignored, under `nohup` or a service manager with
other signals, and a child inherits that.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

BEGIN = """
import os, signal, sys
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])
"""


def listening(command: Sequence[str]) -> list[str]:
    """The command, begun with the usual handling of SIGINT and SIGTERM; its program is a path."""
    return [sys.executable, "-c", BEGIN, *command]
