"""One project on DuckDB and on Spark, over one Parquet file of features; tables and run logs compared."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import pytest
from sklearn.linear_model import LogisticRegression

from project import DbtProject
from rescoring import STATES, training
from spark.project import SparkProject

COUNTS = ("rows_in", "rows_scored", "rows_rejected", "rows_left", "write_mode", *STATES)
FACTS = ("is_live", "key_columns", "reject_reasons", "decision_policy", "slice_from", "model_digest")
OWN = ("feature_hash", "scoring_run_id", "scored_at")  # each engine has its own


@dataclass
class Pair:
    """Tables are named with their ML model, the arguments of `score`, and the config on Spark."""

    duckdb: DbtProject
    spark: SparkProject
    features: Path
    tables: dict[str, tuple[str, dict[str, Any], str]] = field(default_factory=dict)

    @classmethod
    def of(cls, folder: Path, settings: dict[str, str]) -> Pair:
        made = cls(
            DbtProject(folder / "duckdb"), SparkProject(folder / "spark", settings), folder / "rows.parquet"
        )
        made.duckdb.features(f"select * from '{made.features}'")
        made.spark.features(f"select * from parquet.`{made.features}`")
        return made

    def add(self, name: str, ml_model: str, arguments: dict[str, Any], config: str = "") -> None:
        self.tables[name] = (ml_model, arguments, config)
        given = {"key": "id", "passthrough": ["part"], **arguments}
        self.duckdb.python_model(name, ml_model, **given)
        texts = [f"{key}={value!r}" for key, value in given.items() if key != "key"]
        self.spark.python_model(name, ml_model, ", ".join(texts), config)

    def register(self, seed: int, columns: tuple[str, ...] = ("a", "b"), **facts: Any) -> None:
        """A version each of a classifier `toy` and of a ranking `order`, of some of the features."""
        frame, labels = training(seed)
        frame = frame[list(columns)]
        model = LogisticRegression().fit(frame, labels)
        self.duckdb.register(model, "toy", frame, labels, task="classification", **facts)
        self.duckdb.register(model, "order", frame, labels, task="ranking", **facts)
        for part in ("seeds", "artifacts"):
            shutil.copytree(self.duckdb.folder / part, self.spark.folder / part, dirs_exist_ok=True)

    def step(self, start: str, sql: str) -> None:
        """Make the features by a select from `rows`: `start` the first time, later what they were."""
        with duckdb.connect() as connection:
            source = f"select * from '{self.features}'" if self.features.exists() else start
            connection.execute(f"create table rows as {source}")
            connection.execute(f"copy ({sql}) to '{self.features}' (format parquet)")

    def build(self, *arguments: str) -> None:
        """dbt build on both; every node has to succeed."""
        self.duckdb.build(*arguments).check()
        results = self.spark.build(*arguments)
        assert {status for status, _ in results.values()} <= {"success", "pass"}, results

    def compare(self, name: str) -> None:
        """Every run in the log, then every cell that does not name an engine's own run or hash."""
        assert self._runs(self.spark.runs(name)) == self._runs(self.duckdb.runs(name)), name
        there = self.spark.table(name)
        types = self.duckdb.columns(name)
        on_spark = {row[0] for row in self.spark.query(f"describe select * from {there}")}
        assert on_spark == set(types), name
        doubles = [column for column, kind in types.items() if kind == "DOUBLE"]
        exact = [f'"{column}"' for column in types if column not in (*doubles, *OWN)]
        order = ", ".join(self.key(name))
        # which of the runs made a row
        query = (
            f"select {', '.join(exact)}, dense_rank() over (order by scored_at) from {{}} order by {order}"
        )
        rows = self.duckdb.query(query.format(name))
        assert self.spark.query(query.format(there)) == rows, name
        scores = f"select {', '.join(doubles)} from {{}} order by {order}"
        expected = self.duckdb.query(scores.format(name))
        for found, wanted in zip(self.spark.query(scores.format(there)), expected, strict=True):
            assert found == pytest.approx(wanted, abs=1e-12), name

    def follow(self, start: str, steps: dict[str, str], *later: str) -> None:
        """Take each step by its select, build (but for the first with the arguments `later`), and compare."""
        for number, (step, sql) in enumerate(steps.items()):
            self.step(start, sql)
            self.build(*(later if number else ()))
            self.compare_all(step)

    def compare_all(self, step: str) -> None:
        """Every table; and nothing of a run is left over."""
        for name in self.tables:
            try:
                self.compare(name)
            except AssertionError as error:
                error.add_note(f"after the step: {step}")
                raise
        assert not [name for name in self.spark.tables() if "__scorehouse" in name]

    def key(self, name: str) -> list[str]:
        """Columns that identify a row of a table."""
        arguments = self.tables[name][1]
        as_of = arguments.get("as_of")
        dated = [] if as_of is None else [as_of if as_of.isidentifier() else "as_of"]
        several = isinstance(arguments.get("alias"), list) and arguments.get("layout") != "wide"
        return ["id", *dated, *(["model_alias"] if several else [])]

    @staticmethod
    def _runs(runs: list[dict[str, Any]]) -> list[Any]:
        ordered = sorted(runs, key=lambda run: (run["started_at"], run["alias_asked"]))
        return [tuple(run[name] for name in ("alias_asked", *COUNTS, *FACTS)) for run in ordered]
