"""Spark, reached by Spark Connect: a server of this life, whose clock is that of the life."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from clock import clock_variables
from installation import PYTHON_SETTINGS
from warehouse import RAW, DuckDb
from world import Row

SUPPORT = Path(__file__).parents[1] / "python" / "support"
SERVER = "org.apache.spark.sql.connect.service.SparkConnectServer"
STARTS_WITHIN = 300  # seconds


class Spark:
    """A server of Spark Connect with tables of Parquet, and the source tables as views of files.

    Parquet takes no deletions, so a loader's statements run in a DuckDB file, whose tables are written anew.
    """

    name = "spark"
    quote = "`"

    def __init__(self, folder: Path, python: Path) -> None:
        sys.path.insert(0, str(SUPPORT))
        from ports import LOOPBACK, free_port

        self.folder = folder.parent / "spark"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.mirror = DuckDb(self.folder, python)
        self.files = 0
        self.url = f"sc://{LOOPBACK}:{(port := free_port())}"
        self._start(port, LOOPBACK, python)
        self.session = self._session()
        self.profile: dict[str, Any] = {
            "type": "scorehouse_spark",
            "threads": 1,
            "server_side_parameters": {"spark.remote": self.url},
        }

    def _start(self, port: int, host: str, python: Path) -> None:
        import pyspark

        from spark.project import quick  # type: ignore[import-not-found]

        home = Path(pyspark.__file__).parent
        place = {"spark.connect.grpc.binding.port": str(port), "spark.connect.grpc.binding.address": host}
        flags = [part for pair in quick(self.folder, **place).items() for part in ("--conf", "=".join(pair))]
        command = [str(home / "bin" / "spark-class"), "org.apache.spark.deploy.SparkSubmit", *flags]
        spark = {"SPARK_HOME": str(home), "SPARK_LOCAL_IP": host, "PYSPARK_PYTHON": str(python)}
        # Python workers run what is installed, whatever the shell of the test points at
        shell = {name: value for name, value in os.environ.items() if name not in PYTHON_SETTINGS}
        with (self.folder / "server.log").open("wb") as log:
            self.server = subprocess.Popen(
                [*command, "--class", SERVER, "spark-internal"],
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                env={**shell, **clock_variables(self.folder.parent), **spark},
            )

    def _session(self) -> Any:
        from pyspark.sql.connect.session import SparkSession

        end = time.monotonic() + STARTS_WITHIN
        while "server started at" not in (log := (self.folder / "server.log").read_text(errors="replace")):
            if self.server.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"Spark Connect did not start: {log[-3000:]}")
            time.sleep(0.5)
        return SparkSession.builder.remote(self.url).getOrCreate()

    def execute(self, sql: str) -> None:
        if f"{RAW}." not in sql:
            self.session.sql(sql)
            if RAW not in sql:
                return
        self.mirror.execute(sql)
        for table in re.findall(rf"{RAW}\.(\w+)", sql):
            self._publish(table)
        if renamed := re.search(r"rename to (\w+)", sql):
            self._publish(renamed[1])

    def _publish(self, table: str) -> None:
        """Show a source table to Spark as it is now, if it is there."""
        if not self.mirror.has_table(RAW, table):
            self.session.sql(f"drop view if exists {RAW}.{table}")
            return
        self.files += 1
        file = self.folder / f"{table}_{self.files}.parquet"
        self.mirror.execute(f"copy {RAW}.{table} to '{file}'")
        self.session.sql(f"create or replace view {RAW}.{table} as select * from parquet.`{file}`")

    def rows(self, sql: str) -> list[Row]:
        for table in re.findall(r"(?:from|join) (\w+\.\w+)", sql):
            self.session.catalog.refreshTable(table)  # a session remembers the files that a table had
        return [row.asDict() for row in self.session.sql(sql.replace('"', "`")).collect()]

    def has_table(self, schema: str, name: str) -> bool:
        return bool(self.session.catalog.tableExists(f"{schema}.{name}"))

    def insert(self, table: str, columns: list[str], rows: list[tuple[Any, ...]]) -> None:
        self.mirror.insert(table, columns, rows)
        self._publish(table.removeprefix(f"{RAW}."))

    def close(self) -> None:
        with contextlib.suppress(Exception):  # what the server no longer answers
            self.session.stop()
        self.server.terminate()
        self.server.wait(60)
