"""A toy project whose prediction table `scores` is scored again, run by run, and counted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

from project import DbtProject

COLUMNS = ["a", "b"]
STATES = ("rows_new", "rows_changed", "rows_stale", "rows_unchanged", "rows_vanished")


def training(seed: int) -> tuple[pd.DataFrame, pd.Series]:
    generator = np.random.default_rng(seed)
    frame = pd.DataFrame(generator.uniform(0, 10, (200, 2)), columns=COLUMNS)
    return frame, (frame["a"] + generator.normal(0, 1 + seed, 200) > 5).astype(int)


def register_version(project: DbtProject, seed: int, **facts: Any) -> Any:
    frame, labels = training(seed)
    model = LogisticRegression().fit(frame, labels)
    return project.register(model, "toy", frame, labels, task="classification", **facts)


def execute(project: DbtProject, *statements: str) -> None:
    with duckdb.connect(project.database) as connection:
        for statement in statements:
            connection.execute(statement)


def make_project(
    folder: Path, rows: int = 100, *, door: str = "python_model", **arguments: Any
) -> DbtProject:
    project = DbtProject(folder)
    register_version(project, 0)
    project.features("select * from raw_rows")
    getattr(project, door)("scores", "toy", **{"key": "id", **arguments})
    execute(
        project,
        "create table raw_rows as select i as id, i % 10 / 1.0e0 as a, i % 7 / 1.0e0 as b, i % 4 as part, "
        f"timestamp '2024-01-01' + to_seconds(i) as updated_at from range({rows}) as t(i)",
    )
    project.build().check()
    return project


def last_run(project: DbtProject) -> dict[str, Any]:
    return project.runs("scores")[-1]


def found(project: DbtProject) -> tuple[Any, ...]:
    run = last_run(project)
    return tuple(run[state] for state in STATES)


HISTORY = "create table raw_rows as select i as id, i % 10 / 1.0e0 as a, d as b, "


def make_history(folder: Path, *, door: str = "python_model", days: int = 4, **arguments: Any) -> DbtProject:
    """20 keys on each of some days from 2024-01-01."""
    project = DbtProject(folder)
    register_version(project, 0)
    project.features("select * from raw_rows")
    getattr(project, door)("scores", "toy", **{"key": "id", "as_of": "day", **arguments})
    execute(
        project,
        f"{HISTORY} (date '2024-01-01' + d::integer) as day from range(20) t(i), range({days}) u(d)",
    )
    return project
