"""What takes long to make, made once for all processes of a test run."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest


def shared_folder(factory: pytest.TempPathFactory) -> Path:
    """The folder of the test run, which its processes have in common."""
    base = factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


def copy_of(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """A folder of this process with what `make` writes into one; the first process that needs it makes it."""
    whole = shared_folder(factory) / f"whole_{name}"
    with (whole.with_suffix(".lock")).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not whole.exists():
            making = whole.with_suffix(".making")
            shutil.rmtree(making, ignore_errors=True)  # of a process that failed
            making.mkdir()
            make(making)
            making.rename(whole)
    return Path(shutil.copytree(whole, factory.mktemp(name) / "copy", symlinks=True))
