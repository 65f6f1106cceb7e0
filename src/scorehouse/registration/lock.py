"""One writer per ML model: a lock file that all processes respect. A killed process releases it.

Code that reads the registry and then writes something derived from it (a number, an alias, a proof) holds
the lock. Readers need no lock, since every file is replaced as a whole.
"""

from __future__ import annotations

import errno
import fcntl
import functools
import inspect
import os
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import ParamSpec, TypeVar

from scorehouse.errors import ConfigurationError, did_you_mean
from scorehouse.project.folder import find_project
from scorehouse.registry.seeds import ModelSeeds

NAME_PATTERN = re.compile(r"[a-z][a-z0-9_]*")
PAUSE = 0.05  # seconds between two tries
PATIENCE = 2.0  # seconds until a waiting process says so

P = ParamSpec("P")
T = TypeVar("T")
_held = threading.local()


def check_name(kind: str, name: str, call: str) -> None:
    """Check a name; it becomes part of seeds, columns and folders: lower-case letters, digits and `_`."""
    if not isinstance(name, str) or not NAME_PATTERN.fullmatch(name) or "__" in name:
        raise ConfigurationError(
            call,
            f"the {kind} {name!r} cannot be used",
            expected="a lower case letter, then lower case letters, digits or single underscores",
            action=f"choose another {kind}",
        )


def one_writer(function: Callable[P, T]) -> Callable[P, T]:
    """Let a function with the arguments `name` and `project_dir` run under the lock of that ML model."""
    signature = inspect.signature(function)

    @functools.wraps(function)
    def locked(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            given = signature.bind(*args, **kwargs).arguments
        except TypeError as error:
            unknown = [name for name in kwargs if name not in signature.parameters]
            near = did_you_mean(unknown[0], signature.parameters) if unknown else ""
            if unknown and "card" in signature.parameters:
                # not before: it imports NumPy, for which a shell's completion would wait
                from scorehouse.registration.groups import place_of

                near = place_of(unknown[0]) or near
            needed = [name for name, one in signature.parameters.items() if one.default is one.empty]
            raise ConfigurationError(
                f"{function.__name__}()",
                f"{error}{near}",
                expected=f"at least the arguments {', '.join(needed)}",
                action=f"correct the call; help({function.__name__}) explains every argument",
            ) from None
        call = f"{function.__name__}({given['name']!r})"
        check_name("name", given["name"], call)
        with holding(ModelSeeds(find_project(given.get("project_dir")), given["name"]).lock_file, call):
            return function(*args, **kwargs)

    return locked


@contextmanager
def holding(file: Path, call: str) -> Iterator[None]:
    """Hold a lock file, and wait if another process has it. A thread may take it again.

    Folders that were created only for the lock are removed with it. Raises ConfigurationError if the
    folder is not writable.
    """
    held: set[Path] = _held.__dict__.setdefault("files", set())
    if file in held:
        yield
        return
    missing = [folder for folder in (file.parent, *file.parent.parents) if not folder.exists()]
    descriptor = _acquired(file, call)
    held.add(file)
    try:
        yield
    finally:
        held.discard(file)
        with suppress(OSError):
            file.unlink()
        os.close(descriptor)
        with suppress(OSError):  # not empty: something was written
            for folder in missing:
                folder.rmdir()


def _acquired(file: Path, call: str) -> int:
    """The descriptor of the locked file, once nobody else has the lock."""
    told, began = False, time.monotonic()
    while True:
        try:
            return _locked(file)
        except OSError as error:
            # the last is how some file systems say that somebody has it
            if not isinstance(error, BlockingIOError | FileNotFoundError) and error.errno != errno.EDEADLK:
                raise ConfigurationError(
                    call,
                    f"the lock {str(file)!r} cannot be taken ({error.strerror or error})",
                    expected="a project folder that can be written, on a file system with file locks",
                    action="correct the permissions of the folder, or work in a copy of the project on a "
                    "local disk",
                ) from error
            if not told and time.monotonic() - began > PATIENCE:
                told = True
                print(f"{call}: waiting for process {_holder(file)}, which writes here", file=sys.stderr)
        time.sleep(PAUSE)


def _locked(file: Path) -> int:
    """Take the lock; the system releases it when the process ends, in whatever way.

    Raises BlockingIOError if another process has it, and FileNotFoundError if its holder has removed the file
    or its folder meanwhile.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not os.path.samestat(os.fstat(descriptor), file.stat()):
            raise FileNotFoundError(file)
        os.truncate(descriptor, 0)
        os.write(descriptor, str(os.getpid()).encode())
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _holder(file: Path) -> str:
    try:
        return file.read_text() or "?"
    except OSError:
        return "?"
