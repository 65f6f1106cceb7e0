"""A table on an emulator, for parity: it takes rows of a file, and answers selects."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import pyarrow.parquet as pq

from emulated import BigQuery, emulator
from project import Row

BIGQUERY_TYPES = {"double": "FLOAT64", "float": "FLOAT64", "int64": "INT64", "int32": "INT64"}
BIGQUERY_TYPES |= {"bool": "BOOL", "string": "STRING", "large_string": "STRING", "date32[day]": "DATE"}
BIGQUERY_TYPES |= {
    "timestamp[us]": "DATETIME",
    "timestamp[ms]": "DATETIME",
    "timestamp[us, tz=UTC]": "TIMESTAMP",
}


class ParityTable(Protocol):
    """A table of the warehouse that takes the rows of a Parquet file."""

    name: str

    def load(self, file: Path) -> None: ...

    def query(self, sql: str) -> list[Row]: ...


class OfSnowflake:
    """fakesnow in this process: its DuckDB reads the file itself."""

    name = "parity_rows"

    def __init__(self, connection: Any) -> None:
        self.connection = connection

    def load(self, file: Path) -> None:
        self.connection._duck_conn.execute(
            f"create or replace table shop.marts.{self.name} as select * from read_parquet('{file}')"
        )

    def query(self, sql: str) -> list[Row]:
        return list(self.connection.cursor().execute(sql).fetchall())


class OfBigQuery:
    """bqemulator: a load job, as of any client."""

    name = "marts.parity_rows"

    def __init__(self, warehouse: BigQuery) -> None:
        self.warehouse = warehouse
        self.client = warehouse.client()
        self.client.create_dataset("marts", exists_ok=True)

    def load(self, file: Path) -> None:
        from google.cloud import bigquery

        columns = pq.read_schema(file)
        schema = [bigquery.SchemaField(each.name, BIGQUERY_TYPES[str(each.type)]) for each in columns]
        name = f"shop.{self.name}"
        self.client.delete_table(name, not_found_ok=True)
        self.client.create_table(bigquery.Table(name, schema=schema))  # the emulator's load job does not
        parquet = bigquery.LoadJobConfig(source_format="PARQUET", write_disposition="WRITE_APPEND")
        with file.open("rb") as rows:
            self.client.load_table_from_file(rows, name, job_config=parquet).result(timeout=60)

    def query(self, sql: str) -> list[Row]:
        return self.warehouse.query(sql)


@contextmanager
def parity_table(kind: str, folder: Path) -> Iterator[ParityTable]:
    """The table, in a warehouse of its own."""
    if kind == "snowflake":
        import fakesnow
        from snowflake import connector

        with fakesnow.patch(), connector.connect(database="shop", schema="marts") as connection:
            yield OfSnowflake(connection)
        return
    with emulator(kind, folder) as warehouse:
        assert isinstance(warehouse, BigQuery)
        yield OfBigQuery(warehouse)
