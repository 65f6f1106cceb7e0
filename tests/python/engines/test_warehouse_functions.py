"""A forest beyond a statement, as a Python function that dbt builds on a warehouse that an emulator plays."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

import forests
from emulated import KIND, EmulatedProject, emulator, made_project
from emulated_models import KEY, TABLE, same_as_the_estimator
from scorehouse import register

pytestmark = [
    pytest.mark.foreign,
    # BigQuery's emulator knows no function in Python
    pytest.mark.skipif(os.environ.get(KIND) != "snowflake", reason="run `./run test snowflake`"),
]
PREDICT = "scorehouse.predict('forest', ref('customers'), keep=['id', 'shop'])"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[EmulatedProject, Any]]:
    """A project with a table of each door, and the forest that scored it."""
    folder = tmp_path_factory.mktemp("functions")
    with emulator(os.environ[KIND], folder) as warehouse:
        project = made_project(folder / "shop", warehouse)
        settings = yaml.safe_load((project.folder / "dbt_project.yml").read_text())
        settings["vars"]["scorehouse_compiled_sql"] |= {"functions": True, "statement_bytes": 10_000}
        project.write("dbt_project.yml", yaml.safe_dump(settings))
        estimator, X = forests.forest(12, 30)
        facts: dict[str, Any] = {"task": "classification", "alias": "champion", "project_dir": project.folder}
        assert register(estimator, "forest", X, **facts).program["sql"]["functions"] == {warehouse.kind: 1}
        project.write("models/predicted.sql", f"{TABLE}select * from {{{{ {PREDICT} }}}} as rows_of")
        call = f"{{{{ scorehouse.scored('forest', {KEY}) }}}}"
        project.write("models/scored.sql", f"{call}\nselect * from {{{{ ref('customers') }}}}\n")
        project.dbt("build")
        yield project, estimator


@pytest.mark.parametrize("table", ["predicted", "scored"])
def test_equals_the_estimator(table: str, built: tuple[EmulatedProject, Any]) -> None:
    project, estimator = built
    same_as_the_estimator(project, table, estimator)


def test_another_text_is_refused(built: tuple[EmulatedProject, Any]) -> None:
    project, _ = built
    (file,) = (project.folder / "functions").glob("*.py")
    text = file.read_text()
    file.write_text(text.replace("BLOCK = 4096", "BLOCK = 2048"))
    for table in ("predicted", "scored"):
        said = project.dbt("run", "--select", table, code=1)
        assert f"the function {file.stem} is missing, or is not the one that was proven" in said
    file.write_text(text)
    project.dbt("run", "--select", "predicted", "scored")
