"""A dbt project on a PostgreSQL server, in a schema of its own, with one prediction table: `scored`."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from dbt.cli.main import dbtRunner, dbtRunnerResult

from churn import classifier, training
from postgres.server import Server
from project import NAME, Row, install_package
from scorehouse import register
from scorehouse.registration.groups import grouped

ROWS = 500
FEATURES = """
select
    i as id, (i * 7 % 100)::double precision as amount, i % 9 as visits,
    case when i % 50 = 0 then 'ZZ' when i % 2 = 0 then 'free' else 'paid' end as plan, i % 5 as shop
from generate_series(0, 499) as numbers (i)
"""
KEY = "key='id', passthrough=['shop']"
ONE = ("--select", "features", "scored")


@dataclass
class OneTableProject:
    """The project, and what dbt and its schema say of it."""

    folder: Path
    server: Server
    schema: str

    def write(self, path: str, text: str) -> None:
        (self.folder / path).write_text(text)

    def features(self, sql: str = FEATURES) -> None:
        self.write("models/features.sql", f"{{{{ config(materialized='table') }}}}\n{sql}\n")

    def scored(self, arguments: str = KEY, config: str = "") -> None:
        head = f"{{{{ config({config}) }}}}\n" if config else ""
        call = f"{{{{ scorehouse.scored('churn', {arguments}) }}}}"
        self.write("models/scored.sql", f"{head}{call}\nselect * from {{{{ ref('features') }}}} -- all\n")

    def reset(self) -> OneTableProject:
        """The project as it was made, with nothing scored and nothing logged."""
        self.query("drop table if exists scored cascade; delete from scorehouse_run_log")
        (self.folder / "models/_scored.yml").unlink(missing_ok=True)
        self.features()
        self.scored()
        return self

    def build(self, *arguments: str) -> str:
        """Run `dbt build`; what went wrong, or nothing."""
        ended = self.dbt("build", *arguments)
        results = list(getattr(ended.result, "results", None) or [])
        bad = [f"{r.node.name}: {r.message}" for r in results if r.status not in ("success", "pass")]
        return str(ended.exception or "") + "\n".join(bad)

    def operation(self, macro: str, **arguments: Any) -> bool:
        """Whether `dbt run-operation` succeeded."""
        return bool(self.dbt("run-operation", macro, "--args", yaml.safe_dump(arguments)).success)

    def dbt(self, *arguments: str) -> dbtRunnerResult:
        """Run a dbt command, which may fail."""
        here = Path.cwd()
        places = ["--project-dir", str(self.folder), "--profiles-dir", str(self.folder)]
        try:
            return dbtRunner().invoke(["--quiet", *arguments, *places])
        finally:
            os.chdir(here)

    def query(self, sql: str) -> list[Row]:
        with self.server.connect() as connection, connection.cursor() as cursor:
            cursor.execute(f"set search_path = {self.schema}")
            cursor.execute(sql)
            return cursor.fetchall() if cursor.description else []

    def runs(self) -> list[Row]:
        return self.query(
            "select write_mode, rows_in, rescore_rule from scorehouse_run_log order by started_at"
        )


def built_project(server: Server, folder: Path, schema: str, **compiled_sql: Any) -> OneTableProject:
    """An ML model `churn`, registered for PostgreSQL too, and its table, built once.

    `compiled_sql` are more settings of compiled SQL.
    """
    (folder / "models").mkdir(parents=True)
    install_package(folder)
    output = {"type": "postgres", "host": "127.0.0.1", "port": server.port, "user": "postgres", "pass": "x"}
    output |= {"dbname": "postgres", "schema": schema, "threads": 2}
    document = {
        "name": NAME,
        "config-version": 2,
        "profile": NAME,
        "flags": {"send_anonymous_usage_stats": False},
        "vars": {"scorehouse_compiled_sql": {"dialects": ["duckdb", "postgres"], **compiled_sql}},
    }
    project = OneTableProject(folder, server, schema)
    project.write("dbt_project.yml", yaml.safe_dump(document))
    project.write("profiles.yml", yaml.safe_dump({NAME: {"target": "p", "outputs": {"p": output}}}))
    facts: dict[str, Any] = {"task": "classification", "alias": "champion", "project_dir": folder}
    register(classifier(), "churn", training(), **grouped(facts))
    project.features()
    project.scored()
    assert project.build() == ""
    return project
