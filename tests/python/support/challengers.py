"""A toy project that a champion and a challenger score side by side, and its labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from project import DbtProject
from rescoring import execute, register_version

BOTH = ["champion", "challenger"]


def make_project(
    folder: Path, rows: int = 400, *, door: str = "python_model", **arguments: Any
) -> DbtProject:
    """Version 1 is the champion; version 2, fitted on noisier labels, is the challenger."""
    project = DbtProject(folder)
    register_version(project, 0)
    register_version(project, 3, alias="challenger")
    project.features("select * from raw_rows")
    getattr(project, door)(
        "scores", "toy", **{"key": "id", "alias": BOTH, "passthrough": ["part"], **arguments}
    )
    execute(
        project,
        "create table raw_rows as select i as id, random() * 10 as a, random() * 10 as b, i % 2 as part "
        f"from range({rows}) as t(i)",
        "update raw_rows set a = null where id = 0",
    )
    project.build().check()
    return project


def labelled(project: DbtProject) -> None:
    execute(
        project,
        "create table raw_labels as select id, (a + sin(id * 7) * 2 > 5)::integer as happened from raw_rows",
        "update raw_labels set happened = null where id in (4, 5)",
    )
    project.write("models/labels.sql", "select * from raw_labels where id <> 3")
