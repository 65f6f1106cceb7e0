"""A PostgreSQL server on a free port of the loopback interface, stopped at the end.

As root it runs as the user postgres. Where PostgreSQL or its driver is missing, tests skip.
"""

from __future__ import annotations

import getpass
import io
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pv
import pytest

from ports import LOOPBACK, free_port

psycopg2 = pytest.importorskip("psycopg2", reason="the extra `postgres` is not installed")
TYPES = {"double": "double precision", "int64": "bigint", "bool": "boolean"}
TYPES |= {"int32": "integer", "date32[day]": "date", "timestamp[us]": "timestamp"}
TYPES |= {"timestamp[us, tz=UTC]": "timestamptz", "timestamp[s]": "timestamp"}


@dataclass(frozen=True)
class Server:
    """A PostgreSQL server of these tests alone."""

    port: int

    def connect(self, database: str = "postgres") -> Any:
        return psycopg2.connect(host=LOOPBACK, port=self.port, user="postgres", dbname=database)


def programs() -> Path:
    """The folder of initdb and pg_ctl."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if found:
        return found[-1].parent
    if (path := shutil.which("initdb")) is None:
        pytest.skip("needs PostgreSQL: initdb was not found (Debian's package postgresql)")
    return Path(path).parent


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

    # text in the order of a language, as in most databases: "a" before "B"
    locale = ["--locale", "C", "--locale-provider", "icu", "--icu-locale", "en-US"]
    run("initdb", "-D", str(data), "-A", "trust", "-U", "postgres", "--no-sync", "-E", "UTF8", *locale)
    # the last two as in what `scorehouse scaffold monitors` writes
    settings = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder}"
    settings += " -c fsync=off -c jit=off -c enable_nestloop=off"
    run("pg_ctl", "-D", str(data), "-o", settings, "-l", str(folder / "log"), "-w", "start")
    try:
        yield Server(port)
    finally:
        run("pg_ctl", "-D", str(data), "-m", "immediate", "-w", "stop")
        shutil.rmtree(folder, ignore_errors=True)


def load(connection: Any, name: str, rows: pa.Table) -> None:
    """Copy rows into a new table, NULL as NULL and NaN as NaN."""
    columns = ", ".join(f'"{f.name}" {TYPES.get(str(f.type), "text")}' for f in rows.schema)
    buffer = io.BytesIO()
    pv.write_csv(rows, buffer, pv.WriteOptions(quoting_style="needed", include_header=False))
    buffer.seek(0)
    with connection.cursor() as cursor:
        cursor.execute(f'drop table if exists "{name}"; create table "{name}" ({columns})')
        cursor.copy_expert(f'copy "{name}" from stdin (format csv)', buffer)
