"""Several outputs: their names, what is refused, and backends that equal the estimator."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.compose import TransformedTargetRegressor
from sklearn.cross_decomposition import PLSRegression
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.linear_model import LinearRegression, MultiTaskLasso, PoissonRegressor, Ridge
from sklearn.multioutput import MultiOutputRegressor, RegressorChain
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor

from project import MakeKernel
from scorehouse import MultiQuantileRegressor, register
from scorehouse.errors import RegistryError, ScorehouseError
from scorehouse.kernel.scorer import Kernel
from scorehouse.kernel.training_batch import training_batch
from scorehouse.program.choose import ProgramFiles, choose_backend
from scorehouse.program.proof import kernel_rows
from scorehouse.program.reasons.kernel import Asked, ReasonedKernel, asked_outputs, read_reasons
from scorehouse.registration.groups import grouped
from scorehouse.registry.policy import LoadPolicy
from scorehouse.registry.registry_file import RegistryFile
from scorehouse.registry.seeds import ModelSeeds
from scorehouse.registry.version import Version

pytestmark = pytest.mark.slow

ROWS, TASK = 300, "multioutput_regression"
DRAW = np.random.default_rng(3)
X = pd.DataFrame(DRAW.normal(size=(ROWS, 3)), columns=["price", "lag", "season"])
Y = pd.DataFrame(
    {
        "Week 1": 2 * X.price + X.lag + DRAW.normal(size=ROWS) / 10,
        "Week 2": 1000 * X.season,
        "größe": np.exp(X.lag / 3),
    }
)
COLUMNS = ["prediction_week_1", "prediction_week_2", "prediction_größe"]
TREES = HistGradientBoostingRegressor(max_iter=5)


def asked(folder: Path, estimator: Any, y: Any = Y, **facts: Any) -> Version:
    (folder / "dbt_project.yml").touch()
    return register(estimator, "demand", X, y, **grouped({"task": TASK, "project_dir": folder, **facts}))


@pytest.mark.parametrize(
    ("y", "outputs", "names"),
    [
        (Y, None, ["Week 1", "Week 2", "größe"]),
        (Y, ["a", "B-2", "c"], ["a", "B-2", "c"]),
        (Y.to_numpy(), None, ["output_1", "output_2", "output_3"]),
        (pa.table(Y), None, ["Week 1", "Week 2", "größe"]),
        (None, None, ["output_1", "output_2", "output_3"]),
        (Y.to_numpy().tolist(), ("x", "y", "z"), ["x", "y", "z"]),
    ],
    ids=["frame", "given", "array", "arrow", "no labels", "lists"],
)
def test_the_names(y: Any, outputs: Any, names: list[str], tmp_path: Path) -> None:
    version = asked(tmp_path, Ridge().fit(X, Y), y, outputs=outputs, program=False)
    assert list(version.outputs.values()) == names
    plain = ["prediction_" + name.lower().replace(" ", "_").replace("-", "_") for name in names]
    assert list(version.outputs) == plain
    assert ModelSeeds(tmp_path, "demand").versions() == [version]


REFUSED: dict[str, tuple[Any, Any, dict[str, Any], str]] = {
    "another task": (Ridge(), Y, {"task": "regression"}, "gives 3 outputs per row"),
    "one output": (Ridge(), Y["Week 1"], {"y": None}, "gives one output per row"),
    "labels of one output": (Ridge(), Y, {"y": Y["Week 1"]}, r"y has the shape \(300,\)"),
    "labels of four": (Ridge(), Y, {"y": Y.assign(z=1.0)}, "y has 4 columns"),
    "labels of two to judge by": (
        Ridge(),
        Y,
        {"validation": (X, Y.iloc[:, :2])},
        "y has 2 columns",
    ),
    "too few names": (Ridge(), Y, {"outputs": ["a"]}, "outputs has 1 names"),
    "names of one column": (Ridge(), Y, {"outputs": ["a b", "A-B", "c"]}, "'prediction_a_b', and so would"),
    "a name of an interval": (Ridge(), Y, {"outputs": ["low", "b", "c"]}, "'prediction_low'"),
    "a name without letters": (Ridge(), Y, {"outputs": ["?", "b", "c"]}, "the output '[?]' would have"),
    "no list": (Ridge(), Y, {"outputs": "abc"}, "outputs is 'abc'"),
    "a number": (Ridge(), Y, {"outputs": [1, 2, 3]}, r"outputs is \[1, 2, 3\]"),
    "names for one output": (Ridge(), Y["Week 1"], {"task": "regression", "outputs": ["a"]}, "outputs is"),
    "words as labels": (Ridge(), Y, {"y": Y.assign(größe="x")}, "cannot be read as numbers"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_fit_is_refused_in_words(case: str, tmp_path: Path) -> None:
    estimator, y, facts, problem = REFUSED[case]
    with pytest.raises(ScorehouseError, match=problem) as told:
        asked(tmp_path, estimator.fit(X, y), **{"y": y, "program": False, **facts})
    assert "register('demand')" in str(told.value) and "What to do" in str(told.value)
    assert not (tmp_path / "seeds").exists()


BACKENDS: dict[str, tuple[Any, set[str]]] = {
    "linear": (LinearRegression(), {"sql", "matrix"}),
    "multi-task": (make_pipeline(StandardScaler(), MultiTaskLasso(alpha=0.01)), {"sql", "matrix"}),
    "partial least squares": (PLSRegression(2), {"sql", "matrix"}),
    "one linear model each": (MultiOutputRegressor(Ridge()), {"sql", "matrix"}),
    "one pipeline each": (MultiOutputRegressor(make_pipeline(StandardScaler(), Ridge())), {"sql"}),
    "a chain": (RegressorChain(Ridge(), order=[2, 0, 1]), {"sql"}),
    "a tree": (DecisionTreeRegressor(max_depth=4), {"sql", "native"}),
    "a forest": (RandomForestRegressor(4, max_depth=4, random_state=0), {"sql", "native"}),
    "one forest each": (MultiOutputRegressor(RandomForestRegressor(3, max_depth=3)), {"sql", "native"}),
    "one boosting each": (MultiOutputRegressor(TREES), {"sql", "native"}),
    "a scaled target": (TransformedTargetRegressor(Ridge(), transformer=StandardScaler()), {"sql"}),
}


@pytest.mark.parametrize("case", BACKENDS)
def test_each_backend_equals_the_estimator_in_each_output(
    case: str, tmp_path: Path, make_kernel: MakeKernel
) -> None:
    estimator, backends = BACKENDS[case]
    kernel = make_kernel(estimator.fit(X, Y), X, Y, task=TASK)
    assert {"sql", "native", "matrix"} & set(kernel.version.program) == backends
    assert ("reasons" in kernel.version.program) == bool(backends & {"native", "matrix"})
    assert list(kernel.schema.names) == [*COLUMNS, "reject_reason"]
    unseen = pd.DataFrame(np.random.default_rng(9).normal(size=(100, 3)), columns=X.columns)
    rows = pa.Table.from_batches([training_batch(unseen, "test")])
    expected = estimator.predict(unseen)
    for name in (*backends, "estimator"):
        backend = choose_backend(kernel, name, 100, ProgramFiles(tmp_path, LoadPolicy()))
        found = scored(backend.kernel, backend.compiled, rows)
        for column, truth in zip(COLUMNS, expected.T, strict=True):
            np.testing.assert_allclose(found[column].to_numpy(), truth, rtol=1e-9, atol=1e-9)


def scored(kernel: Kernel, compiled: Any, rows: pa.Table) -> pa.Table:
    if compiled is None:
        return kernel_rows(kernel, rows)
    from scorehouse.program.sql.in_duckdb import duckdb_rows

    return duckdb_rows(compiled, rows)


@pytest.mark.parametrize(
    ("estimator", "why"),
    [
        (MultiOutputRegressor(PoissonRegressor()), "of several outputs, its predict() is no weighted sum"),
        (
            MultiOutputRegressor(HistGradientBoostingRegressor(max_iter=3, loss="poisson")),
            "of several outputs, predict() is no sum of trees",
        ),
        (RegressorChain(Ridge()), "its estimators read what those before them predict"),
        (MultiQuantileRegressor(TREES, (0.2, 0.8)), "its outputs are sorted in each row"),
    ],
)
def test_backends_that_there_are_not_are_refused_in_words(
    estimator: Any, why: str, make_kernel: MakeKernel
) -> None:
    y = Y["Week 1"].abs() if isinstance(estimator, MultiQuantileRegressor) else Y.abs()
    estimator.fit(X, y)
    kernel = make_kernel(estimator, X, y if y.ndim == 2 else None, task=TASK)
    assert any(
        why in told for told in {"matrix": "", **kernel.version.program.get("refused", {})}.values()
    ) or (
        "sql" in kernel.version.program  # which is fast, so nothing is said of matrix products
    )


def test_reasons_are_those_of_the_output_that_is_asked_for(make_kernel: MakeKernel, tmp_path: Path) -> None:
    line, trees = LinearRegression().fit(X, Y), MultiOutputRegressor(TREES).fit(X, Y)
    rows = training_batch(X.iloc[:50], "test")
    for estimator in (line, trees):
        kernel = make_kernel(estimator, X, Y, task=TASK)
        backend, _ = read_reasons(kernel, ProgramFiles(tmp_path, LoadPolicy()))
        assert backend.unit == "the prediction's own unit"
        asked = asked_outputs(kernel.version, None, "test")
        assert asked == ((0, "__week_1"), (1, "__week_2"), (2, "__größe"))
        scored = kernel(rows)
        found = ReasonedKernel(kernel, backend, Asked(3, outputs=asked)).contributions(rows, scored)
        totals = found.base + found.parts.sum(axis=2)
        np.testing.assert_allclose(totals, estimator.predict(X)[:50], rtol=1e-9, atol=1e-9)
        if estimator is line:
            values = line.coef_ * (X - X.mean()).to_numpy()[:50, None, :]
            np.testing.assert_allclose(found.parts, values, atol=1e-9)
        one = asked_outputs(kernel.version, "Week 2", "test")
        assert one == asked_outputs(kernel.version, "prediction_week_2", "test") == ((1, ""),)
        alone = ReasonedKernel(kernel, backend, Asked(1, outputs=one))
        np.testing.assert_allclose(
            alone.contributions(rows, scored).parts[:, 0], found.parts[:, 1], atol=1e-12
        )
        assert alone(rows).column("reason_1").unique().to_pylist() == ["season"]
        both = ReasonedKernel(kernel, backend, Asked(1, outputs=asked_outputs(kernel.version, ["größe"], "")))
        assert both.schema.names[3:-1] == [
            f"{name}__größe"
            for name in ("reason_1", "reason_1_contribution", "reason_1_value", "reason_rest", "reason_base")
        ] + ["reason_total__größe", "reason_unit__größe"]
    refused: list[tuple[Any, str]] = [
        ("Week 3", "asked for the output 'Week 3'"),
        (3, "asked for the output 3"),
        ([], r"asked for the output \[\]"),
        ([["Week 2"]], r"asked for the output \[\['Week 2'\]\]"),
        ({"Week 2": 1}, "asked for the output {'Week 2': 1}"),
        (["Week 2", "prediction_week_2"], "twice for the output 'prediction_week_2'"),
    ]
    for wanted, problem in refused:
        with pytest.raises(ScorehouseError, match=problem) as told:
            asked_outputs(kernel.version, wanted, "test")
        assert "one of Week 1, Week 2, größe, or" in str(told.value)


def test_one_unusable_output_rejects_the_row(make_kernel: MakeKernel) -> None:
    far = pd.DataFrame({"price": [1.0, 1e200], "lag": [0.0, 1.0], "season": [0.0, 1e308]})
    kernel = make_kernel(LinearRegression().fit(X, Y), X, Y, task=TASK)
    result = kernel(training_batch(far, "test")).to_pydict()
    assert result["reject_reason"] == [None, "not_finite:prediction_week_2"]
    assert all(result[name][1] is None and np.isfinite(result[name][0]) for name in COLUMNS)


def test_importance_does_not_depend_on_the_unit_of_an_output(tmp_path: Path) -> None:
    asked(tmp_path, LinearRegression().fit(X, Y), program=False)
    with (tmp_path / "seeds/ml/demand/ml_demand__signature.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["importance_kind"] for row in rows} == {"permutation:scaled_squared_error"}
    shares = {row["feature"]: float(row["importance"]) for row in rows}
    # Week 2 is in thousands and knows the season alone; each output counts the same
    assert shares["season"] == pytest.approx(1 / 3, abs=0.05)
    assert shares["price"] == pytest.approx(0.8 / 3, abs=0.05)


def test_a_table_with_other_outputs_is_refused(tmp_path: Path) -> None:
    version = asked(tmp_path, Ridge().fit(X, Y), program=False)
    file = RegistryFile("demand", "ml_demand", (ModelSeeds(tmp_path, "demand").registry_file,))
    assert file.compared([version.to_row()], "score()") == [version]
    other = replace(version, outputs={"prediction_other": "other"})
    with pytest.raises(RegistryError, match="version 1 has outputs"):
        file.compared([other.to_row()], "score()")


def test_a_registry_has_the_column_only_if_a_version_needs_it(tmp_path: Path) -> None:
    seeds = ModelSeeds(tmp_path, "demand")
    asked(tmp_path, Ridge().fit(X, Y["Week 1"]), Y["Week 1"], task="regression", program=False)
    before = seeds.registry_file.read_text().splitlines()[0]
    assert "outputs" not in before and "outputs: *varchar" not in seeds.yaml_file.read_text()
    asked(tmp_path, Ridge().fit(X, Y), program=False)
    asked(tmp_path, Ridge().fit(X, Y), outputs=["a", "b", "c"], program=False)  # another version
    assert seeds.registry_file.read_text().splitlines()[0] == before + ",outputs"
    assert "outputs: *varchar" in seeds.yaml_file.read_text()
    assert [list(version.outputs.values()) for version in seeds.versions()] == [
        [],
        ["Week 1", "Week 2", "größe"],
        ["a", "b", "c"],
    ]
