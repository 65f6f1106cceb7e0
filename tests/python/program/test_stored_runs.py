"""Runs by programs: no scikit-learn, a planted pickle, altered files, another machine."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import duckdb
import joblib
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from closed_estimators import Command, altered, build_without_libraries, kernel_of
from project import DbtProject
from scorehouse import DaysSinceEpoch
from scorehouse.errors import ArtifactError, LoadRefusedError
from scorehouse.kernel.scorer import Kernel
from scorehouse.program.choose import ProgramFiles, choose_backend
from scorehouse.program.proof import EXPECTED
from scorehouse.registry import artifact
from scorehouse.registry.policy import LoadPolicy
from scorehouse.registry.storage import sha256
from visits_frame import FRAME, LABEL, ROWS

NEVER = LoadPolicy(estimator="never")
BACKENDS = {"linear": "sql", "trees": "native", "products": "matrix"}
SINCE = pd.Series(np.datetime64("2000-01-01", "us") + np.arange(ROWS) * np.timedelta64(43_200_000_001, "us"))
ALTERATIONS = 2_000  # of each of the two files of each ML model


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> DbtProject:
    """A project with a linear model, one of trees and one of products, whose features are `features`.

    All but the linear one read dates.
    """
    project = DbtProject(tmp_path_factory.mktemp("stored") / "house")
    linear = make_pipeline(StandardScaler(), LogisticRegression())
    days = make_column_transformer((DaysSinceEpoch(), ["since"]), remainder="passthrough")
    products = make_pipeline(days, StandardScaler(), PCA(2), LogisticRegression())
    trees = make_pipeline(days, HistGradientBoostingClassifier(max_iter=8))
    for name, estimator in (("linear", linear), ("trees", trees), ("products", products)):
        X = FRAME[["amount", "visits"]]
        if name != "linear":
            X = X.assign(since=SINCE)
        project.register(estimator.fit(X, LABEL), name, X, LABEL, task="classification")
        project.python_model(f"{name}_scores", name, key="id")
    X = FRAME[["amount", "visits"]]
    network = RandomForestClassifier(3, random_state=0)
    project.register(network.fit(X, LABEL), "closed", X, LABEL, task="classification", program=False)
    project.python_model("closed_scores", "closed", key="id")
    since = "date '2000-01-01' + cast(i * 7 as integer) as since"
    project.features(
        f"select i as id, sin(i) * 2 as amount, i % 40 as visits, {since} from range(500) as t(i)"
    )
    return project


@pytest.mark.slow
def test_a_machine_without_scikit_learn_and_pandas_scores(house: DbtProject, tmp_path: Path) -> None:
    project = house.copy(tmp_path / "house")
    project.settings({"scorehouse_load_policy": {"estimator": "never"}})
    build_without_libraries(project, tmp_path / "blocked", "--exclude", "closed_scores")
    assert {name: project.runs(f"{name}_scores")[0]["backend"] for name in BACKENDS} == BACKENDS
    house.dbt("build").check()
    for table in (f"{name}_scores" for name in BACKENDS):
        columns = "id, prediction, score, row_status, feature_hash"
        assert project.query(f"select {columns} from {table} order by id") == house.query(
            f"select {columns} from {table} order by id"
        )


WATCHED = """
import atexit
import os
import sys

def tell():
    found = {"sklearn", "scipy", "pandas", "joblib", "pyarrow.compute"} & set(sys.modules)
    with open(os.environ["IMPORTED"], "a") as file:  # other processes of dbt end after it
        file.write("".join(f"{name} " for name in found))

atexit.register(tell)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("table", "imported"),
    [
        ("linear_scores", ""),
        ("trees_scores", "pyarrow.compute"),
        ("products_scores", "pyarrow.compute"),
        ("closed_scores", "joblib pandas pyarrow.compute scipy sklearn"),
    ],
)
def test_what_a_run_imports_where_all_is_installed(
    table: str, imported: str, house: DbtProject, tmp_path: Path
) -> None:
    project = house.copy(tmp_path / "house")
    (tmp_path / "watched").mkdir()
    (tmp_path / "watched" / "sitecustomize.py").write_text(WATCHED)
    told = {"PYTHONPATH": str(tmp_path / "watched"), "IMPORTED": str(tmp_path / "imported")}
    ended = subprocess.run(
        [str(Path(sys.executable).with_name("dbt")), "build", "--select", f"+{table}"],
        cwd=project.folder,
        env={**project.environment, **told},
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stdout
    assert sorted((tmp_path / "imported").read_text().split()) == imported.split()


@pytest.mark.slow
def test_sql_that_the_database_computes_otherwise_does_not_serve(house: DbtProject, tmp_path: Path) -> None:
    project = house.copy(tmp_path / "house")
    scores = "select score from linear_scores order by id"
    project.dbt("build", "--select", "+linear_scores").check()
    right = [score for (score,) in project.query(scores)]
    with duckdb.connect(project.database) as connection:  # a macro hides DuckDB's own function
        connection.execute("create macro exp(x) as 0.25")
    project.writes_files = True
    project.dbt("build", "--select", "linear_scores").check()
    assert [score for (score,) in project.query(scores)] == pytest.approx(right, abs=1e-12)
    *_, first, second = project.runs("linear_scores")
    assert first["backend"] == "sql"
    assert second["backend"] != "sql"
    log = (project.folder / "logs/dbt.log").read_text()
    assert "the backend 'sql' of linear version 1 does not serve: it differs on its proof rows" in log


@pytest.mark.slow
def test_a_policy_that_opens_no_estimator_needs_a_backend(house: DbtProject, tmp_path: Path) -> None:
    project = house.copy(tmp_path / "house")
    project.settings({"scorehouse_load_policy": {"estimator": "never"}})
    message = project.dbt("build", "--select", "+closed_scores").messages["closed_scores"]
    assert (
        "estimator of closed version 1 would have to be opened" in message and "scorehouse compile" in message
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", BACKENDS)
def test_a_planted_pickle_is_not_opened_where_a_backend_scores(
    name: str, house: DbtProject, tmp_path: Path
) -> None:
    project, mark = house.copy(tmp_path / "house"), tmp_path / "mark"
    joblib.dump(Command(mark), project.folder / "artifacts" / name / "1" / "model.joblib")
    project.dbt("build", "--select", f"+{name}_scores").check()
    assert not mark.exists()
    assert project.query(f"select count(*) from {name}_scores where row_status = 'scored'") == [(500,)]
    project.python_model(f"{name}_scores", name, key="id", backend="estimator")
    message = project.dbt("build", "--select", f"{name}_scores").messages[f"{name}_scores"]
    assert "has the sha256" in message and not mark.exists()


@pytest.mark.slow
@pytest.mark.parametrize("name", BACKENDS)
def test_altered_programs_are_refused(name: str, house: DbtProject, tmp_path: Path) -> None:
    folder = house.folder / "artifacts" / name / "1"
    backend = BACKENDS[name]
    kernel = kernel_of(house, name)
    root = tmp_path / "altered"
    shutil.copytree(folder, root / "artifacts" / name / "1")
    draw = random.Random(name)
    files = (artifact.PROGRAM_FILE, artifact.PROOF_FILE)
    for file in files:
        path = root / "artifacts" / name / "1" / file
        whole = path.read_bytes()
        for _ in range(ALTERATIONS):
            path.write_bytes(altered(whole, draw))
            with pytest.raises(ArtifactError, match=r"has the sha256|cannot be read"):
                choose_backend(kernel, "auto", ROWS, ProgramFiles(root, LoadPolicy()))
        path.write_bytes(whole)
    assert choose_backend(kernel, "auto", ROWS, ProgramFiles(root, LoadPolicy())).name == backend


@pytest.mark.parametrize(("distance", "serves"), [(1e-13, "native"), (1e-11, "estimator")])
def test_a_backend_that_differs_on_this_machine_does_not_serve(
    distance: float,
    serves: str,
    house: DbtProject,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """As on another processor or release of a library: the proof expects other scores."""
    kernel, root = kernel_of(house, "trees"), tmp_path / "moved"
    shutil.copytree(house.folder / "artifacts", root / "artifacts")
    proof = root / "artifacts/trees/1" / artifact.PROOF_FILE
    with pa.ipc.open_file(proof) as reader:
        rows = reader.read_all()
    place = rows.column_names.index(EXPECTED + "score")
    moved = pa.chunked_array([np.array(rows.column(place).to_numpy()) + distance])
    rows = rows.set_column(place, EXPECTED + "score", _with_nulls(moved, rows.column(place)))
    with pa.ipc.new_file(proof, rows.schema) as writer:
        writer.write_table(rows)
    backends = {**kernel.version.program, "proof_sha256": sha256(proof.read_bytes())}
    version = replace(kernel.version, program=backends)
    moved_kernel = Kernel(kernel.estimator, version, kernel.signature, strict=frozenset(), call="test")
    backend = choose_backend(moved_kernel, "auto", ROWS, ProgramFiles(root, LoadPolicy()))
    assert backend.name == serves
    assert ("it differs on its" in backend.reason) == (serves == "estimator")


def _with_nulls(values: pa.ChunkedArray, like: pa.ChunkedArray) -> pa.Array:
    missing = like.combine_chunks().is_null().to_numpy(zero_copy_only=False)
    return pa.array(values.to_numpy(), mask=missing)


@pytest.mark.slow
def test_check_finds_altered_programs(house: DbtProject, tmp_path: Path) -> None:
    project = house.copy(tmp_path / "house")
    folder = project.folder / "artifacts/trees/1"
    (folder / artifact.PROGRAM_FILE).write_bytes(b"other")
    (folder / artifact.PROOF_FILE).unlink()
    (folder.parents[1] / "products/1" / artifact.PROGRAM_FILE).write_bytes(b"other")
    ended = subprocess.run(
        [str(Path(sys.executable).with_name("scorehouse")), "check"],
        cwd=project.folder,
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 1
    faults = [line.strip() for line in ended.stdout.splitlines() if line.startswith("    ")]
    assert sum("program.npz" in fault and "has the sha256" in fault for fault in faults) == 2
    assert sum("proof.arrow" in fault and "cannot be read" in fault for fault in faults) == 1


def test_a_version_whose_registry_names_no_proof_says_what_to_do(house: DbtProject) -> None:
    kernel = kernel_of(house, "trees")
    before = {name: fact for name, fact in kernel.version.program.items() if name != "proof_sha256"}
    old = Kernel(
        kernel.estimator,
        replace(kernel.version, program=before),
        kernel.signature,
        strict=frozenset(),
        call="test",
    )
    backend = choose_backend(old, "auto", ROWS, ProgramFiles(house.folder, LoadPolicy()))
    assert backend.name == "estimator" and "run `scorehouse compile trees`" in backend.reason


def test_the_policy_forbids_every_opening(house: DbtProject) -> None:
    kernel = kernel_of(house, "trees")
    with pytest.raises(LoadRefusedError, match="would have to be opened"):
        artifact.load(house.folder, kernel.version, NEVER, "test")
