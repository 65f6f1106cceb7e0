"""A process that has imported nothing yet loads many versions in many threads."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import BaggingClassifier, HistGradientBoostingClassifier, VotingClassifier
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.impute import KNNImputer
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import SplineTransformer, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from project import SUPPORT, DbtProject
from scorehouse import SegmentedClassifier, register
from scorehouse.registration.groups import grouped

PROGRAM = SUPPORT / "cold_start.py"
AT_ONCE = 3  # more processes than cores


def estimators() -> Iterator[tuple[str, Any, str]]:
    """Names, estimators of many modules, and formats; boosters and skops where they are installed."""
    nearest, bayes = KNeighborsClassifier(), GaussianNB()
    yield "nearest", nearest, "joblib"
    yield "vectors", SVC(), "joblib"
    yield "process", GaussianProcessClassifier(), "joblib"
    yield "neural", MLPClassifier(max_iter=20), "joblib"
    yield "boosted", HistGradientBoostingClassifier(max_iter=3), "joblib"
    yield "stochastic", SGDClassifier(loss="log_loss"), "joblib"
    yield "discriminant", LinearDiscriminantAnalysis(), "joblib"
    yield "tree", DecisionTreeClassifier(max_depth=3), "joblib"
    yield "imputed", make_pipeline(KNNImputer(), LogisticRegression()), "joblib"
    yield (
        "spline",
        make_pipeline(SplineTransformer(), Nystroem(n_components=5), LogisticRegression()),
        "joblib",
    )
    yield "calibrated", CalibratedClassifierCV(bayes, cv=2), "joblib"
    yield "bagged", BaggingClassifier(n_estimators=3), "joblib"
    yield "voting", VotingClassifier([("nearest", nearest), ("bayes", bayes)]), "joblib"
    yield "segmented", SegmentedClassifier(bayes, by="c"), "joblib"
    if find_spec("skops"):
        yield "archived", make_pipeline(StandardScaler(), LogisticRegression()), "skops"
    if find_spec("lightgbm"):
        from lightgbm import LGBMClassifier

        yield "light", LGBMClassifier(n_estimators=3, verbose=-1), "native"
        yield "light_pickled", LGBMClassifier(n_estimators=3, verbose=-1), "joblib"
    if find_spec("xgboost"):
        from xgboost import XGBClassifier

        yield "extreme", XGBClassifier(n_estimators=3), "native"
        yield "extreme_pickled", XGBClassifier(n_estimators=3), "joblib"


def registered(folder: Path) -> list[str]:
    """The names of versions of many libraries, each registered with its estimator alone."""
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(90, 3)), columns=["a", "b", "c"])
    frame["c"] = np.arange(90) % 3 * 0.1
    label = (frame["a"] + frame["b"] > 0).astype(int)
    found = []
    for name, estimator, artifact_format in estimators():
        facts: dict[str, Any] = {"task": "classification", "program": False, "alias": "champion"}
        register(
            estimator.fit(frame, label),
            name,
            frame,
            label,
            project_dir=folder,
            **grouped({"format": artifact_format, **facts}),
        )
        found.append(name)
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cold")
    (folder / "dbt_project.yml").write_text("name: shop\n")
    registered(folder)
    return folder


def start(folder: Path, threads: int, seed: int, *further: str) -> str:
    """What a cold process says that could not load something; empty if it could."""
    # LightGBM warns of what it ignores in a model; that is no failure
    command = [sys.executable, "-W", "ignore", str(PROGRAM), str(folder), str(threads), str(seed), *further]
    ended = subprocess.run(command, capture_output=True, text=True)
    said = ended.stdout.strip() + ended.stderr.strip()
    return said if said or not ended.returncode else f"it ended with {ended.returncode}"


def failures(folder: Path, starts: int, *further: str) -> list[str]:
    """What cold processes with 8 and 16 threads said, several of them at once."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        ended = [pool.submit(start, folder, (8, 16)[seed % 2], seed, *further) for seed in range(starts)]
        return [said for each in ended if (said := each.result())]


@pytest.mark.slow
def test_a_cold_process_loads_many_versions_at_once(folder: Path) -> None:
    assert failures(folder, 3) == []


@pytest.mark.soak
def test_without_the_lock_one_of_a_few_fails(folder: Path) -> None:
    said = (start(folder, 16, seed, "unlocked") for seed in range(12))
    assert any("Error" in each for each in said), "these tests would not see that the lock is missing"


@pytest.mark.soak
def test_two_hundred_cold_processes_load_them(folder: Path) -> None:
    found = failures(folder, 200)
    print(f"{len(found)} of 200 cold starts failed")
    assert found == []


@pytest.mark.soak
def test_cold_builds_with_threads(project: DbtProject) -> None:
    project.features("select range as id, range * 0.1 as a, 0.5e0 as b, range % 3 * 0.1 as c from range(500)")
    for name in registered(project.folder):
        project.sql_model(f"{name}_predictions", name, key="id")
    command = [str(Path(sys.executable).with_name("dbt")), "build", "--threads", "16"]
    cold = {name: value for name, value in project.environment.items() if name != "PYTHONPATH"}
    for _ in range(10):
        ended = subprocess.run(command, cwd=project.folder, env=cold, capture_output=True, text=True)
        assert ended.returncode == 0, ended.stdout
