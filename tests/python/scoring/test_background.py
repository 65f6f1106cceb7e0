"""Reasons against a background: stored, proven, kept by compile and retrain, and refused in words."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.compose import make_column_transformer
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)
from sklearn.linear_model import LogisticRegression
from sklearn.multioutput import MultiOutputRegressor
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from project import DbtProject, batch_of
from scorehouse import load
from scorehouse.cli.main import main
from scorehouse.errors import ArtifactError, ConfigurationError, ScorehouseError, SignatureError
from scorehouse.kernel.scorer import Kernel
from scorehouse.program.choose import ProgramFiles
from scorehouse.program.reasons.kernel import Asked, ReasonedKernel, read_reasons
from scorehouse.program.reasons.stored_reasons import (
    background_facts,
    canonical_columns,
    canonical_rows,
    of_array,
)
from scorehouse.registry import artifact
from scorehouse.registry.policy import load_policy
from scorehouse.registry.seeds import ModelSeeds
from scorehouse.retraining.job import Frames, Job
from scorehouse.retraining.store import background_of_parent, store

ROWS = 400
NUMBERS = ["age", "spent", "visits"]


def training() -> tuple[pd.DataFrame, pd.Series]:
    rng = np.random.default_rng(3)
    frame = pd.DataFrame(
        {
            "city": rng.choice(["Bern", "Genf", "Zug"], ROWS),
            "age": np.round(rng.normal(40, 12, ROWS)),
            "spent": np.round(rng.lognormal(3, 1, ROWS), 2),
            "visits": rng.integers(0, 9, ROWS),
        }
    )
    frame.loc[rng.random(ROWS) < 0.1, "age"] = np.nan
    pull = frame.spent / 40 + (frame.city == "Bern") + frame.visits / 9 + frame.age.fillna(40) / 40
    return frame, pd.Series(np.where(pull + rng.normal(size=ROWS) / 2 > 2.6, "yes", "no"))


def encoded(last: Any) -> Any:
    numbers = (StandardScaler(), ["spent", "visits"])
    city = (OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["city"])
    return make_pipeline(make_column_transformer(city, numbers, remainder="passthrough"), last)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> DbtProject:
    project = DbtProject(tmp_path_factory.mktemp("background") / "house")
    frame, labels = training()
    filled, given = frame.fillna({"age": 40.0}), frame[NUMBERS].head(70)
    models: list[tuple[str, Any, pd.DataFrame, Any]] = [
        ("trees", encoded(HistGradientBoostingClassifier(max_iter=15)), frame, 100),
        ("plain", HistGradientBoostingClassifier(max_iter=15), frame[NUMBERS], given),
        ("linear", encoded(LogisticRegression(max_iter=500)), filled, filled.head(30)),
    ]
    for name, estimator, X, background in models:
        facts = {"task": "classification", "background": background}
        project.register(estimator.fit(X, labels), name, X, labels, **facts)
    weeks = given.fillna(0.0).to_numpy() @ np.array([[0.1, 1.0], [1.0, 0.3], [0.0, 4.0]])
    several = MultiOutputRegressor(HistGradientBoostingRegressor(max_iter=8)).fit(given, weeks)
    facts = {"task": "multioutput_regression", "background": 25}
    project.register(several, "several", given, weeks, **facts)
    return project


def opened(project: DbtProject, name: str, top: int = 4) -> tuple[Kernel, ReasonedKernel]:
    """The estimator's kernel of a version, and one with its reasons as a run reads them."""
    version = ModelSeeds(project.folder, name).versions()[0]
    policy = load_policy(project.folder)
    estimator, signature, _ = artifact.load(project.folder, version, policy, "test")
    kernel = Kernel(estimator, version, signature, strict=frozenset(), call="test")
    backend, _ = read_reasons(kernel, ProgramFiles(project.folder, policy))
    return kernel, ReasonedKernel(kernel, backend, Asked(top))


def background_rows(project: DbtProject, name: str) -> pd.DataFrame:
    """The rows as registration stored them."""
    with np.load(project.folder / f"artifacts/{name}/1/program.npz", allow_pickle=False) as file:
        rows = of_array(file["background"])
    return rows.to_pandas()


@pytest.mark.slow
def test_the_base_is_the_mean_over_the_stored_rows(project: DbtProject) -> None:
    """Of trees, of each of several outputs, and of linear models alike."""
    for name, count in {"trees": 100, "plain": 70, "linear": 30, "several": 25}.items():
        rows = background_rows(project, name)
        kernel, reasoned = opened(project, name)
        assert len(rows) == count and rows.columns.tolist() == kernel.signature.names
        method = "predict" if name == "several" else "decision_function"
        base = getattr(kernel.estimator, method)(rows).mean(axis=0)
        found = reasoned.backend.contributions(
            canonical_columns(canonical_rows(kernel.signature, batch_of(rows)))
        )
        np.testing.assert_allclose(found.base, np.atleast_1d(base), atol=1e-12)
        assert found.errors().max() < 1e-12
        np.testing.assert_allclose(found.parts.mean(axis=0), 0.0, atol=1e-9)  # of the background itself


def test_drawn_rows_are_training_rows_and_the_registry_says_so(project: DbtProject) -> None:
    frame, _ = training()
    drawn = background_rows(project, "trees")
    assert (
        len(drawn.merge(frame.drop_duplicates(), how="left", indicator=True).query("_merge == 'both'")) == 100
    )
    facts = {
        name: background_facts(ModelSeeds(project.folder, name).versions()[0]) for name in ("trees", "plain")
    }
    assert [facts["trees"]["drawn"], facts["plain"]["drawn"]] == [True, False]


def test_contributions_are_those_of_the_estimator_by_definition(project: DbtProject) -> None:
    """Every coalition of features, all others as in the background, asked of the estimator itself."""
    kernel, reasoned = opened(project, "plain")
    background = background_rows(project, "plain")
    rows = training()[0][NUMBERS].iloc[90:110].reset_index(drop=True)
    worth: dict[frozenset[str], np.ndarray] = {}
    for known in [frozenset(some) for size in range(4) for some in combinations(NUMBERS, size)]:
        mixed = background.loc[np.tile(np.arange(70), 20)].reset_index(drop=True)
        for name in known:
            mixed[name] = np.repeat(rows[name].to_numpy(), 70)
        worth[known] = kernel.estimator.decision_function(mixed).reshape(20, 70).mean(axis=1)
    batch = batch_of(rows)
    found = reasoned.contributions(batch, kernel(batch)).parts[:, 0]
    for place, name in enumerate(NUMBERS):
        expected = sum(
            math.factorial(len(known)) * math.factorial(2 - len(known)) / 6 * (worth[known | {name}] - value)
            for known, value in worth.items()
            if name not in known
        )
        np.testing.assert_allclose(found[:, place], expected, atol=1e-12)
    assert np.abs(found).max() > 0.1


ROW = st.tuples(
    st.sampled_from(["Bern", "Genf", "Zug", "Paris", "", None]),
    st.none() | st.floats(allow_nan=True, allow_infinity=True),
    st.none() | st.floats(-1e3, 1e3) | st.sampled_from([0.0, -0.0, 5e-324, 1e308, -1e308]),
    st.none() | st.integers(-(2**40), 2**40),
)


def test_the_law_holds_for_any_batch(project: DbtProject) -> None:
    """NULL, unseen categories and extremes: a kernel with reasons fails where they do not add up."""
    kernels = [opened(project, name)[1] for name in ("trees", "linear")]

    @settings(max_examples=15)
    @given(drawn=st.lists(ROW, min_size=1, max_size=12))
    def holds(drawn: list[tuple[Any, ...]]) -> None:
        types = (pa.string(), pa.float64(), pa.float64(), pa.int64())
        values = zip(zip(*drawn, strict=True), types, strict=True)
        columns = [pa.array(list(one), kind) for one, kind in values]
        batch = pa.RecordBatch.from_arrays(columns, names=["city", *NUMBERS])
        for kernel in kernels:
            made = kernel(batch)
            assert made.column("reason_base").is_valid().equals(made.column("score").is_valid())

    holds()


def test_another_background_makes_another_version(project: DbtProject) -> None:
    frame, labels = training()
    X = frame[["spent", "visits"]]
    estimator = LogisticRegression().fit(X, labels)
    numbers = [
        project.register(estimator, "again", X, labels, task="classification", background=background).version
        for background in (20, None, 20, X.head(12), X.head(12))
    ]
    assert numbers == [1, 1, 1, 2, 2]


def test_compile_keeps_the_background(project: DbtProject, tmp_path: Path) -> None:
    twin = project.copy(tmp_path / "twin")
    before = ModelSeeds(twin.folder, "trees").versions()[0]
    arguments = ["trees", "--project-dir", str(twin.folder), "--rows", "500"]
    ended = CliRunner().invoke(main, ["compile", *arguments], catch_exceptions=False)
    assert "reasons against 100 background rows proven on" in ended.output
    after = ModelSeeds(twin.folder, "trees").versions()[0]
    assert background_facts(after) == background_facts(before) and background_facts(after)
    told = load("trees", twin.folder).explain(training()[0].head(1).to_dict("records")[0])
    assert told["reason_base"] == pytest.approx(opened(project, "trees")[1].backend.base[0], abs=1e-12)


def test_an_altered_background_is_refused(project: DbtProject, tmp_path: Path) -> None:
    twin = project.copy(tmp_path / "twin")
    file = twin.folder / "artifacts/plain/1/program.npz"
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    version = ModelSeeds(twin.folder, "plain").versions()[0]
    with pytest.raises(ArtifactError, match="sha256"):
        artifact.check_files(twin.folder, version, load_policy(twin.folder), "check")


def test_a_retrained_version_compares_as_its_parent_does(project: DbtProject, tmp_path: Path) -> None:
    twin = project.copy(tmp_path / "twin")
    frame, labels = training()
    days = pd.Timestamp("2026-01-01") + pd.to_timedelta(np.arange(ROWS) // 25, "D")
    frame = frame.assign(day=days, label=labels.eq("yes").astype(int))
    frames = Frames(frame.iloc[100:], frame.iloc[:100])
    parents = {name: ModelSeeds(twin.folder, name).versions()[0] for name in ("trees", "plain")}
    jobs = {
        name: Job(
            "train", "test", str(twin.folder), name, "", "a:b", (), ("label",), "day", 0, tuple(NUMBERS)
        )
        for name in parents
    }
    jobs = {name: replace(job, parent=parents[name].to_row()) for name, job in jobs.items()}
    assert background_of_parent(jobs["trees"], 300) == 100  # drawn anew, from the rows to train on
    assert background_of_parent(jobs["trees"], 40) == 40
    estimator = HistGradientBoostingClassifier(max_iter=5).fit(
        frames.training[NUMBERS], frames.training.label
    )
    facts = {"task": "classification"}
    store(estimator, frames, replace(jobs["plain"], store="register", calibrate="none", facts=facts))
    retrained = ModelSeeds(twin.folder, "plain").versions()[1]
    assert background_facts(retrained) == background_facts(parents["plain"])  # rows that were given stay


@pytest.mark.parametrize(
    ("background", "error", "problem"),
    [
        (5, ConfigurationError, "background is 5 rows"),
        (2_000, ConfigurationError, "background is 2,000 rows"),
        (401, ConfigurationError, "401 rows, and 400 of the training rows are scored"),
        (True, ConfigurationError, "background is True"),
        ({"rows": 5}, ConfigurationError, "a frame of 1 to 1,000 rows"),
        (lambda f: f.head(0), ConfigurationError, "background has 0 rows"),
        (lambda f: pd.concat([f] * 3), ConfigurationError, "background has 1,200 rows"),
        (
            lambda f: f.rename(columns={"age": "agee"}),
            SignatureError,
            r"lacks the features age.*'agee'",
        ),
        (
            lambda f: f.assign(spent=np.inf),
            ConfigurationError,
            "400 of 400 background rows are rejected",
        ),
    ],
)
def test_what_is_no_background_is_refused(
    project: DbtProject, background: Any, error: type[ScorehouseError], problem: str
) -> None:
    frame, labels = training()
    estimator = opened(project, "linear")[0].estimator
    chosen = background(frame.fillna({"age": 40.0})) if callable(background) else background
    facts = {"task": "classification", "background": chosen}
    with pytest.raises(error, match=problem):
        project.register(estimator, "linear", frame.fillna({"age": 40.0}), labels, **facts)
    assert len(ModelSeeds(project.folder, "linear").versions()) == 1


def test_a_version_without_reasons_takes_no_background(project: DbtProject) -> None:
    frame, labels = training()
    X = frame[["spent", "visits"]]
    bayes, facts = GaussianNB().fit(X, labels), {"task": "classification", "background": 50}
    with pytest.raises(ConfigurationError, match="only trees and linear models have exact reasons"):
        project.register(bayes, "bayes", X, labels, **facts)
    with pytest.raises(ConfigurationError, match="there are no reasons that compare with it"):
        project.register(bayes, "bayes", X, labels, program=False, **facts)
    assert not (project.folder / "artifacts/bayes").exists()
