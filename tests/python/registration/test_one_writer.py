"""One writer per ML model: registrations at once, killed ones, and commands that read and then write."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from scorehouse import promote, register
from scorehouse.cli import compile as compile_again
from scorehouse.registration.check_project import check_project
from scorehouse.registration.groups import grouped
from scorehouse.registration.lock import holding
from scorehouse.registration.prove_loaded import ONE_THREAD
from scorehouse.registry.seeds import ModelSeeds

SCOREHOUSE = Path(sys.executable).with_name("scorehouse")
X = pd.DataFrame({"age": np.arange(40.0), "visits": np.arange(40) % 7})
AT_ONCE = 6


def classifier(strength: float) -> LogisticRegression:
    return LogisticRegression(C=strength, max_iter=1000).fit(X, np.arange(40) > 20)


def churn(project: Path, strength: float, **facts: Any) -> Any:
    settings = {"task": "classification", "program": False, "project_dir": project, **facts}
    return register(classifier(strength), "churn", X, **grouped(settings))


def assert_sound(project: Path, count: int) -> None:
    """The numbers count up, every version could score, and the lock has left nothing behind."""
    versions = ModelSeeds(project, "churn").versions()
    assert [version.version for version in versions] == list(range(1, count + 1))
    assert len({version.sha256 for version in versions}) == count
    assert [item.faults for item in check_project(project) if item.faults] == []
    assert list(project.rglob("*.lock")) == [] and list(project.rglob("*.partial")) == []


@pytest.mark.slow
def test_registrations_at_once_have_numbers_of_their_own(empty_project: Path) -> None:
    X.to_csv("train.csv", index=False)
    running = []
    for place in range(AT_ONCE):
        joblib.dump(classifier(1.0 + place), f"{place}.joblib")
        words = ["register", "churn", f"{place}.joblib", "--features", "train.csv", "--no-program"]
        words += ["--task", "classification", "--alias", f"of_{'abcdef'[place]}", "--json"]
        running.append(
            subprocess.Popen([SCOREHOUSE, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        )
    told = [process.communicate(timeout=300) for process in running]
    assert [process.returncode for process in running] == [0] * AT_ONCE, told
    assert sorted(json.loads(said)["version"] for said, _ in told) == list(range(1, AT_ONCE + 1))
    assert_sound(empty_project, AT_ONCE)
    aliases = [version.aliases for version in ModelSeeds(empty_project, "churn").versions()]
    assert sorted(aliases) == [(f"of_{letter}",) for letter in "abcdef"]


# Forks a registration that dies before its n-th change of a file, and says how many changes one takes.
KILLED = """
import os, signal, sys
import joblib, pandas
from scorehouse import register

house, estimator, features = sys.argv[1:]
estimator, features = joblib.load(estimator), pandas.read_csv(features)
replaced = os.replace

def dying(left):
    def replace(source, target):
        nonlocal left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        replaced(source, target)
    return replace

code, changes = -1, 0
while code < 0:
    pid = os.fork()
    if pid == 0:
        os.replace = dying(changes)
        register(estimator, "churn", features, task="classification", project_dir=house)
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    print(code, os.path.exists(f"{house}/seeds/ml/churn/.ml_churn.lock"), flush=True)
    changes += 1
"""


@pytest.mark.slow
@pytest.mark.parametrize("earlier", [pytest.param(0, marks=pytest.mark.soak), 1])
def test_a_killed_registration_leaves_no_half_version(empty_project: Path, earlier: int) -> None:
    """Each victim but the last dies holding the lock; the next one takes over at once, and the number too."""
    if earlier:
        churn(empty_project, 1.0)
    joblib.dump(classifier(2.0), "given.joblib")
    X.to_csv("train.csv", index=False)
    ended = subprocess.run(
        [sys.executable, "-c", KILLED, str(empty_project), "given.joblib", "train.csv"],
        env={**os.environ, **ONE_THREAD},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ended.returncode == 0, ended.stderr
    codes = [line.split() for line in ended.stdout.splitlines()]
    assert codes[-1] == ["0", "False"] and codes[:-1] == [["-9", "True"]] * (len(codes) - 1)
    assert len(codes) >= 8  # artifact, signature, macros, four files of seeds, and the one that lived
    assert_sound(empty_project, earlier + 1)


def test_a_version_exists_only_when_all_of_it_does(
    empty_project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The registry row is the last change: types and descriptions of its seeds stand before."""
    changed: list[str] = []
    replaced = __import__("os").replace

    def noted(source: Any, target: Any) -> None:
        changed.append(Path(target).name)
        replaced(source, target)

    monkeypatch.setattr("os.replace", noted)
    churn(empty_project, 1.0)
    assert changed[-2:] == ["_ml_churn.yml", "ml_churn.csv"]


@pytest.mark.slow
def test_a_proof_keeps_what_was_registered_meanwhile(
    empty_project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    churn(empty_project, 1.0)
    found = compile_again.find_backends

    def slow(*arguments: Any, **settings: Any) -> Any:
        churn(empty_project, 2.0, alias="champion")
        return found(*arguments, **settings)

    monkeypatch.setattr(compile_again, "find_backends", slow)
    compile_again.compile_command.main(["churn", "--version", "1"], standalone_mode=False)
    assert_sound(empty_project, 2)
    first, second = ModelSeeds(empty_project, "churn").versions()
    assert "sql" in first.program and second.aliases == ("champion",)


@pytest.mark.slow
def test_who_waits_says_so(empty_project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    churn(empty_project, 1.0)
    waiting = threading.Thread(target=promote, args=("churn", 1), kwargs={"project_dir": empty_project})
    with holding(ModelSeeds(empty_project, "churn").lock_file, "test"):
        waiting.start()
        waiting.join(2.5)
        assert waiting.is_alive()
        assert not ModelSeeds(empty_project, "churn").versions()[0].aliases
    waiting.join(10)
    assert ModelSeeds(empty_project, "churn").versions()[0].aliases == ("champion",)
    assert "promote('churn'): waiting for process" in capfd.readouterr().err
