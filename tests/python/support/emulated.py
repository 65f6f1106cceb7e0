"""A stranger's project on a warehouse that an emulator plays, and what the warehouse says of it."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import yaml
from dbt.cli.main import dbtRunner

import emulated_functions as functions
from churn import ROWS, classifier, training
from ports import LOOPBACK, free_port
from project import REPOSITORY, Row
from scorehouse import register
from scorehouse.registration.groups import grouped

KIND = "SCOREHOUSE_EMULATED"  # the warehouse, as `./run test NAME` says it
RAW = "customer_no,amount,visits,plan,shop\n" + "".join(
    f"{i},{i * 7 % 100 + 0.25},{i % 9},{'ZZ' if i % 50 == 0 else 'paid' if i % 2 else 'free'},{i % 5}\n"
    for i in range(ROWS)
)
CUSTOMERS = "select customer_no as id, amount, visits, plan, shop from {{ ref('crm_export') }}"
# 20 are gone and 20 are new; every fifth of the others spends more
LATER = """
select customer_no + 20 as id, {more} as amount, mod(customer_no + 20, 9) as visits,
    case
        when mod(customer_no + 20, 50) = 0 then 'ZZ' when mod(customer_no, 2) = 0 then 'free' else 'paid'
    end as plan,
    mod(customer_no + 20, 5) as shop
from {{{{ ref('crm_export') }}}}
"""


def later(more: bool = True) -> str:
    """The features some time later; with `more`, some of the old ones have changed."""
    same = "mod((customer_no + 20) * 7, 100) + 0.25e0"
    changed = f"{same} + case when mod(customer_no, 5) = 0 and customer_no < 480 then 1e0 else 0e0 end"
    return LATER.format(more=changed if more else same)


class Warehouse(Protocol):
    """An emulator that runs: its type, the output of a dbt profile that reaches it, and its answers."""

    kind: str

    @property
    def output(self) -> dict[str, Any]: ...

    def query(self, sql: str) -> list[Row]: ...


@dataclass(frozen=True)
class Snowflake:
    """fakesnow on a free port."""

    port: int
    kind: str = "snowflake"

    @property
    def output(self) -> dict[str, Any]:
        place = {"host": LOOPBACK, "port": self.port, "protocol": "http"}
        user = {"account": "fakesnow", "user": "fake", "password": "snow", "warehouse": "w", "role": "r"}
        return {**place, **user, "type": "snowflake", "database": "shop", "schema": "marts", "threads": 1}

    def query(self, sql: str) -> list[Row]:
        from snowflake import connector

        user = {
            "account": "fakesnow",
            "user": "fake",
            "password": "snow",
            "database": "shop",
            "schema": "marts",
        }
        place = {"host": LOOPBACK, "port": self.port, "protocol": "http"}
        with connector.connect(**user, **place) as connection:
            return list(connection.cursor().execute(sql).fetchall())


# fakesnow notes that a temporary table has no comment, in a database of its own: no MERGE would run in a
# transaction. What it cannot do is an internal error, which the connector would repeat without end.
SERVE = """
import time
import fakesnow
from fakesnow import info_schema
from fakesnow.cursor import FakeSnowflakeCursor
from snowflake.connector.errors import Error, ProgrammingError

noted, execute = info_schema.insert_table_comment_sql, FakeSnowflakeCursor._execute
info_schema.insert_table_comment_sql = lambda *table: noted(*table) if table[-1] else "select 1"

def _execute(self, *arguments, **options):
    try:
        return execute(self, *arguments, **options)
    except Error:
        raise
    except Exception as error:
        raise ProgrammingError(msg=str(error), errno=2003, sqlstate="42S02") from error

FakeSnowflakeCursor._execute = _execute
with fakesnow.server(port={}):
    time.sleep(3600)
"""


@dataclass(frozen=True)
class BigQuery:
    """bqemulator on a free port."""

    port: int
    kind: str = "bigquery"

    @property
    def output(self) -> dict[str, Any]:
        place = {
            "method": "oauth-secrets",
            "token": "dummy",
            "api_endpoint": f"http://{LOOPBACK}:{self.port}",
        }
        limits = {"job_execution_timeout_seconds": 500, "job_retries": 0}
        return {**place, **limits, "type": "bigquery", "project": "shop", "dataset": "marts", "threads": 1}

    def client(self) -> Any:
        from google.auth.credentials import AnonymousCredentials
        from google.cloud import bigquery

        place = {"api_endpoint": f"http://{LOOPBACK}:{self.port}"}
        return bigquery.Client(project="shop", credentials=AnonymousCredentials(), client_options=place)

    def query(self, sql: str) -> list[Row]:
        job = self.client().query(sql, retry=None, job_retry=None)
        return [tuple(row.values()) for row in job.result(timeout=60)]


# bqemulator parses a statement about thirty times over. To copy what was parsed takes a fifth of the time.
REMEMBER = """
import sys
import sqlglot
from bqemulator.cli import main

parse_one, parsed = sqlglot.parse_one, {{}}

def remembered(sql, read=None, **options):
    if options or not isinstance(sql, str):
        return parse_one(sql, read=read, **options)
    if (sql, read) not in parsed:
        if len(parsed) > 4:
            parsed.clear()
        parsed[sql, read] = parse_one(sql, read=read)
    return parsed[sql, read].copy()

sqlglot.parse_one = remembered
sys.argv = {}
main()
"""


def bigquery_command(port: int) -> list[str]:
    """Without TLS and in memory, as the emulator is by default."""
    ports = ["--rest-port", str(port), "--grpc-port", str(free_port())]
    command = ["bqemulator", "start", *ports, "--log-level", "error"]
    return [sys.executable, "-c", REMEMBER.format(command)]


def place_extensions(home: Path) -> None:
    """Put DuckDB's extensions, which the emulator loads, where DuckDB looks for them."""
    import duckdb

    ((platform,),) = duckdb.sql("pragma platform").fetchall()
    for name in ("icu", "json", "spatial"):
        found = importlib.util.find_spec(f"duckdb_extension_{name}")
        assert found and found.origin
        (package,) = Path(found.origin).parent.rglob(f"{name}.duckdb_extension")
        place = home / ".duckdb" / "extensions" / package.parent.name / platform
        place.mkdir(parents=True, exist_ok=True)
        (place / package.name).symlink_to(package)


@contextmanager
def emulator(kind: str, folder: Path) -> Iterator[Warehouse]:
    """The emulator in a process of its own, which ends with the block."""
    port = free_port()
    warehouse: Warehouse
    if kind == "snowflake":
        text = functions.IN_DUCKDB + functions.SNOWFLAKE + SERVE.format(port)
        warehouse, command = Snowflake(port), [sys.executable, "-c", text]
    else:
        warehouse, command = BigQuery(port), bigquery_command(port)
        place_extensions(folder)
    with (folder / "emulator.log").open("w") as log:
        home = {**os.environ, "HOME": str(folder)}
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, cwd=folder, env=home)
    try:
        for _ in range(300):
            if process.poll() is not None:
                break
            try:
                warehouse.query("select 1")
                break
            except Exception:
                time.sleep(0.1)
        yield warehouse
    finally:
        process.terminate()
        process.wait()


@dataclass(frozen=True)
class EmulatedProject:
    """The project in `folder`, whose ML model `leaving` scores the customers of a shop."""

    folder: Path
    warehouse: Warehouse

    def dbt(self, *arguments: str, code: int = 0) -> str:
        """Run a command; fails unless it exits with `code`. Returns what it said."""
        places = ["--project-dir", ".", "--profiles-dir", "."]
        quiet = ["--quiet", "--log-level-file", "none", "--no-use-colors", "--no-send-anonymous-usage-stats"]
        with contextlib.chdir(self.folder):
            ended = dbtRunner().invoke([*quiet, *arguments, *places])
        results = list(getattr(ended.result, "results", None) or [])
        bad = [f"{one.node.name}: {one.message}" for one in results if one.status in ("error", "fail")]
        told = "\n".join([*bad, str(ended.exception or "")])
        assert ended.success == (code == 0), told
        return told

    def write(self, path: str, text: str) -> None:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def query(self, sql: str) -> list[Row]:
        return self.warehouse.query(sql)

    def runs(self, table: str) -> list[Row]:
        """Status, write mode, rows and rule of each run of a prediction table, oldest first."""
        facts = "status, write_mode, rows_in, rescore_rule"
        return self.query(
            f"select {facts} from marts.scorehouse_run_log where node like '%.{table}' order by started_at"
        )

    def tables(self) -> list[str]:
        """The names of all tables of the schema."""
        views = {"snowflake": "information_schema.tables", "bigquery": "marts.INFORMATION_SCHEMA.TABLES"}
        return [row[0] for row in self.query(f"select table_name from {views[self.warehouse.kind]}")]

    def features(self, sql: str = CUSTOMERS, name: str = "customers") -> None:
        self.write(f"models/{name}.sql", f"{{{{ config(materialized='table') }}}}\n{sql}\n")

    def scored(self, name: str, arguments: str, config: str = "", ml_model: str = "leaving") -> None:
        head = f"{{{{ config({config}) }}}}\n" if config else ""
        call = f"{{{{ scorehouse.scored('{ml_model}', {arguments}) }}}}"
        self.write(f"models/{name}.sql", f"{head}{call}\nselect * from {{{{ ref('customers') }}}} -- all\n")


def made_project(folder: Path, warehouse: Warehouse) -> EmulatedProject:
    """The project as its author wrote it, with the package installed."""
    project = EmulatedProject(folder, warehouse)
    project.write("packages.yml", yaml.safe_dump({"packages": [{"local": str(REPOSITORY)}]}))
    document: dict[str, Any] = {"name": "corner_shop", "config-version": 2, "profile": "corner_shop"}
    document["vars"] = {"scorehouse_compiled_sql": {"dialects": ["duckdb", warehouse.kind]}}
    project.write("dbt_project.yml", yaml.safe_dump(document))
    profile = {"corner_shop": {"target": "dev", "outputs": {"dev": warehouse.output}}}
    project.write("profiles.yml", yaml.safe_dump(profile))
    project.write("seeds/crm_export.csv", RAW)
    facts: dict[str, Any] = {"task": "classification", "alias": "champion", "project_dir": folder}
    register(classifier(), "leaving", training(), **grouped(facts))
    project.features()
    project.dbt("deps")
    return project
