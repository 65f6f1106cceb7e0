"""A dbt project whose tables are given as SQL, and whose references are made as at registration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import yaml

from project import REPOSITORY, Build, DbtProject
from scorehouse.registration.reference import reference_rows, repeat_rows, with_pairs
from scorehouse.registration.training_windows import training_windows
from scorehouse.registry.seed_columns import REFERENCE

DATA = REPOSITORY / "data"
REFERENCE_TYPES = """
    version integer, part varchar, name varchar, kind varchar, bin integer, lower double, upper double,
    category varchar, row_count bigint
"""
Row = tuple[Any, ...]
HEAD = (
    "'m' as model_name, 1 as model_version, timestamp '1950-01-01' as scored_at, 'r' as scoring_run_id, "
    "'scored' as row_status"
)


class MonitoredWarehouse:
    """Tables of the schema `raw` are sources, by their name; models are written as text."""

    def __init__(self, folder: Path) -> None:
        self.project = DbtProject(folder)
        self.tables: list[str] = []
        with duckdb.connect(self.project.database) as connection:
            connection.sql("create schema raw")

    def table(self, name: str, sql: str, **frames: Any) -> None:
        """A source table; `{data}` in the query is the folder of the examples' inputs."""
        with duckdb.connect(self.project.database) as connection:
            for key, frame in frames.items():
                connection.register(key, frame)
            connection.sql(f"create or replace table raw.{name} as {sql.format(data=DATA)}")
        if name not in self.tables:
            self.tables.append(name)

    def reference(
        self,
        name: str,
        parts: Mapping[tuple[int, str], str],
        paired: Sequence[str] = (),
        repeats: bool = False,
        **windows: str,
    ) -> None:
        """A reference table: query by version and part; `time` or `cluster` is a query with one column.

        `paired` are the features whose pairs it has; with `repeats`, it knows how many rows repeat another.
        """
        rows: list[dict[str, str]] = []
        with duckdb.connect(self.project.database) as connection:
            for (version, part), sql in parts.items():
                table = connection.sql(sql.format(data=DATA)).to_arrow_table().combine_chunks()
                keys = {key: connection.sql(query).df().iloc[:, 0] for key, query in windows.items()}
                given = [keys.get(key) for key in ("time", "cluster")]
                batch = table.to_batches()[0]
                found = training_windows(None, batch, *given, name)
                own = reference_rows(version, part, batch, found)
                own += repeat_rows(version, batch) if repeats else []
                rows += with_pairs(own, batch, dict.fromkeys(paired, 1.0), found.windows)
            connection.sql(f"create or replace table raw.{name} ({REFERENCE_TYPES})")
            values = [tuple(row[column] or None for column in REFERENCE) for row in rows]
            connection.executemany(f"insert into raw.{name} values ({', '.join('?' * 9)})", values)
        if name not in self.tables:
            self.tables.append(name)

    def model(self, name: str, sql: str, materialized: str = "table", **config: Any) -> None:
        given = ", ".join(
            f"{key}={value!r}" for key, value in {"materialized": materialized, **config}.items()
        )
        self.project.write(f"models/{name}.sql", f"{{{{ config({given}) }}}}\n{sql}\n")

    def performance(self, name: str, frame: pd.DataFrame, given: str = "") -> None:
        """Predictions of one version with labels `y`, and the table `<name>_performance`, by `day`.

        `given` are further arguments of the macro, after a comma.
        """
        frame["id"] = np.arange(len(frame))
        self.table(name, f"select * exclude (y), {HEAD} from frame", frame=frame)
        self.table(f"{name}_labels", "select id, y from frame", frame=frame)
        self.model(
            f"{name}_performance",
            f"{{{{ scorehouse.performance(source('raw', '{name}'), source('raw', '{name}_labels'), key='id', "
            f"label='y', day='day'{given}) }}}}",
        )

    def tests(self, document: Any) -> None:
        """Tests of models, as the text or the value of a YAML file."""
        self.project.write(
            "models/_tests.yml", document if isinstance(document, str) else yaml.safe_dump(document)
        )

    def build(self, *arguments: str) -> Build:
        tables = [{"name": name} for name in self.tables]
        sources = {"version": 2, "sources": [{"name": "raw", "schema": "raw", "tables": tables}]}
        self.project.write("models/_raw.yml", yaml.safe_dump(sources))
        return self.project.build(*arguments)

    def query(self, sql: str) -> list[Row]:
        return self.project.query(sql)

    def drift(self, table: str, where: str = "true") -> dict[tuple[str, str], float]:
        """Values of a drift table by feature and metric."""
        rows = self.query(f"select feature, metric, value from {table} where {where}")
        return {(feature, metric): value for feature, metric, value in rows}


def intervals(
    warehouse: MonitoredWarehouse, name: str, month: int, segment: str = "all"
) -> dict[str, tuple[float | None, float | None]]:
    """Intervals by metric of one month's cohort in the table `<name>_performance`."""
    found = warehouse.query(
        f"select metric, value_low, value_high from {name}_performance "
        f"where segment = '{segment}' and month(window_start) = {month}"
    )
    return {metric: (low, high) for metric, low, high in found}


def values(
    warehouse: MonitoredWarehouse, name: str, month: int, segment: str = "all"
) -> dict[str, float | None]:
    """Values by metric of one month's cohort in the table `<name>_performance`."""
    return dict(
        warehouse.query(
            f"select metric, value from {name}_performance "
            f"where segment = '{segment}' and month(window_start) = {month}"
        )
    )
