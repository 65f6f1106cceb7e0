"""Compiled SQL on a real PostgreSQL server equals the kernel, family by family.

The server is started on a free port of the loopback interface, and stopped at the end; as root,
PostgreSQL is installed from the distribution's packages where it is missing.
"""

from __future__ import annotations

import getpass
import io
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pv
import pytest

from project import MakeKernel
from scorehouse.forms.hard_rows import hard_rows, kernel_rows
from scorehouse.forms.sql import compile_sql
from scorehouse.forms.sql.compiled import LARGEST_WHERE_OVERFLOW_RAISES
from scorehouse.forms.sql.prove_sql import Parity, compare
from scorehouse.kernel.scorer import Kernel
from scorehouse.kernel.training_batch import training_batch
from test_compile_families import CASES, kernel_of

psycopg2 = pytest.importorskip("psycopg2", reason="the extra `postgres` is not installed")
pytestmark = [pytest.mark.foreign, pytest.mark.postgres]
TYPES = {"double": "double precision", "int64": "bigint", "bool": "boolean"}
TYPES |= {"int32": "integer", "date32[day]": "date", "timestamp[us]": "timestamp"}


@dataclass(frozen=True)
class Server:
    """A PostgreSQL server of these tests alone."""

    port: int

    def connect(self) -> Any:
        return psycopg2.connect(host="127.0.0.1", port=self.port, user="postgres", dbname="postgres")


def programs() -> Path:
    """The folder of initdb and pg_ctl."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if found:
        return found[-1].parent
    if (path := shutil.which("initdb")) is None:
        pytest.skip("needs PostgreSQL: initdb was not found (Debian's package postgresql)")
    return Path(path).parent


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextmanager
def running_server() -> Iterator[Server]:
    """A server without durability; as root it runs as the user postgres, who alone may read its folder."""
    bin_folder, port = programs(), free_port()
    folder = Path(tempfile.mkdtemp(prefix="scorehouse-postgres-"))
    prefix: list[str] = []
    if getpass.getuser() == "root":
        shutil.chown(folder, "postgres")
        prefix = ["runuser", "-u", "postgres", "--"]
    data = folder / "data"

    def run(program: str, *arguments: str) -> None:
        command = [*prefix, str(bin_folder / program), *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd=folder)

    run(
        "initdb", "-D", str(data), "-A", "trust", "-U", "postgres", "--no-sync", "-E", "UTF8", "--locale", "C"
    )
    settings = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -c fsync=off"
    run("pg_ctl", "-D", str(data), "-o", settings, "-l", str(folder / "log"), "-w", "start")
    try:
        yield Server(port)
    finally:
        run("pg_ctl", "-D", str(data), "-m", "immediate", "-w", "stop")
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    with running_server() as found:
        yield found


def load(connection: Any, name: str, rows: pa.Table) -> None:
    """Copy rows into a new table, NULL as NULL and NaN as NaN."""
    columns = ", ".join(f'"{f.name}" {TYPES.get(str(f.type), "text")}' for f in rows.schema)
    buffer = io.BytesIO()
    pv.write_csv(rows, buffer, pv.WriteOptions(quoting_style="needed", include_header=False))
    buffer.seek(0)
    with connection.cursor() as cursor:
        cursor.execute(f'drop table if exists "{name}"; create table "{name}" ({columns})')
        cursor.copy_expert(f'copy "{name}" from stdin (format csv)', buffer)


def computable(rows: pa.Table) -> pa.Table:
    """Rows without the finite numbers that are rejected on PostgreSQL alone, since products overflow."""
    keep = np.ones(rows.num_rows, dtype=bool)
    for column in rows.columns:
        if pa.types.is_floating(column.type):
            values = np.abs(column.to_numpy())
            keep &= ~((values > LARGEST_WHERE_OVERFLOW_RAISES) & np.isfinite(values))
    return rows.filter(pa.array(keep))


def postgres_parity(connection: Any, frame: pd.DataFrame, kernel: Kernel) -> Parity:
    """Score the training frame and the hard rows with the kernel and on the server, and compare."""
    compiled = compile_sql(kernel.estimator, kernel.version, kernel.signature, "postgres")
    training = training_batch(frame, "test")
    tried = pa.Table.from_batches([training, hard_rows(compiled.signature, compiled.probes, training)])
    rows = computable(tried).combine_chunks()
    expected = kernel_rows(kernel, rows)
    load(connection, "parity_rows", rows.append_column("row", pa.array(range(rows.num_rows))))
    with connection.cursor() as cursor:
        cursor.execute("set jit = off")
        cursor.execute(f"select * from ({compiled.render('parity_rows', ['row'])}) as scored order by row")
        found = cursor.fetchall()
    names = ["row", *compiled.columns]
    types = [pa.int64(), *expected.schema.types[:-1], pa.string(), pa.string()]
    columns = [pa.array(list(c), t) for c, t in zip(zip(*found, strict=True), types, strict=True)]
    return compare(expected, pa.table(columns, names=names), single=compiled.single)


@pytest.mark.parametrize("name", CASES)
def test_equals_the_kernel(name: str, server: Server, make_kernel: MakeKernel) -> None:
    frame, kernel = kernel_of(name, make_kernel)
    with server.connect() as connection:
        parity = postgres_parity(connection, frame, kernel)
    assert parity.proven, parity
    assert parity.reason_differences == 0, parity
