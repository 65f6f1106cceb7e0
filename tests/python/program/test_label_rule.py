"""An edit of the registry's threshold or classes changes labels alike on every backend, or is refused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jinja2.sandbox import SandboxedEnvironment
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.multioutput import MultiOutputClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.svm import SVC, LinearSVC

from project import registered_kernel
from scorehouse.engines.run import kernel_of
from scorehouse.errors import ConfigurationError, RegistryError
from scorehouse.kernel.scorer import Kernel
from scorehouse.kernel.training_batch import training_batch
from scorehouse.online.online_backend import online_backend
from scorehouse.program.choose import ProgramFiles, choose_backend, in_batches
from scorehouse.program.proof import kernel_rows
from scorehouse.program.sql.compile import compile_sql
from scorehouse.registration.seeds_yaml import registered_facts
from scorehouse.registry.label_rule import check_label_rule, fault_of
from scorehouse.registry.policy import LoadPolicy
from scorehouse.registry.seeds import ModelSeeds
from scorehouse.registry.version import NO_BACKENDS, Version
from visits_frame import FRAME

X = FRAME[["amount", "visits"]]
Z = X.amount + X.visits / 20
TWO = Z > 1
TEXTS = np.where(TWO, "yes", "no")
THREE = np.digitize(Z, [0.5, 1.5])
EACH = np.column_stack([TWO, Z < 0.2]).astype(int)


@dataclass(frozen=True)
class Case:
    """An estimator, its labels, the backends that it has, and the threshold that it is registered with."""

    estimator: Any
    y: Any
    backends: set[str]
    threshold: float | None = None
    task: str = "classification"


CASES = {
    "two classes": Case(LogisticRegression(), TWO, {"sql", "matrix"}),
    "with a threshold": Case(LogisticRegression(), TEXTS, {"sql", "matrix"}, threshold=0.3),
    "decisions": Case(LinearSVC(), TEXTS, {"sql", "matrix"}),
    "three classes": Case(LogisticRegression(), THREE, {"sql", "matrix"}),
    "trees": Case(HistGradientBoostingClassifier(max_iter=5), TWO, {"sql", "native"}, threshold=0.5),
    "forest of three": Case(RandomForestClassifier(4, max_depth=3, random_state=0), THREE, {"sql", "native"}),
    "network": Case(MLPClassifier((4,), max_iter=20, random_state=0), TWO, {"matrix"}),
    "labels of its own": Case(SVC(probability=True, random_state=0), TEXTS, set()),
    "several labels": Case(
        MultiOutputClassifier(LogisticRegression()), EACH, {"sql", "matrix"}, task="multilabel_classification"
    ),
}
OF_TWO = [(7, 9), (True, False), ("it's", "{{ x }}")]
OF_THREE = [(2, 1, 0), ("high", "low", "mid"), (0.5, 1.5, 2.5)]


@pytest.fixture(scope="module", params=CASES)
def case(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Case, Path, Kernel]:
    made = CASES[request.param]
    folder = tmp_path_factory.mktemp("labels")
    estimator = made.estimator.fit(X, made.y)
    kernel = registered_kernel(folder, estimator, X, made.y, task=made.task, threshold=made.threshold)
    assert set(kernel.version.program) - {*NO_BACKENDS, "reasons"} == made.backends
    return made, folder, kernel


def edited(version: Version, **changes: Any) -> Version:
    """The version after an edit of its row, with the columns that name classes in step."""
    changed = Version.from_row(replace(version, **changes).to_row())
    named = changed.classes[1:] if len(changed.classes) == 2 else changed.classes
    columns = dict(zip(version.class_columns, named, strict=False))  # of several labels, none
    return replace(changed, class_columns=columns)


def edits(case: Case, kernel: Kernel) -> Iterator[Version]:
    version = kernel.version
    classes = [] if case.task != "classification" else OF_TWO if len(version.classes) == 2 else OF_THREE
    for labels in classes:
        yield edited(version, classes=labels)
    if len(version.classes) == 2:
        scores = np.sort(np.unique(scores_of(case, kernel)))
        low, high = (float(scores[i : i + 2].mean()) for i in (len(scores) // 3, len(scores) - 2))
        yield edited(version, threshold=low)
        yield edited(version, threshold=high, **({"classes": classes[0]} if classes else {}))
        yield edited(version, threshold=5e-324 if version.score_method == "predict_proba" else -5.0)


def scores_of(case: Case, kernel: Kernel) -> np.ndarray:
    """One line of scores for two classes, else one per class or label, from the estimator."""
    found = getattr(case.estimator, kernel.version.score_method)(X)
    if isinstance(found, list):
        return np.stack([each[:, 1] for each in found])
    return found[:, 1] if found.ndim == 2 and found.shape[1] == 2 else found.T


def oracle(case: Case, kernel: Kernel, version: Version) -> dict[str, list[Any]]:
    """The labels by plain NumPy: from the threshold if there is one, else as the estimator's own."""
    scores = scores_of(case, kernel)
    own = case.estimator.predict(X)
    if case.task != "classification":
        labels = own.T if version.threshold is None else (scores >= version.threshold).astype(int)
        return {name: line.tolist() for name, line in zip(version.outputs, labels, strict=True)}
    places = np.searchsorted(case.estimator.classes_, own)
    if version.threshold is not None:
        places = (scores >= version.threshold).astype(int)
    return {"prediction": [version.classes[place] for place in places]}


def labels_of(kernel: Kernel, names: Mapping[str, Any]) -> dict[str, list[Any]]:
    rows = kernel_rows(kernel, training_table())
    return {name: rows[name].to_pylist() for name in names}


def training_table() -> Any:
    import pyarrow as pa

    return pa.Table.from_batches([training_batch(X, "test")])


@pytest.mark.slow
def test_labels_of_every_backend_are_those_of_the_row(case: tuple[Case, Path, Kernel]) -> None:
    made, folder, kernel = case
    files = ProgramFiles(folder, LoadPolicy())
    for version in edits(made, kernel):
        wanted = oracle(made, kernel, version)
        own = kernel_of(version, files, frozenset(), "test")
        for backend in ("estimator", "auto", *made.backends):
            serving = in_batches(choose_backend(own, backend, 10**6, files))
            assert serving.name == backend or backend == "auto"
            assert labels_of(serving.kernel, wanted) == wanted, (backend, version.threshold, version.classes)
        online = online_backend(own, "auto", files)
        assert labels_of(online.kernel, wanted) == wanted, (online.name, version.threshold)


@pytest.mark.slow
def test_printed_sql_decides_as_the_backend_and_its_pin_stays(case: tuple[Case, Path, Kernel]) -> None:
    """The select that dbt fills in, on DuckDB; no edit changes what is printed."""
    import duckdb

    made, folder, kernel = case
    if "sql" not in made.backends:
        pytest.skip("it has no SQL")
    printed = (folder / "macros/ml/tried.sql").read_text()
    module = SandboxedEnvironment().from_string(printed).make_module({"target": {"type": "duckdb"}})
    macro = module.scorehouse_predict__tried__v1
    features = training_table()
    for version in edits(made, kernel):
        if (version.threshold is None) == (made.threshold is None):
            compiled = compile_sql(made.estimator, version, kernel.signature, "duckdb")
            assert compiled.macro_body() in printed
        decision = {f"class_{n}": literal(label) for n, label in enumerate(version.classes)}
        decision["threshold"] = (
            "null" if version.threshold is None else f"cast('{version.threshold!r}' as double)"
        )
        with duckdb.connect() as connection:
            connection.register("features", features)
            select = macro("features", "", ['"amount"', '"visits"'], decision)
            found = connection.sql(str(select)).to_arrow_table()
        wanted = oracle(made, kernel, version)
        assert {name: found[name].to_pylist() for name in wanted} == wanted


def literal(label: Any) -> str:
    if isinstance(label, str):
        return "'" + label.replace("'", "''") + "'"
    return f"{label!r}e0" if isinstance(label, float) else str(label).lower()


WRONG = {
    "more classes": ("trees", {"classes": (1, 2, 3), "class_columns": {}}, "3 classes"),
    "classes alone": ("trees", {"classes": (7, 9)}, "class_columns names the classes [True]"),
    "one label twice": ("two classes", {"classes": (1, 1), "class_columns": {}}, "a label of its own"),
    "labels of two types": ("two classes", {"classes": (1, "b"), "class_columns": {}}, "['int', 'str']"),
    "no threshold any more": ("with a threshold", {"threshold": None}, "threshold is empty"),
    "a threshold for three": ("three classes", {"threshold": 0.5}, "of 3 classes"),
    "another method": ("trees", {"score_method": "decision_function"}, "score_method is"),
    "another rule": ("two classes", {"label_method": "predict"}, "label_method is 'predict'"),
    "another task": ("trees", {"task": "ranking"}, "is a ranking"),
    "other columns": (
        "three classes",
        {"class_columns": {"score_x": 0, "score_y": 1, "score_z": 2}},
        "columns is ['score_x'",
    ),
    "classes of several labels": ("several labels", {"classes": (7, 9)}, "the classes [0, 1]"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", WRONG)
def test_a_row_that_no_backend_can_follow_is_refused_in_words(name: str, tmp_path: Path) -> None:
    which, changes, said = WRONG[name]
    made = CASES[which]
    version = registered_kernel(
        tmp_path, made.estimator.fit(X, made.y), X, made.y, task=made.task, threshold=made.threshold
    ).version
    assert fault_of(version) is None
    wrong = replace(version, **changes)
    with pytest.raises(RegistryError) as refused:
        kernel_of(wrong, ProgramFiles(tmp_path, LoadPolicy()), frozenset(), "test")
    assert said in str(refused.value)
    again = "scorehouse compile tried --version 1" in str(refused.value)
    assert again == (name in ("no threshold any more", "another method", "another rule", "other columns"))
    (fact,) = registered_facts(ModelSeeds(tmp_path, "tried"), [wrong])
    assert said in f"{fact['undecided']['problem']} {fact['undecided']['expected']}"


@pytest.mark.slow
@pytest.mark.parametrize("text", ["nan", "inf", "-Infinity"])
def test_a_threshold_that_is_no_number_is_refused(text: str, tmp_path: Path) -> None:
    made = CASES["two classes"]
    version = registered_kernel(tmp_path, made.estimator.fit(X, made.y), X, task=made.task).version
    with pytest.raises(RegistryError, match="the threshold of tried version 1 is"):
        Version.from_row({**version.to_row(), "threshold": text})


@pytest.mark.slow
def test_without_a_program_the_estimator_follows_any_rule(tmp_path: Path) -> None:
    made = CASES["two classes"]
    kernel = registered_kernel(
        tmp_path, made.estimator.fit(X, made.y), X, task=made.task, threshold=0.2, program=False
    )
    check_label_rule(replace(kernel.version, threshold=None), "test")
    with pytest.raises(ConfigurationError, match="scorehouse compile"):
        choose_backend(kernel, "sql", 10, ProgramFiles(tmp_path, LoadPolicy()))
