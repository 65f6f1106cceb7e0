"""What tests run on, for JUnit results: docs/conformance.py writes it into the card of engines."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("duckdb", "pyspark", "fakesnow", "bqemulator", "chdb", "dbt-core", "dbt-duckdb", "dbt-postgres")
PACKAGES += ("dbt-snowflake", "dbt-bigquery", "dbt-spark", "sqlglot", "pyiceberg")
POSTGRES = "/usr/lib/postgresql"
DBT2 = "SCOREHOUSE_DBT2"


def versions() -> Iterator[tuple[str, str]]:
    """The name and version of each package and program that is installed."""
    for name in PACKAGES:
        try:
            yield name, version(name)
        except PackageNotFoundError:
            continue
    if servers := sorted(Path(POSTGRES).glob("*/bin/postgres")):
        yield "postgres", said_by(str(servers[-1]))
    if program := os.environ.get(DBT2):
        yield "dbt2", said_by(program)
        library = Path(program).parents[1] / "package" / "package.json"  # as tools/dbt2.sh unpacks it
        yield "duckdb-library", json.loads(library.read_text())["version"]


def said_by(program: str) -> str:
    """The version that a program says when asked."""
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"\d+\.\d[\w.+-]*", said)
    return found[0] if found else said.strip()
