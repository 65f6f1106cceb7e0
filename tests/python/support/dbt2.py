"""A stranger's project for dbt's second engine: its folder, its files, and what its commands say."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import yaml

from churn import classifier, training
from project import PRINTED, REPOSITORY, Row
from scorehouse import register
from scorehouse.registration.groups import grouped

PROGRAM = "SCOREHOUSE_DBT2"  # the program, which `./run test dbt2` installs
DATABASE = "shop.duckdb"
RUNS = "select status, write_mode, rows_in, rescore_rule from scorehouse_run_log where node like '%.{}' "


@dataclass(frozen=True)
class Dbt2Project:
    """The project in `folder`, with a DuckDB file of its own."""

    folder: Path

    def dbt(self, *arguments: str, code: int = 0) -> str:
        """Run a command; fails unless it exits with `code`. Returns what it said."""
        places = {"DBT_PROJECT_DIR": ".", "DBT_PROFILES_DIR": "."}
        ended = subprocess.run(
            [os.environ[PROGRAM], *arguments],
            cwd=self.folder,
            env={**os.environ, **places, "NO_COLOR": "1", "DBT_SEND_ANONYMOUS_USAGE_STATS": "false"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert ended.returncode == code, ended.stdout
        return ended.stdout

    def write(self, path: str, text: str) -> None:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def query(self, sql: str) -> list[Row]:
        with duckdb.connect(str(self.folder / DATABASE), read_only=True) as connection:
            return connection.sql(sql).fetchall()

    def runs(self, table: str) -> list[Row]:
        """Status, write mode, rows and rule of each run of a prediction table, oldest first."""
        return self.query(RUNS.format(table) + "order by started_at")

    def features(self, sql: str, name: str = "customers") -> None:
        self.write(f"models/{name}.sql", f"{{{{ config(materialized='table') }}}}\n{sql}\n")

    def scored(self, name: str, arguments: str, config: str = "", ml_model: str = "leaving") -> None:
        head = f"{{{{ config({config}) }}}}\n" if config else ""
        call = f"{{{{ scorehouse.scored('{ml_model}', {arguments}) }}}}"
        self.write(f"models/{name}.sql", f"{head}{call}\nselect * from {{{{ ref('customers') }}}} -- all\n")


def made_project(folder: Path, features: str) -> Dbt2Project:
    """The project with its ML model `leaving`, as its author wrote it, and the package installed."""
    project = Dbt2Project(folder)
    project.write("packages.yml", yaml.safe_dump({"packages": [{"local": str(REPOSITORY)}]}))
    document: dict[str, Any] = {"name": "corner_shop", "config-version": 2, "profile": "corner_shop"}
    document["vars"] = PRINTED
    project.write("dbt_project.yml", yaml.safe_dump(document))
    output = {"type": "duckdb", "path": DATABASE, "threads": 1}
    profile = {"corner_shop": {"target": "dev", "outputs": {"dev": output}}}
    project.write("profiles.yml", yaml.safe_dump(profile))
    facts: dict[str, Any] = {"task": "classification", "alias": "champion", "project_dir": folder}
    register(classifier(), "leaving", training(), **grouped(facts))
    project.features(features)
    project.dbt("deps")
    return project


def warnings(said: str) -> list[str]:
    """The lines of a command's output in which dbt warns."""
    return [line for line in said.splitlines() if re.search(r"\[warning\]|deprecat", line, re.IGNORECASE)]
