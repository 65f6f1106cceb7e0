"""The examples of this project built on PostgreSQL, and their tables held against DuckDB's."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import duckdb

from postgres_house import SCHEMA, build
from project import REPOSITORY, Row
from test_postgres_parity import Server


def build_examples(server: Server, folder: Path) -> dict[str, str]:
    """Load the sources and build this repository, as a user does; status by node."""
    command = [sys.executable, str(REPOSITORY / "examples" / "load_sources.py")]
    environment = {**os.environ, "SCOREHOUSE_POSTGRES_PORT": str(server.port)}
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL, timeout=300)
    written = ["--target-path", str(folder / "target"), "--log-path", str(folder / "logs")]
    return build(REPOSITORY, server, *written, schema=SCHEMA)


class Both:
    """A table of the examples on both databases: `here` on DuckDB, `there` a copy of PostgreSQL's."""

    def __init__(self, server: Server, examples: Path, folder: Path) -> None:
        self.server, self.folder = server, folder
        self.duckdb = duckdb.connect()
        self.duckdb.execute(f"attach '{examples}' as examples (read_only)")

    def read(self, table: str) -> None:
        """Views `here` and `there` of one table, in the columns and types that it has on DuckDB."""
        self.duckdb.execute(f"create or replace view here as select * from examples.main.{table}")
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

    def query(self, sql: str) -> list[Row]:
        return self.duckdb.sql(sql).fetchall()

    def differing_rows(self, columns: str = "*") -> tuple[int, int]:
        """How many rows DuckDB has that PostgreSQL has not, and the other way round; NULL equals NULL."""
        one_way = "select count(*) from (select {0} from {1} except all select {0} from {2})"
        sides = (("here", "there"), ("there", "here"))
        counted = [self.query(one_way.format(columns, *side))[0][0] for side in sides]
        return counted[0], counted[1]

    def unequal_doubles(self, columns: list[str], key: list[str], relative: float) -> Row:
        """Rows on one side alone, then rows whose doubles differ in NULL or by more than `relative`."""
        equal = " and ".join(
            f"(here.{c} is not distinct from there.{c} or "
            f"coalesce(abs(here.{c} - there.{c}) <= {relative} * abs(here.{c}), false))"
            for c in columns
        )
        return self.query(
            f"select count(*) filter (here.{key[0]} is null or there.{key[0]} is null), "
            f"count(*) filter (not ({equal})) from here full join there using ({', '.join(key)})"
        )[0]
