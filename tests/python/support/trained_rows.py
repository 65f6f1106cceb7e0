"""A champion, settings, and rows to train on that are written as a retraining does."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb

from scorehouse.registry.version import Version
from scorehouse.retraining.rows import Rows, TrainingTable
from scorehouse.retraining.settings import Settings

PARENT = Version(
    name="loyal", version=1, aliases=("champion",), task="classification", artifact_format="joblib"
)
CHOSEN = Settings(training="visits", function="own:train", label="y", time="day", min_rows=20)


def written(tmp_path: Path, sql: str, *, labels: Sequence[str] = ("y",), **changed: Any) -> Rows:
    with duckdb.connect() as connection:
        connection.execute(f"create table visits as {sql}")
        settings = dataclasses.replace(CHOSEN, **changed)
        table = TrainingTable(connection, "visits", settings, labels, PARENT, "retrain loyal")
        return table.written(("a", "b"), tmp_path / "rows.parquet")
