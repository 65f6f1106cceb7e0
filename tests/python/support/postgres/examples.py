"""The examples of this project built on PostgreSQL, and their tables held against DuckDB's."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from compared_tables import ComparedTables
from postgres.project import SCHEMA, build
from postgres.server import Server
from project import REPOSITORY


def build_examples(server: Server, folder: Path) -> dict[str, str]:
    """Load the sources and build this repository, as a user does; status by node."""
    command = [sys.executable, str(REPOSITORY / "examples" / "load_sources.py")]
    environment = {**os.environ, "SCOREHOUSE_POSTGRES_PORT": str(server.port)}
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL, timeout=300)
    written = ["--target-path", str(folder / "target"), "--log-path", str(folder / "logs")]
    return build(REPOSITORY, server, *written, schema=SCHEMA)


class ComparedWithPostgres(ComparedTables):
    """A table of the examples on both databases: `here` on DuckDB, `there` a copy of PostgreSQL's."""

    def __init__(self, server: Server, examples: Path, folder: Path) -> None:
        super().__init__(examples)
        self.server, self.folder = server, folder

    def read(self, table: str) -> None:
        """Views `here` and `there` of one table, in the columns and types that it has on DuckDB."""
        self.duckdb.execute(f"create or replace view here as select * from reference.main.{table}")
        described = self.duckdb.sql("describe here").fetchall()
        types = {name: "varchar" if kind.startswith("ENUM") else kind for name, kind, *_ in described}
        names = ", ".join(f'"{name}"' for name in types)
        file = self.folder / f"{table}.csv"
        with self.server.connect() as connection, connection.cursor() as cursor, file.open("wb") as copied:
            cursor.copy_expert(f"copy (select {names} from {SCHEMA}.{table}) to stdout (format csv)", copied)
        self.duckdb.execute(
            f"create or replace view there as from read_csv('{file}', header = false, auto_detect = false, "
            f"allow_quoted_nulls = false, columns = {types})"
        )
