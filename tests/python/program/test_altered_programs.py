"""Programs with other indices, honestly registered, are refused before any loop in C runs over them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression

import altered_programs
from altered_programs import Arrays, kept_of, packed, unpacked, with_entry
from scorehouse import register
from scorehouse.cli.main import main
from scorehouse.program.native.build import FLAGS, FOLDER
from scorehouse.registration.groups import grouped
from scorehouse.registry.artifact import PROGRAM_FILE
from scorehouse.registry.storage import sha256
from scorehouse.segmented import SegmentedClassifier
from visits_frame import FRAME, LABEL

SEED, ALTERATIONS = 20_261, 60
# 1,700,000 for each of the six are ten million over a night: CONTRIBUTING.md
MANY = int(os.environ.get("SCOREHOUSE_ALTERATIONS", "1_200"))
CASES = [("boosted", "native"), ("boosted", "reasons"), ("forest", "native"), ("linear", "reasons")]
CASES += [("linear", "matrix"), ("by_city", "native")]


def registered(
    folder: Path,
    iterations: int,
    deepest: int | None,
    background: int,
    leaves: int = 31,
    of_segments: int = 5,
) -> Path:
    """A project with every layout: categories, deep trees, a background, one estimator per segment."""
    (folder / "dbt_project.yml").write_text("name: house\n")
    boosting = HistGradientBoostingClassifier(
        max_iter=iterations, max_leaf_nodes=leaves, categorical_features="from_dtype"
    )
    forest = RandomForestClassifier(4, max_depth=deepest, random_state=0)
    numbers = ["amount", "visits"]
    models = {
        "boosted": (boosting, FRAME.assign(city=FRAME.city.astype("category")), {"background": background}),
        "forest": (forest, FRAME[numbers], {}),
        "linear": (LogisticRegression(), FRAME[numbers], {"background": background}),
        "by_city": (SegmentedClassifier(RandomForestClassifier(2, max_depth=of_segments), "city"), FRAME, {}),
    }
    for name, (estimator, X, facts) in models.items():
        X = X[[*numbers, "city"]] if name == "by_city" else X
        register(
            estimator.fit(X, LABEL),
            name,
            X,
            LABEL,
            task="classification",
            project_dir=folder,
            **grouped(facts),
        )
    return folder


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return registered(tmp_path_factory.mktemp("house"), iterations=6, deepest=None, background=100)


@pytest.fixture(scope="module")
def small_house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with fewer nodes, of which trees of the forest have more than a top: all loops run."""
    folder = tmp_path_factory.mktemp("small_house")
    return registered(folder, iterations=2, deepest=9, background=10, leaves=8, of_segments=2)


def tried(house: Path, name: str, backend: str, seed: int, *more: str, **variables: str) -> dict[str, int]:
    """What a process of its own, which an index out of bounds would end, says of altered files."""
    program = str(Path(altered_programs.__file__))
    ended = subprocess.run(
        [sys.executable, program, str(house), name, backend, str(seed), *more],
        capture_output=True,
        text=True,
        env=os.environ | variables,
    )
    assert ended.returncode == 0, ended.stderr[-2000:]
    return dict(json.loads(ended.stdout))


@pytest.fixture(scope="module")
def sanitized(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The folder of a kernel with the sanitizers of gcc, which see what by chance ends no process.

    With the variables of a process that loads it; without gcc, the usual kernel and none.
    """
    folder = tmp_path_factory.mktemp("kernel")
    if (compiler := shutil.which("gcc")) is None:
        return {"folder": str(FOLDER)}
    sanitizers = ["-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"]
    flags = [flag for flag in FLAGS if flag not in ("-O3", "-s")]
    source, library = str(FOLDER / "kernel.c"), str(folder / "_kernel.so")
    subprocess.run([compiler, *flags, *sanitizers, source, "-o", library, "-lm"], check=True)
    runtime = subprocess.check_output([compiler, "-print-file-name=libasan.so"], text=True).strip()
    return {
        "folder": str(folder),
        "LD_PRELOAD": runtime,
        "ASAN_OPTIONS": "detect_leaks=0:malloc_context_size=4",
    }


def survived(house: Path, name: str, backend: str, count: int, seed: int, sanitized: dict[str, str]) -> None:
    """The corpus, every index led out of its array, and alterations at random."""
    variables = dict(sanitized)
    outcomes = tried(house, name, backend, seed, str(count), variables.pop("folder"), **variables)
    print(name, backend, "seed", seed, outcomes)
    assert sum(outcomes.values()) >= count + len(kept_of(name, backend)) > count
    assert backend == "matrix" or name == "linear" or outcomes["refused"] > count / 2


@pytest.mark.slow
@pytest.mark.parametrize(("name", "backend"), CASES)
def test_no_altered_program_ends_the_process(
    name: str, backend: str, house: Path, sanitized: dict[str, str]
) -> None:
    survived(house, name, backend, ALTERATIONS, SEED, sanitized)


@pytest.mark.soak
@pytest.mark.parametrize(("name", "backend"), CASES)
def test_none_of_many_ends_the_process(
    name: str, backend: str, small_house: Path, sanitized: dict[str, str]
) -> None:
    seed = int(os.environ.get("SCOREHOUSE_ALTERATIONS_SEED", SEED))
    survived(small_house, name, backend, MANY, seed, sanitized)


def replaced(house: Path, name: str, arrays: Arrays, to: Path) -> Path:
    """A copy of the project in which these arrays are the registered ones."""
    shutil.copytree(house, to)
    file = to / "artifacts" / name / "1" / PROGRAM_FILE
    seed = to / "seeds/ml" / name / f"ml_{name}.csv"
    before = sha256(file.read_bytes())
    file.write_bytes(packed(arrays))
    seed.write_text(seed.read_text().replace(before, sha256(file.read_bytes())))
    return to


def test_check_names_the_index(house: Path, tmp_path: Path) -> None:
    whole = unpacked((house / "artifacts/forest/1" / PROGRAM_FILE).read_bytes())
    cases = {
        "a split reads none of 2 columns": with_entry(whole, "feature", 0, 2),
        "a child is no later node of its tree": with_entry(whole, "left", 0, 0),
        "a tree adds to none of": with_entry(whole, "group", 0, -1),
        "it has arrays that its layout does not know, such as 'extra'": whole | {"extra": np.zeros(1 << 16)},
        "too many for a file of": whole | {"category_codes": np.zeros(1 << 26, dtype=np.int32)},
    }
    for number, (problem, arrays) in enumerate(cases.items()):
        project = replaced(house, "forest", arrays, tmp_path / str(number))
        ended = CliRunner().invoke(main, ["check", "--project-dir", str(project)])
        assert ended.exit_code == 1
        assert (
            "the backend 'native' of forest version 1 does not serve: its file cannot be read" in ended.output
        )
        assert problem in ended.output
