"""Scoring runs of the engine `duckdb` in this process and in memory, without dbt."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
from sklearn.linear_model import LinearRegression

from project import REPOSITORY, Row
from scorehouse import register
from scorehouse.engines.choose import engine_of
from scorehouse.engines.duckdb.sql import column_list, same
from scorehouse.engines.duckdb.staging import described
from scorehouse.engines.run import Run
from scorehouse.registration.groups import grouped
from scorehouse.registry.policy import LoadPolicy
from scorehouse.registry.registry_file import RegistryFile
from scorehouse.scoring.request import Request

CALL = "score()"
RUN_LOG = REPOSITORY / "macros/run_log/_run_log_columns.sql"
STATES = ("rows_new", "rows_changed", "rows_stale", "rows_unchanged", "rows_vanished")


def register_toys(folder: Path) -> Path:
    """The ML model `toy` predicts `10 * a + b`, as challenger `100 * a + b`; `best` ranks like the first."""
    (folder / "dbt_project.yml").write_text("name: house\n")
    X = pd.DataFrame({"a": np.arange(101) / 10, "b": np.arange(101) % 11.0})
    facts = {"project_dir": folder, "task": "regression"}
    for slope, alias in ((10, "champion"), (100, "challenger")):
        y = slope * X["a"] + X["b"]
        register(LinearRegression().fit(X, y), "toy", X, y, **grouped({"alias": alias}), **facts)
    ranked = LinearRegression().fit(X, 10 * X["a"] + X["b"])
    register(ranked, "best", X, **grouped({"alias": "champion"}), **(facts | {"task": "ranking"}))
    return folder


class Runs:
    """The table `rows` (id, a, b) is scored into the table `scores` of a database in memory."""

    def __init__(self, folder: Path, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection = connection
        seeds = {name: folder / f"seeds/ml/{name}/ml_{name}.csv" for name in ("toy", "best")}
        for name, file in seeds.items():
            self.execute(f"create table ml_{name} as from read_csv('{file}', all_varchar = true)")
        kinds = re.findall(r"'(\w+)': (?:\w+\.)?_?(?:type_)?(\w+)", RUN_LOG.read_text())
        columns = (f"{name} {kind.replace('number', 'double')}" for name, kind in kinds)
        self.execute(f"create table runs ({', '.join(columns)})")
        self.execute("create table rows as select i as id, i * 1.0e0 as a, 0.0e0 as b from range(1, 7) t(i)")
        registries = tuple(
            RegistryFile(name, f"memory.main.ml_{name}", (file,)) for name, file in seeds.items()
        )
        self.request = Request(
            *(
                "",
                "call",
                "model.house.scores",
                "memory.main.scores",
                "memory.main.runs",
                folder,
                LoadPolicy(),
            ),
            staging="memory.main.staging",
            vanished="memory.main.gone",
            registries=registries,
        )

    def execute(self, *statements: str) -> None:
        for statement in statements:
            self.connection.execute(statement).fetchall()

    def query(self, sql: str) -> list[Row]:
        return self.connection.execute(sql).fetchall()

    @property
    def exists(self) -> bool:
        return bool(self.query("select 1 from duckdb_tables() where table_name = 'scores'"))

    def made(self) -> str:
        """The SQL that makes the prediction table."""
        return str(self.query("select sql from duckdb_tables() where table_name = 'scores'")[0][0])

    def settled(
        self,
        features: Any = "select * from rows",
        model: Any = "toy",
        given: Mapping[str, Any] | None = None,
        **arguments: Any,
    ) -> Run:
        """A prepared run of an ML model, or of what is given for one; `given` changes its request."""
        asked = replace(self.request, run_id=str(uuid.uuid4()), exists=self.exists, **(given or {}))
        engine = engine_of(self.connection, asked, CALL)
        registry = f"memory.main.ml_{model}" if isinstance(model, str) else model
        return Run.settled(engine, features, registry, {"key": "id", **arguments})

    def score(self, *arguments: Any, **named: Any) -> list[dict[str, Any]]:
        """One run, swapped in or merged as the materialization does; its rows of the run log, live first."""
        self.connection.begin()
        try:
            run = self.settled(*arguments, **named)
            run.write({})
            self._put(run)
            self.connection.commit()
        except Exception:
            self.connection.rollback()
            raise
        return self.log()[-len(run.scan.records) :]

    def _put(self, run: Run) -> None:
        if run.scan.record.write_mode == "replace":
            self.execute("drop table if exists scores", "alter table staging rename to scores")
            return
        key, vanished = run.scan.options.table_key, run.scan.options.rescore.vanished
        self.execute(f"delete from scores using staging where {same('scores', 'staging', key)}")
        there = described(self.connection, "from scores")
        names = column_list(name for name in described(self.connection, "from staging") if name in there)
        self.execute(f"insert into scores ({names}) select {names} from staging", "drop table staging")
        if vanished == "delete":
            self.execute(f"delete from scores using gone where {same('scores', 'gone', key)}")
        elif vanished == "flag":
            self.execute(
                f"update scores set is_vanished = true from gone where {same('scores', 'gone', key)}"
            )

    def log(self) -> list[dict[str, Any]]:
        """The run log, oldest first."""
        rows = self.connection.sql("from runs order by started_at, is_live desc")
        return [dict(zip(rows.columns, row, strict=True)) for row in rows.fetchall()]

    def scores(self, *columns: str) -> list[Row]:
        """The prediction table, by its first columns."""
        asked = ", ".join(columns or ("id", "prediction"))
        rows = self.query(f"select {asked} from scores order by all")
        return [tuple(round(each, 6) if isinstance(each, float) else each for each in row) for row in rows]


def counts(run: Mapping[str, Any], *columns: str) -> tuple[Any, ...]:
    """What a run found and did, of a row of the run log."""
    return tuple(run[column] for column in (columns or STATES))


def by_ten(ids: Sequence[int]) -> list[tuple[int, float]]:
    return [(each, 10.0 * each) for each in ids]
