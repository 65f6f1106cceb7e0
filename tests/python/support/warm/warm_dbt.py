"""A process that has imported dbt, and a fork of it for each command of the tests: see sitecustomize.py.

    python warm_dbt.py OWNER ADDRESS PROGRAM...

It ends with the process OWNER, or when the file ADDRESS is removed.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import io
import json
import os
import random
import resource
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from multiprocessing import resource_tracker
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

import dbt.adapters.duckdb.connections
import dbt.cli.main
import dbt.include.duckdb
import dbt.include.global_project
import dbt.task.build
from dbt.adapters.duckdb.credentials import DuckDBCredentials
from dbt.artifacts.resources.v1.config import NodeConfig
from dbt.artifacts.resources.v1.model import ModelConfig
from dbt.clients.jinja_static import statically_extract_macro_calls
from dbt.contracts.graph import nodes, unparsed
from dbt.contracts.graph.manifest import Manifest
from dbt.contracts.project import Configuration, PackageConfig, ProfileConfig, Project, ProjectFlags
from dbt.contracts.selection import SelectorFile
from dbt_common.clients.jinja import extract_toplevel_blocks, get_template, parse
from dbt_common.dataclass_schema import dbtClassMixin

sys.path.append(str(Path(__file__).parents[1]))
import many_commands  # noqa: F401  # which spares dbt what it would do in each command

sys.path.pop()

with contextlib.suppress(ImportError):  # lives do not install it
    import coverage

# Where `scorehouse` begins here, too. Where only dbt does, as in lives, a command imports them for itself:
# what is imported here, no test could see missing.
LIBRARIES = (
    *("numpy", "pandas", "pyarrow.compute", "pyarrow.parquet", "joblib", "scipy.special", "scipy.stats"),
    *("sklearn.calibration", "sklearn.compose", "sklearn.ensemble", "sklearn.impute", "sklearn.linear_model"),
    *("sklearn.metrics", "sklearn.pipeline", "sklearn.preprocessing"),
)
UNLOADED = ("numpy", "pandas", "pyarrow", "scipy", "sklearn")
# Whose JSON schemas dbt makes at their first use, in each command anew.
VALIDATED = (
    *(Configuration, DuckDBCredentials, PackageConfig, ProfileConfig, Project, ProjectFlags, SelectorFile),
    *(ModelConfig, NodeConfig, nodes.HookNode, nodes.ModelNode, nodes.SeedNode, nodes.GenericTestNode),
    *(unparsed.UnparsedMacroUpdate, unparsed.UnparsedModelUpdate, unparsed.UnparsedNodeUpdate),
)
# Macros that every project of the tests has: dbt's, and those of this package.
MACROS = (
    Path(dbt.include.global_project.__file__).parent / "macros",
    Path(dbt.include.duckdb.__file__).parent / "macros",
    Path(__file__).parents[4] / "macros",
)
BLOCKS = {"macro", "materialization", "test", "data_test"}  # as dbt asks for them
LOOK_SECONDS = 2


def main(owner: str, address: str, *programs: str) -> None:
    assert not [name for name in UNLOADED if name in sys.modules]
    if any(Path(program).name == "scorehouse" for program in programs):
        for name in LIBRARIES:
            importlib.import_module(name)
    assert "scorehouse" not in sys.modules, "its lines are counted, and a test may change it"
    assert resource_tracker._resource_tracker._fd is None, "forks would share locks"
    # DuckDB 1.5 starts one when it is imported
    assert len(os.listdir("/proc/self/task")) == 1, "a fork would not have the other threads"
    if "PYTHONHASHSEED" not in os.environ:  # else it is retraining's process, which runs no dbt
        prepare()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    Path(address).unlink(missing_ok=True)  # of one that was killed
    listener.bind(address)
    listener.listen(64)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # sessions are not waited for
    signal.signal(signal.SIGINT, signal.default_int_handler)  # whatever this process has inherited
    gc.collect()
    gc.freeze()  # so that a fork's collections leave these pages shared
    while Path(address).exists() and Path("/proc", owner).exists():
        if not select.select([listener], [], [], LOOK_SECONDS)[0]:
            continue
        line, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            session(line, address)
            return
        line.close()


def prepare() -> None:
    """Make once what every command would make again: schemas, readers, and the compiled Jinja of macros."""
    for validated in VALIDATED:
        validated.json_schema()
    for described in subclasses(dbtClassMixin):  # which write their readers and writers at the first use
        with contextlib.suppress(Exception):  # nothing is what most cannot be read from
            described.from_dict({})
        with contextlib.suppress(Exception):
            described.to_dict(object.__new__(described))
    Manifest.from_msgpack(Manifest().to_msgpack())
    for folder in MACROS:
        for file in sorted(folder.rglob("*.sql")):
            for block in extract_toplevel_blocks(file.read_text(), BLOCKS, collect_raw_data=False):
                parse(block.full_block)
                get_template(block.full_block, {})
                with contextlib.suppress(Exception):  # of the macros' names, which only a command knows
                    statically_extract_macro_calls(block.full_block, {})


def subclasses(parent: type) -> Iterator[Any]:
    for child in parent.__subclasses__():
        yield child
        yield from subclasses(child)


def session(line: socket.socket, address: str) -> None:
    """Fork a command, pass signals on to it, and tell how it ended; returns in the command only.

    A line of ADDRESS.spent says how much of a processor it took, which its parent's own times leave out.
    """
    size, streams, _, _ = socket.recv_fds(line, 8, 3)
    told = json.loads(b"".join(received(line, int.from_bytes(size, "big"))))
    command = os.fork()
    if command == 0:
        line.close()
        become(told, streams)
        return
    for stream in streams:
        os.close(stream)
    ended = os.pidfd_open(command)
    while True:
        ready, _, _ = select.select([line, ended], [], [])
        if ended in ready:
            break
        # A command whose other side was killed is killed too.
        for number in line.recv(16) or [signal.SIGKILL]:
            os.kill(command, number)
    _, status, used = os.wait4(command, 0)
    with contextlib.suppress(OSError), open(f"{address}.spent", "a") as spent:
        spent.write(f"{used.ru_utime + used.ru_stime:.3f}\n")
    try:
        line.sendall(os.waitstatus_to_exitcode(status).to_bytes(4, "big", signed=True))
    finally:
        os._exit(0)


def received(line: socket.socket, size: int) -> list[bytes]:
    parts: list[bytes] = []
    while size:
        parts.append(line.recv(min(size, 1 << 16)))
        assert parts[-1], "the other side ended"
        size -= len(parts[-1])
    return parts


def become(told: dict[str, Any], streams: list[int]) -> None:
    """Take over words, folder, environment, limits and streams, and run the command."""
    os.setsid()
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    for name, soft, hard in told["limits"]:
        resource.setrlimit(name, (soft, hard))
    for number in told["ignored"]:
        signal.signal(number, signal.SIG_IGN)
    os.umask(told["umask"])
    os.chdir(told["folder"])
    os.environ.clear()
    os.environ.update(told["environment"])
    time.tzset()
    random.seed()
    sys.orig_argv[:] = [sys.executable, *told["words"]]
    sys.path[:] = told["path"]
    sys.stdin, sys.stdout, sys.stderr = read(0), written(1), written(2)
    sys.__stdin__, sys.__stdout__, sys.__stderr__ = sys.stdin, sys.stdout, sys.stderr
    if settings := os.environ.pop("SCOREHOUSE_COVERAGE", None):
        os.environ["COVERAGE_PROCESS_CONFIG"] = settings
        coverage.process_startup(force=True)
    try:
        begin(told["words"])
        end(0)
    except SystemExit as ended:
        code = ended.code
        del ended
        if isinstance(code, int | None):
            end(code or 0)
        print(code, file=sys.stderr)
        end(1)
    except Exception as error:
        traceback = error.__traceback__
        for _ in ("become", "begin"):
            traceback = traceback and traceback.tb_next
        sys.excepthook(type(error), error.with_traceback(traceback), traceback)
        end(1)


def begin(words: list[str]) -> None:
    """Run a program or script, or the text that `-P -c` names."""
    main = sys.modules["__main__"] = ModuleType("__main__")
    if words[0] == "-P":
        sys.argv[:] = ["-c", *words[3:]]
        text, name = words[2], "<string>"
    else:
        sys.argv[:] = words
        sys.path.insert(0, os.path.dirname(os.path.realpath(words[0])))
        name = main.__file__ = os.path.abspath(words[0])
        text = Path(name).read_text()
    exec(compile(text, name, "exec"), vars(main))


def end(code: int) -> NoReturn:
    """End as Python does, without taking apart all that was imported, which takes longer than most commands.

    Python would let go of the database then, which dbt has left open.
    """
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    dbt.adapters.duckdb.connections.DuckDBConnectionManager.close_all_connections()
    gc.collect()  # what was there before the command is frozen
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def read(stream: int) -> Any:
    return io.TextIOWrapper(open(stream, "rb", closefd=False))


def written(stream: int) -> Any:
    """A standard stream as Python makes it."""
    errors = "backslashreplace" if stream == 2 else "strict"
    by_line = stream == 2 or os.isatty(stream)
    return io.TextIOWrapper(open(stream, "wb", closefd=False), errors=errors, line_buffering=by_line)


if __name__ == "__main__":
    main(*sys.argv[1:])
