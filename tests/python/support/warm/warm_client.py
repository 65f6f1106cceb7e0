"""The side of a command that waits: see sitecustomize.py."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

SERVER = Path(__file__).with_name("warm_dbt.py")
# A fork has none of the threads that an import starts.
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "JE_ARROW_MALLOC_CONF": "background_thread:false"}
PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
LIMITS = (resource.RLIMIT_AS, resource.RLIMIT_DATA, resource.RLIMIT_FSIZE, resource.RLIMIT_NOFILE)


def run_elsewhere(owner: str, address: str, *programs: str) -> None:
    """Run this command in a fork of the process at `address`, and end as it ends.

    The first command starts that process, which ends with the process `owner`. Returns where it cannot start,
    as with a dbt that has no such modules or a DuckDB with threads of its own: then commands begin cold.
    """
    line = _connected(owner, address, *programs)
    if line is None:
        return
    umask = os.umask(0)
    os.umask(umask)
    told = {
        "words": sys.orig_argv[1:],
        "folder": os.getcwd(),
        "environment": dict(os.environ),
        "path": sys.path,
        "umask": umask,
        "ignored": [number for number in PASSED_ON if signal.getsignal(number) is signal.SIG_IGN],
        "limits": [[name, *resource.getrlimit(name)] for name in LIMITS],
    }
    message = json.dumps(told).encode()
    socket.send_fds(line, [len(message).to_bytes(8, "big")], [0, 1, 2])
    line.sendall(message)
    for number in set(PASSED_ON).difference(told["ignored"]):
        signal.signal(number, lambda which, _: line.send(bytes([which])))
    answer = line.recv(4)
    code = int.from_bytes(answer, "big", signed=True) if answer else 1
    if code < 0:  # ended by a signal
        signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


def _connected(owner: str, address: str, *programs: str) -> socket.socket | None:
    """A connection with the process that has imported dbt, which is started where there is none."""
    seed = os.environ.get("PYTHONHASHSEED", "")  # which a process reads at its start
    address += seed
    failed = Path(f"{address}.failed")
    with open(f"{address}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if failed.exists():
            return None
        line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        with contextlib.suppress(OSError):
            line.connect(address)
            return line
        own = ("COVERAGE_", "DBT_", "PYTHON", "SCOREHOUSE_")
        server = subprocess.Popen(
            [sys.executable, str(SERVER), owner, address, *programs],
            cwd="/",
            env={
                **{name: value for name, value in os.environ.items() if not name.startswith(own)},
                **ONE_THREAD,
                **({"PYTHONHASHSEED": seed} if seed else {}),
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        while server.poll() is None:
            with contextlib.suppress(OSError):
                line.connect(address)
                return line
            time.sleep(0.05)
        failed.touch()
    return None
