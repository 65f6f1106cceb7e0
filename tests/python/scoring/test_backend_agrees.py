"""A program is compared with its estimator on rows of today: agreeing, differing, not comparable."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from click.testing import CliRunner
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from project import DbtProject
from scorehouse.cli.main import main
from scorehouse.kernel.scorer import Kernel
from scorehouse.kernel.tasks import PLACE
from scorehouse.program import store
from scorehouse.program.native.stored import StoredTrees
from scorehouse.program.proof import EXPECTED, kernel_rows
from scorehouse.program.sql.compiled import sql_head, sql_of
from scorehouse.program.sql.in_duckdb import duckdb_rows
from scorehouse.registry.artifact import PROGRAM_FILE, PROOF_FILE
from scorehouse.registry.seeds import ModelSeeds
from scorehouse.registry.signature import Signature
from scorehouse.registry.storage import sha256
from scorehouse.registry.version import Version
from visits_frame import FRAME, LABEL

pytestmark = pytest.mark.slow
BACKENDS = {"linear": "sql", "trees": "native", "network": "matrix"}
CHECK = """
from scorehouse import backend_sample


def model(dbt, session):
    dbt.config(materialized="table")
    scored = {{"predictions": dbt.ref("{scores}"), "model": dbt.ref("ml_{model}")}}
    return backend_sample(dbt, session, **scored, rows=300)
"""
TEST = """
models:
  - name: {name}
    data_tests:
      - scorehouse.backend_agrees:
          name: {name}_agrees
          arguments: {{min_rows: {min_rows}}}
"""
NEVER = "{scorehouse_load_policy: {estimator: never}}"


def add_check(project: DbtProject, model: str, min_rows: int = 300) -> None:
    """A model that checks the backend of a prediction table, and its test."""
    project.write(f"python_models/{model}_backend.py", CHECK.format(scores=f"{model}_scores", model=model))
    project.write(f"models/{model}_backend.yml", TEST.format(name=f"{model}_backend", min_rows=min_rows))


def verdict(project: DbtProject, name: str) -> str:
    """What the test `backend_agrees` says of a check that was made."""
    return project.dbt("test", "--select", f"{name}_backend").statuses[f"{name}_backend_agrees"]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> DbtProject:
    """Prediction tables by each backend, and by an estimator without one."""
    project = DbtProject(tmp_path_factory.mktemp("agrees") / "house")
    X = FRAME[["amount", "visits"]]
    linear = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, LABEL)
    for name, estimator in (
        ("linear", linear),
        ("trees", HistGradientBoostingClassifier(max_iter=8).fit(X, LABEL)),
        ("network", MLPClassifier((8,), max_iter=30, random_state=0).fit(X, LABEL)),
        ("closed", linear),
    ):
        project.register(estimator, name, X, LABEL, task="classification", program=name != "closed")
        project.python_model(f"{name}_scores", name, key="id")
        add_check(project, name)
    project.features(
        "select i as id, if(i % 50 = 0, null, sin(i) * 2) as amount, i % 40 as visits from range(500) as t(i)"
    )
    project.build()
    return project


@pytest.fixture
def project(built: DbtProject, tmp_path: Path) -> DbtProject:
    return built.copy(tmp_path / "house")


@pytest.mark.parametrize("name", BACKENDS)
def test_a_backend_agrees_with_its_estimator_on_rows_of_today(built: DbtProject, name: str) -> None:
    columns = "backend, rows_compared, rows_different, same_libraries, examples, model_version"
    assert built.query(f"select {columns} from {name}_backend") == [(BACKENDS[name], 300, 0, True, "", 1)]
    ((largest, run_id),) = built.query(f"select largest_difference, run_id from {name}_backend")
    assert 0 <= largest <= 1e-9
    assert run_id == str(built.runs(f"{name}_scores")[-1]["run_id"])


def test_where_the_estimator_scored_the_test_says_that_nothing_was_compared(project: DbtProject) -> None:
    assert verdict(project, "closed") == "fail"
    columns = "backend, backend_reason, rows_compared, largest_difference"
    assert project.query(f"select {columns} from closed_backend") == [
        ("estimator", project.runs("closed_scores")[-1]["backend_reason"], 0, None)
    ]
    project.write(
        "models/closed_backend.yml",
        TEST.format(name="closed_backend", min_rows=1)
        + "          config: {where: \"backend <> 'estimator'\"}\n",
    )
    assert verdict(project, "closed") == "pass"


def test_a_policy_that_opens_no_estimator_refuses_the_check(project: DbtProject) -> None:
    selected = ["--select", "linear_backend", "closed_backend"]
    ended = project.dbt("run", *selected, "--vars", NEVER)
    assert ended.statuses["closed_backend"] == "success"  # there is nothing to compare, and nothing to open
    message = ended.messages["linear_backend"]
    assert "backend_sample() in linear_backend" in message
    assert (
        "the estimator of linear version 1, which its backend is compared with, may not be opened" in message
    )
    assert "What to do: compare only there" in message and "scorehouse_load_policy" in message


def test_too_few_rows_fail(project: DbtProject) -> None:
    add_check(project, "linear", min_rows=301)
    assert verdict(project, "linear") == "fail"


def test_each_version_of_a_scan_is_checked(project: DbtProject) -> None:
    """The champion scores by native code, the challenger of the same ML model has no backend."""
    X = FRAME[["amount", "visits"]]
    other = HistGradientBoostingClassifier(max_iter=5).fit(X, LABEL)
    project.register(other, "trees", X, LABEL, task="classification", alias="challenger", program=False)
    alias = ["champion", "challenger"]
    for layout in ("long", "wide"):
        project.python_model("trees_scores", "trees", key="id", alias=alias, layout=layout)
        ended = project.build("--full-refresh", "--select", "ml_trees", "trees_scores", "trees_backend")
        assert ended.statuses["trees_backend"] == "success", ended.messages
        assert ended.statuses["trees_backend_agrees"] == "fail"
        columns = "model_version, backend, rows_compared, rows_different"
        assert project.query(f"select {columns} from trees_backend order by 1") == [
            (1, "native", 300, 0),
            (2, "estimator", 0, 0),
        ]


@pytest.mark.parametrize("name", ["linear", "trees"])
def test_a_backend_that_is_wrong_with_a_proof_that_fits_it_is_found(name: str, project: DbtProject) -> None:
    """Whoever can change backend, proof and registry can make them agree; the estimator still does not."""
    repin(project, name, {"sql": wrong_sql, "native": wrong_native}[BACKENDS[name]])
    project.build("--full-refresh", "--select", f"ml_{name}", f"{name}_scores").check()
    assert project.runs(f"{name}_scores")[-1]["backend"] == BACKENDS[name]
    ended = project.build("--select", f"{name}_backend")
    assert (ended.statuses[f"{name}_backend"], ended.statuses[f"{name}_backend_agrees"]) == (
        "success",
        "fail",
    )
    ((different, largest, examples),) = project.query(
        f"select rows_different, largest_difference, examples from {name}_backend"
    )
    assert different > 200 and 1e-9 < largest < 1e-2
    assert examples.count("(") == 3


@pytest.mark.parametrize("name", [*BACKENDS, "closed"])
def test_the_command_compares_all_rows_of_today(name: str, project: DbtProject) -> None:
    call = ["replay", str(project.runs(f"{name}_scores")[-1]["run_id"]), "--against", "estimator"]
    call += ["--database", str(project.database), "--project-dir", str(project.folder)]
    told = CliRunner().invoke(main, call)
    found = json.loads(CliRunner().invoke(main, [*call, "--json"]).output)
    assert told.exit_code == 0, told.output
    if name == "closed":
        assert "nothing to compare: the estimator itself scored" in told.output
        assert (found["backend"], found["rows_compared"]) == ("estimator", 0)
    else:
        assert f"scored by: {BACKENDS[name]} (" in told.output and "rows compared: 500\n" in told.output
        assert (found["rows_compared"], found["rows_different"]) == (500, 0)


def test_the_command_ends_with_3_where_the_backend_differs(project: DbtProject) -> None:
    repin(project, "trees", wrong_native)
    project.build("--full-refresh", "--select", "ml_trees", "trees_scores").check()
    call = ["replay", str(project.runs("trees_scores")[-1]["run_id"]), "--against", "estimator"]
    call += ["--database", str(project.database), "--project-dir", str(project.folder), "--sample", "100"]
    told = CliRunner().invoke(main, call)
    assert told.exit_code == 3 and "rows compared: 100\n  rows different: 100, such as (" in told.output


Wrong = Callable[[bytes, Version, Signature], tuple[bytes, Callable[[pa.Table], pa.Table]]]


def wrong_native(
    data: bytes, version: Version, signature: Signature
) -> tuple[bytes, Callable[[pa.Table], pa.Table]]:
    """Native code that begins its sums a little off."""
    backend = store.scores_of(data, version)
    assert isinstance(backend, StoredTrees)
    (model,) = backend.models
    base = tuple(start + 1e-6 for start in model.ensemble.base)
    wrong = replace(backend, models=(replace(model, ensemble=replace(model.ensemble, base=base)),))
    kernel = Kernel(wrong, version, signature, strict=frozenset(), call="test")
    return store.to_bytes(wrong), lambda rows: kernel_rows(kernel, rows)


def wrong_sql(
    data: bytes, version: Version, signature: Signature
) -> tuple[bytes, Callable[[pa.Table], pa.Table]]:
    """SQL with numbers that are a little off."""
    document = json.loads(json.dumps(sql_head(store.sql_in(data, version, signature))))
    for literal in _literals(document["program"]):
        if isinstance(literal[0], float):
            literal[0] *= 1 + 1e-6
    compiled = sql_of(document, version, signature)
    return store.to_bytes(sql=compiled), lambda rows: duckdb_rows(compiled, rows)


def _literals(part: Any) -> list[list[Any]]:
    if isinstance(part, dict):
        return [part["Literal"]] if "Literal" in part else _literals(list(part.values()))
    return [found for item in part for found in _literals(item)] if isinstance(part, list) else []


def repin(project: DbtProject, name: str, make: Wrong) -> None:
    """Replace a backend and the results in its proof, and pin both in the registry."""
    folder = project.folder / "artifacts" / name / "1"
    (version,) = ModelSeeds(project.folder, name).versions()
    signature = Signature.from_json((folder / "signature.json").read_bytes())
    file, proof = folder / PROGRAM_FILE, folder / PROOF_FILE
    data, score = make(file.read_bytes(), version, signature)
    file.write_bytes(data)
    with pa.ipc.open_file(proof.read_bytes()) as reader:
        rows = reader.read_all()
    features = rows.select(signature.names)
    made = score(features)
    if EXPECTED + PLACE in rows.column_names:  # a proof has the places of labels, which no edit changes
        places = pc.index_in(
            made["prediction"], value_set=pa.array(version.classes).cast(made["prediction"].type)
        )
        made = made.append_column(PLACE, places)
    for column in [each.removeprefix(EXPECTED) for each in rows.column_names if each.startswith(EXPECTED)]:
        field = rows.schema.field(EXPECTED + column)
        features = features.append_column(field, made.column(column).cast(field.type))
    with pa.ipc.new_file(proof, features.schema) as writer:
        writer.write_table(features)
    registry = ModelSeeds(project.folder, name).registry_file
    with registry.open(newline="") as lines:
        (row,) = csv.DictReader(lines)
    backends = json.loads(row["program"])
    backends["program_sha256"] = sha256(data)
    backends["proof_sha256"] = sha256(proof.read_bytes())
    row["program"] = json.dumps(backends, sort_keys=True, ensure_ascii=False)
    with registry.open("w", newline="") as lines:
        writer = csv.DictWriter(lines, list(row))
        writer.writeheader()
        writer.writerow(row)
