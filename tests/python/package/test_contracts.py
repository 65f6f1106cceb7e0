"""What is written in more than one language says the same everywhere; dbt hands over what it handed over."""

from __future__ import annotations

import ast
import json
import re
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import yaml
from sklearn.linear_model import LogisticRegression

from project import REPOSITORY, DbtProject
from scorehouse.cli.scaffold import AUDIT as DESCRIBED
from scorehouse.engines.columns import AUDIT_COLUMNS
from scorehouse.scoring.request import Request, RunRecord

RENAMED = {"registry_files": "registries", "package_version": ""}  # read by Request, not kept
WRITTEN_BY_A_QUERY = {"finished_at"}  # PostgreSQL's own clock


def macro(name: str) -> str:
    """The text of the file that defines a macro."""
    for file in (REPOSITORY / "macros").rglob("*.sql"):
        text = file.read_text()
        if re.search(rf"{{%-? macro {name}\(", text):
            start = text.index(f" macro {name}(")
            return text[start : text.index("endmacro", start)]
    raise AssertionError(f"no macro {name}")


def logged_row() -> dict[str, Any]:
    asked = Request("run", "dbt run", "node", "table", "log", Path("."), None)  # type: ignore[arg-type]
    return RunRecord(asked).to_row()


def test_the_run_log_has_the_columns_that_the_runtime_writes() -> None:
    made = re.findall(r"^        '(\w+)': ", macro("_run_log_columns"), flags=re.MULTILINE)
    assert made == list(logged_row())


def test_postgres_writes_columns_that_the_run_log_has() -> None:
    written = re.findall(r"^        '(\w+)': ", macro("_warehouse_log_values"), flags=re.MULTILINE)
    known = logged_row()
    assert set(written) | WRITTEN_BY_A_QUERY <= set(known)
    said = {name for name, value in known.items() if value is not None}  # by every run, on any engine
    asked = {"run_id", "status", "node", "engine", "rows_in", "rows_scored", "started_at"}
    assert asked <= said & set(written)


def test_the_view_of_runs_describes_each_column() -> None:
    files = (REPOSITORY / "models" / "installed").rglob("*.yml")
    models = [model for file in files for model in yaml.safe_load(file.read_text()).get("models", [])]
    (view,) = [model for model in models if model["name"] == "scorehouse_runs"]
    described = {column["name"] for column in view["columns"]}
    assert set(logged_row()) - {"run_id"} <= described  # which the view calls scoring_run_id
    (sql,) = (REPOSITORY / "models" / "installed").rglob("scorehouse_runs.sql")
    assert "for name in scorehouse._run_log_columns()" in sql.read_text()
    written = set(re.findall(r" as (\w+),?$", sql.read_text().partition("final as (")[2], re.MULTILINE))
    assert described == set(logged_row()) - {"run_id"} | written


def test_the_request_has_the_fields_that_python_reads() -> None:
    written = re.findall(r"^        '(\w+)': ", macro("_scoring_request"), flags=re.MULTILINE)
    read = {field.name for field in fields(Request)}
    assert {RENAMED.get(name, name) for name in written} - {""} == read


def test_postgres_writes_the_columns_of_every_prediction_table() -> None:
    rows = macro("_warehouse_rows_sql")
    named = {name for name in AUDIT_COLUMNS if re.search(rf"(?m)(\bas |^ *){name}\b", rows)}
    assert {*AUDIT_COLUMNS} - named == {"row_status"}  # which the compiled SQL itself makes


def test_scaffolds_describe_the_columns_of_every_prediction_table() -> None:
    assert {*AUDIT_COLUMNS, "reject_reason"} <= set(DESCRIBED)


def test_dbt_hands_the_request_to_a_python_model(tmp_path: Path) -> None:
    """dbt's own part of the compiled text, with the dbt that is installed: a release may change it."""
    project = DbtProject(tmp_path / "p")
    frame = pd.DataFrame({"a": np.arange(40.0)})
    labels = (frame["a"] > 19).astype(int)
    model = LogisticRegression().fit(frame, labels)
    project.register(model, "toy", frame, labels, task="classification")
    project.features("select 1 as id, 1.0 as a")
    project.python_model("scores", "toy", config="materialized='predictions'", key="id")
    project.dbt("compile", "--select", "scores").check()
    (compiled,) = (project.folder / "target" / "compiled").rglob("scores.py")
    text = compiled.read_text()
    names = {node.name for node in ast.parse(text).body if isinstance(node, ast.ClassDef)}
    assert {"config", "dbtObj"} <= names, f"dbt generates other classes now: {sorted(names)}"
    asked = json.dumps({"node": "scores"})
    handed: dict[str, Any] = {}
    exec(f"{text}\n\nconfig.scorehouse_request = {asked!r}\n", handed)
    dbt = handed["dbtObj"](lambda name: SimpleNamespace(name=name))
    assert dbt.config.scorehouse_request == asked
    assert dbt.ref("features").name.replace('"', "").endswith("main.features")
