"""Rescoring on Spark chooses the rows, and leaves the table, that DuckDB chooses and leaves."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest
from sklearn.linear_model import LogisticRegression

pytest.importorskip("pyspark", reason="needs the extra `spark`")
from project import DbtProject
from spark.cluster import environment
from spark.house import SparkHouse, quick, stop_session
from test_rescore import STATES, training

pytestmark = pytest.mark.foreign

COUNTS = ("rows_in", "rows_scored", "rows_rejected", "write_mode", *STATES)
START = (
    "select i as id, i % 10 / 1.0e0 as a, i % 7 / 1.0e0 as b, (i % 4)::integer as part, "
    "timestamp '2024-01-01' + to_seconds(i) as updated_at from range(60) as t(i)"
)
BY_PARTITION = "partition_by='part', incremental_strategy='insert_overwrite'"
# name: ML model, arguments, and how the table is kept on Spark
TABLES: dict[str, tuple[str, dict[str, Any], str]] = {
    "by_change": ("toy", {"rescore": {"vanished": "flag"}}, ""),
    "by_stamp": ("toy", {"rescore": {"updated_at": "updated_at", "lookback": "1 second"}}, ""),
    "by_part": ("toy", {"rescore": {"rule": "changed", "vanished": "delete"}}, BY_PARTITION),
    "by_new": ("toy", {"rescore": {"rule": "new", "vanished": "flag"}}, BY_PARTITION),
    "ranked": ("order", {"rescore": "changed", "group": "part"}, ""),
}
# what happens to the features, run by run; each is built upon the one before
STEPS = {
    "a first run": "select * from rows",
    "changed, added, gone": (
        "select * replace (if(id in (3, 17), a + 1, a) as a, "
        "if(id = 17, updated_at + interval 1 day, updated_at) as updated_at) from rows "
        "where id not in (5, 6, 59) union all by name "
        "select 100 as id, 1.5 as a, 2.5 as b, 9 as part, timestamp '2024-01-01 00:05' as updated_at"
    ),
    "one moves to another partition, the last of one goes, one that was gone comes back": (
        "select * replace (if(id = 8, 3, part) as part) from rows where id <> 100 "
        f"union all select * from ({START}) where id = 6"
    ),
}


@dataclass
class Pair:
    """The same project on DuckDB and on Spark, over the same Parquet file."""

    duckdb: DbtProject
    spark: SparkHouse
    features: Path

    def register(self, seed: int) -> None:
        frame, labels = training(seed)
        model = LogisticRegression().fit(frame, labels)
        self.duckdb.register(model, "toy", frame, labels, task="classification")
        self.duckdb.register(model, "order", frame, labels, task="ranking")
        for part in ("seeds", "artifacts"):
            shutil.copytree(self.duckdb.folder / part, self.spark.folder / part, dirs_exist_ok=True)

    def step(self, sql: str) -> None:
        with duckdb.connect() as connection:
            if self.features.exists():
                connection.execute(f"create table rows as select * from '{self.features}'")
            else:
                connection.execute(f"create table rows as {START}")
            connection.execute(f"copy ({sql}) to '{self.features}' (format parquet)")

    def build(self, *arguments: str) -> None:
        self.duckdb.build().check()
        results = self.spark.build(*arguments)
        assert {status for status, _ in results.values()} <= {"success", "pass"}, results

    def compare(self, name: str) -> None:
        """The last run's counts, and the tables."""
        expected, found = self.duckdb.runs(name)[-1], self.spark.runs(name)[-1]
        assert {key: found[key] for key in COUNTS} == {key: expected[key] for key in COUNTS}, name
        columns = "score, id, part, row_status, model_version"
        columns += ", rank" if name == "ranked" else ""
        columns += ", is_vanished" if "flag" in str(TABLES[name]) else ""
        query = f"select {columns} from {{}} order by id"
        rows = self.duckdb.query(query.format(name))
        by_spark = self.spark.query(query.format(self.spark.table(name)))
        assert [row[1:] for row in by_spark] == [row[1:] for row in rows], name
        assert [row[0] for row in by_spark] == pytest.approx([row[0] for row in rows], abs=1e-12), name


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    os.environ.update(environment())
    folder = tmp_path_factory.mktemp("pair")
    on_spark = SparkHouse(folder / "spark", quick(folder / "spark"))
    made = Pair(DbtProject(folder / "duckdb"), on_spark, folder / "rows.parquet")
    made.register(0)
    made.duckdb.features(f"select * from '{made.features}'")
    made.spark.features(f"select * from parquet.`{made.features}`")
    for name, (ml_model, arguments, config) in TABLES.items():
        given = {"key": "id", "passthrough": ["part"], **arguments}
        made.duckdb.python_model(name, ml_model, **given)
        texts = [f"{key}={value!r}" for key, value in given.items() if key != "key"]
        made.spark.python_model(name, ml_model, ", ".join(texts), config)
    yield made
    stop_session()


def test_the_same_rows_are_scored(pair: Pair) -> None:
    for step, sql in STEPS.items():
        pair.step(sql)
        pair.build(*(["--exclude", "resource_type:seed"] if step != "a first run" else []))
        for name in TABLES:
            try:
                pair.compare(name)
            except AssertionError as error:
                error.add_note(f"after the step: {step}")
                raise
        assert not [name for name in pair.spark.tables() if "__scorehouse" in name]


def test_a_new_version_makes_all_stale(pair: Pair) -> None:
    pair.register(1)
    pair.build()
    for name in TABLES:
        pair.compare(name)
    assert pair.spark.runs("by_change")[-1]["rows_stale"] > 50
    assert pair.spark.runs("by_new")[-1]["rows_in"] == 0
