"""Stored forms: what scores without the estimator, proven where it runs, and refused where it was altered."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler, TargetEncoder

from project import DbtProject, registered_kernel
from scorehouse.errors import ArtifactError, LoadRefusedError
from scorehouse.forms.choose import FormFiles, choose_form
from scorehouse.forms.proof import EXPECTED, kernel_rows
from scorehouse.kernel.scorer import Kernel
from scorehouse.kernel.training_batch import training_batch
from scorehouse.registry import artifact
from scorehouse.registry.policy import LoadPolicy
from scorehouse.registry.storage import sha256

NEVER = LoadPolicy(estimator="never")
ROWS = 600
ALTERATIONS = 500  # of each of the four files of two ML models
DRAW = np.random.default_rng(0)
FRAME = pd.DataFrame(
    {
        "amount": DRAW.normal(size=ROWS),
        "visits": DRAW.integers(0, 40, ROWS),
        "city": DRAW.choice(["Basel", "Köln", "Łódź"], ROWS),
        "is_new": DRAW.random(ROWS) < 0.5,
        "age": np.where(DRAW.random(ROWS) < 0.1, np.nan, DRAW.normal(40, 9, ROWS)),
    }
)
LABEL = FRAME.amount + (FRAME.city == "Köln") + DRAW.normal(size=ROWS) > 0.5
NUMBERS = ["amount", "visits", "age"]
TREES = {
    "histogram boosting": (HistGradientBoostingClassifier(max_iter=8), FRAME[NUMBERS]),
    "its own categories": (
        HistGradientBoostingClassifier(max_iter=8, categorical_features="from_dtype"),
        FRAME.assign(city=FRAME.city.astype("category")),
    ),
    "in float32": (RandomForestClassifier(8, random_state=0), FRAME[["amount", "visits"]].astype("float32")),
    "an array": (HistGradientBoostingClassifier(max_iter=8), FRAME[NUMBERS].to_numpy()),
    "one-hot and imputer": (
        make_pipeline(
            make_column_transformer(
                (OneHotEncoder(handle_unknown="ignore"), ["city"]),
                (make_pipeline(SimpleImputer(add_indicator=True), StandardScaler()), ["age", "amount"]),
                remainder="passthrough",
            ),
            RandomForestClassifier(8, max_depth=5, random_state=0),
        ),
        FRAME,
    ),
    "ordinal": (
        make_pipeline(
            make_column_transformer(
                (OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), ["city"]),
                remainder="passthrough",
            ),
            GradientBoostingClassifier(n_estimators=8, random_state=0),
        ),
        FRAME.drop(columns="age"),
    ),
    "target encoder": (
        make_pipeline(
            make_column_transformer((TargetEncoder(random_state=0), ["city"]), remainder="passthrough"),
            HistGradientBoostingClassifier(max_iter=8),
        ),
        FRAME,
    ),
}


def _stored(folder: Path, estimator: Any, X: Any, y: Any, task: str, **facts: Any) -> Kernel:
    if isinstance(X, np.ndarray):
        facts["feature_names"] = NUMBERS
    return registered_kernel(folder, estimator.fit(X, y), X, y, task=task, **facts)


@pytest.mark.parametrize("case", TREES)
def test_trees_and_what_is_before_them_score_without_the_estimator(case: str, tmp_path: Path) -> None:
    estimator, X = TREES[case]
    kernel = _stored(tmp_path, estimator, X, LABEL.map({True: "yes", False: "no"}), "classification")
    form = choose_form(kernel, "native", ROWS, FormFiles(tmp_path, NEVER))
    assert form.data and type(form.kernel.estimator).__name__ == "StoredTrees"
    frame = pd.DataFrame(X, columns=NUMBERS) if isinstance(X, np.ndarray) else X
    rows = pa.Table.from_batches([training_batch(frame, "test")])
    expected, found = kernel_rows(kernel, rows), kernel_rows(form.kernel, rows)
    assert found["prediction"].equals(expected["prediction"])
    worst = np.abs(found["score"].to_numpy() - expected["score"].to_numpy()).max()
    assert worst <= 1e-12 and found.num_rows == ROWS


@pytest.mark.parametrize(
    ("task", "estimator"),
    [
        ("regression", HistGradientBoostingRegressor(max_iter=8, loss="poisson")),
        ("regression", RandomForestRegressor(8, random_state=0)),
        ("anomaly", IsolationForest(n_estimators=8, random_state=0)),
    ],
)
def test_every_task_of_trees_has_a_stored_form(task: str, estimator: Any, tmp_path: Path) -> None:
    X = FRAME[["amount", "visits"]]
    kernel = _stored(tmp_path, estimator, X, FRAME.visits.astype(float), task)
    form = choose_form(kernel, "auto", ROWS, FormFiles(tmp_path, NEVER))
    assert form.name == "native" and form.data
    rows = pa.Table.from_batches([training_batch(X, "test")])
    assert kernel_rows(form.kernel, rows).equals(kernel_rows(kernel, rows))


def test_three_classes_and_labels_that_are_numbers(tmp_path: Path) -> None:
    y = pd.Series(np.where(LABEL, -1, np.where(FRAME.visits > 20, 7, 0)))
    kernel = _stored(
        tmp_path, HistGradientBoostingClassifier(max_iter=8), FRAME[NUMBERS], y, "classification"
    )
    form = choose_form(kernel, "auto", ROWS, FormFiles(tmp_path, NEVER))
    rows = pa.Table.from_batches([training_batch(FRAME[NUMBERS], "test")])
    expected, found = kernel_rows(kernel, rows), kernel_rows(form.kernel, rows)
    assert found["prediction"].equals(expected["prediction"]) and found.schema == expected.schema


def test_steps_that_are_no_data_open_the_estimator_and_say_why(tmp_path: Path) -> None:
    texts = pd.Series(np.where(LABEL, "late again", "on time") + FRAME.city, name="note")
    estimator = make_pipeline(TfidfVectorizer(), RandomForestClassifier(5, random_state=0))
    kernel = _stored(tmp_path, estimator, texts, LABEL, "classification")
    fact = kernel.version.forms["native"]
    assert "file_sha256" not in fact and "TfidfVectorizer" in fact["opens_estimator"]
    assert choose_form(kernel, "native", ROWS, FormFiles(tmp_path, LoadPolicy())).data is None
    few = choose_form(kernel, "auto", 100, FormFiles(tmp_path, LoadPolicy()))
    assert few.name == "estimator" and "too few" in few.reason


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> DbtProject:
    """A project with a linear model and one of trees, whose features are `features`."""
    project = DbtProject(tmp_path_factory.mktemp("stored") / "house")
    linear = make_pipeline(StandardScaler(), LogisticRegression())
    for name, estimator in (("linear", linear), ("trees", HistGradientBoostingClassifier(max_iter=8))):
        X = FRAME[["amount", "visits"]]
        project.register(estimator.fit(X, LABEL), name, X, LABEL, task="classification")
        project.python_model(f"{name}_scores", name, key="id")
    network = RandomForestClassifier(3, random_state=0)
    project.register(network.fit(X, LABEL), "closed", X, LABEL, task="classification", forms=False)
    project.python_model("closed_scores", "closed", key="id")
    project.features("select i as id, sin(i) * 2 as amount, i % 40 as visits from range(500) as t(i)")
    return project


BLOCKED = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("sklearn", "scipy", "pandas", "joblib"):
            raise ImportError(f"{name} is not installed here")

sys.meta_path.insert(0, Blocked())
"""


def test_a_machine_without_scikit_learn_and_pandas_scores(house: DbtProject, tmp_path: Path) -> None:
    project = house.copy(tmp_path / "house")
    project.settings({"scorehouse_load_policy": {"estimator": "never"}})
    (tmp_path / "blocked").mkdir()
    (tmp_path / "blocked" / "sitecustomize.py").write_text(BLOCKED)
    ended = subprocess.run(
        [str(Path(sys.executable).with_name("dbt")), "build", "--exclude", "closed_scores"],
        cwd=project.folder,
        env={**project.environment, "PYTHONPATH": str(tmp_path / "blocked")},
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stdout
    assert [project.runs(f"{name}_scores")[0]["form"] for name in ("linear", "trees")] == ["sql", "native"]
    house.dbt("build").check()
    for table in ("linear_scores", "trees_scores"):
        columns = "id, prediction, score, row_status, feature_hash"
        assert project.query(f"select {columns} from {table} order by id") == house.query(
            f"select {columns} from {table} order by id"
        )


def test_a_policy_that_opens_no_estimator_refuses_what_has_no_form(house: DbtProject, tmp_path: Path) -> None:
    project = house.copy(tmp_path / "house")
    project.settings({"scorehouse_load_policy": {"estimator": "never"}})
    message = project.dbt("build", "--select", "+closed_scores").messages["closed_scores"]
    assert (
        "estimator of closed version 1 would have to be opened" in message and "scorehouse prove" in message
    )


class _Command:
    """A pickle that writes a file when it is opened."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.write_text, (self.mark, "ran")


@pytest.mark.parametrize("name", ["linear", "trees"])
def test_a_planted_pickle_is_not_opened_where_a_form_scores(
    name: str, house: DbtProject, tmp_path: Path
) -> None:
    project, mark = house.copy(tmp_path / "house"), tmp_path / "mark"
    joblib.dump(_Command(mark), project.folder / "artifacts" / name / "1" / "model.joblib")
    project.dbt("build", "--select", f"+{name}_scores").check()
    assert not mark.exists()
    assert project.query(f"select count(*) from {name}_scores where row_status = 'scored'") == [(500,)]
    project.python_model(f"{name}_scores", name, key="id", engine="estimator")
    message = project.dbt("build", "--select", f"{name}_scores").messages[f"{name}_scores"]
    assert "has the sha256" in message and not mark.exists()


@pytest.mark.parametrize("name", ["linear", "trees"])
def test_altered_files_of_forms_are_refused(name: str, house: DbtProject, tmp_path: Path) -> None:
    folder = house.folder / "artifacts" / name / "1"
    form = {"linear": "sql", "trees": "native"}[name]
    kernel = _kernel_of(house, name)
    root = tmp_path / "altered"
    shutil.copytree(folder, root / "artifacts" / name / "1")
    draw = random.Random(name)
    files = (artifact.FORM_FILES[form], artifact.PROOF_FILE.format(form=form))
    for file in files:
        path = root / "artifacts" / name / "1" / file
        whole = path.read_bytes()
        for _ in range(ALTERATIONS):
            path.write_bytes(_altered(whole, draw))
            with pytest.raises(ArtifactError, match=r"has the sha256|cannot be read"):
                choose_form(kernel, "auto", ROWS, FormFiles(root, LoadPolicy()))
        path.write_bytes(whole)
    assert choose_form(kernel, "auto", ROWS, FormFiles(root, LoadPolicy())).name == form


def _kernel_of(project: DbtProject, name: str) -> Kernel:
    from scorehouse.registry.seeds import ModelSeeds

    (version,) = ModelSeeds(project.folder, name).versions()
    estimator, signature, _ = artifact.load(project.folder, version, LoadPolicy(), "test")
    return Kernel(estimator, version, signature, strict=frozenset(), call="test")


def _altered(whole: bytes, draw: random.Random) -> bytes:
    """Cut off, with a byte changed, with two pieces swapped, or with a piece doubled."""
    place = draw.randrange(len(whole))
    kind = draw.randrange(4)
    if kind == 0:
        return whole[:place]
    if kind == 1:
        return whole[:place] + bytes([whole[place] ^ draw.randrange(1, 256)]) + whole[place + 1 :]
    if kind == 2:
        return whole[place:] + whole[:place] if place else whole + b"x"
    return whole[:place] + whole[max(0, place - 7) :] + b"y"


@pytest.mark.parametrize(("distance", "serves"), [(1e-13, "native"), (1e-11, "estimator")])
def test_a_form_that_differs_on_this_machine_does_not_serve(
    distance: float, serves: str, house: DbtProject, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """As on another processor or release of a library: the proof expects other scores."""
    kernel, root = _kernel_of(house, "trees"), tmp_path / "moved"
    shutil.copytree(house.folder / "artifacts", root / "artifacts")
    proof = root / "artifacts/trees/1" / artifact.PROOF_FILE.format(form="native")
    with pa.ipc.open_file(proof) as reader:
        rows = reader.read_all()
    place = rows.column_names.index(EXPECTED + "score")
    moved = pa.chunked_array([np.array(rows.column(place).to_numpy()) + distance])
    rows = rows.set_column(place, EXPECTED + "score", _with_nulls(moved, rows.column(place)))
    with pa.ipc.new_file(proof, rows.schema) as writer:
        writer.write_table(rows)
    forms = dict(kernel.version.forms)
    forms["native"] = {**forms["native"], "proof_sha256": sha256(proof.read_bytes())}
    version = replace(kernel.version, forms=forms)
    moved_kernel = Kernel(kernel.estimator, version, kernel.signature, strict=frozenset(), call="test")
    form = choose_form(moved_kernel, "auto", ROWS, FormFiles(root, LoadPolicy()))
    assert form.name == serves
    assert ("it differs on its" in form.reason) == (serves == "estimator")


def _with_nulls(values: pa.ChunkedArray, like: pa.ChunkedArray) -> pa.Array:
    missing = like.combine_chunks().is_null().to_numpy(zero_copy_only=False)
    return pa.array(values.to_numpy(), mask=missing)


def test_check_finds_altered_files_of_forms(house: DbtProject, tmp_path: Path) -> None:
    project = house.copy(tmp_path / "house")
    folder = project.folder / "artifacts/trees/1"
    (folder / artifact.FORM_FILES["native"]).write_bytes(b"other")
    (folder / artifact.PROOF_FILE.format(form="sql")).unlink()
    ended = subprocess.run(
        [str(Path(sys.executable).with_name("scorehouse")), "check"],
        cwd=project.folder,
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 1
    faults = [line.strip() for line in ended.stdout.splitlines() if line.startswith("    ")]
    assert sum("form_native.npz" in fault and "has the sha256" in fault for fault in faults) == 1
    assert sum("proof_sql.arrow" in fault and "cannot be read" in fault for fault in faults) == 1


def test_a_version_registered_before_forms_were_stored_says_what_to_do(house: DbtProject) -> None:
    kernel = _kernel_of(house, "trees")
    before = {
        name: {k: v for k, v in fact.items() if not k.endswith("_sha256")}
        for name, fact in kernel.version.forms.items()
        if name != "refused"
    }
    old = Kernel(
        kernel.estimator,
        replace(kernel.version, forms=before),
        kernel.signature,
        strict=frozenset(),
        call="test",
    )
    form = choose_form(old, "auto", ROWS, FormFiles(house.folder, LoadPolicy()))
    assert form.name == "estimator" and "run `scorehouse prove trees`" in form.reason


def test_the_policy_forbids_every_opening(house: DbtProject) -> None:
    kernel = _kernel_of(house, "trees")
    with pytest.raises(LoadRefusedError, match="would have to be opened"):
        artifact.load(house.folder, kernel.version, NEVER, "test")


def test_no_row_of_training_is_in_the_proof(tmp_path: Path) -> None:
    estimator, X = TREES["one-hot and imputer"]
    _stored(tmp_path, estimator, X, LABEL, "classification")
    training = {tuple(row) for row in X[["amount", "visits", "city"]].itertuples(index=False)}
    for form in ("sql", "native"):
        file = tmp_path / "artifacts/tried/1" / artifact.PROOF_FILE.format(form=form)
        with pa.ipc.open_file(file) as reader:
            rows = reader.read_all().to_pandas()
        kept = [
            row
            for row in rows[["amount", "visits", "city"]].itertuples(index=False)
            if tuple(row) in training
        ]
        assert len(rows) > 1_000 and len(kept) < 20  # by chance: 40 visits and 3 cities beside one amount
