"""What is registered loads in a process that knows nothing of the one that registered, as in dbt."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.linear_model import LogisticRegression

from scorehouse import load, register
from scorehouse.errors import ArtifactError, EstimatorError
from scorehouse.registration import prove_loaded
from scorehouse.registration.check_project import check_project
from virtual_environments import WARM, kept_variables

SCRIPT = """
import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
{module}

X = pd.DataFrame({{"amount": np.arange(60.0), "visits": np.arange(60.0) % 7}})
pipeline = make_pipeline(FunctionTransformer(doubled), LogisticRegression(max_iter=1000))

if __name__ == "__main__":
    import scorehouse

    pipeline.fit(X, X.amount > 20)
    scorehouse.register(pipeline, "churn", X, X.amount > 20, task="classification", alias="champion")
"""
FUNCTION = "def doubled(rows):\n    return rows * 2\n"
WORDS = ("does not load in a fresh process", "PYTHONPATH", "module_paths")


@pytest.fixture(autouse=True)
def begun_cold(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process has imported nothing before, as in other tests (`warm/`); it is known by its PYTHONPATH."""
    monkeypatch.delenv("SCOREHOUSE_WARM_DBT", raising=False)
    monkeypatch.setenv("PYTHONPATH", f"{os.environ['PYTHONPATH']}{os.pathsep}{WARM}")


def train(project: Path, script: str, **variables: str) -> subprocess.CompletedProcess[str]:
    (project / "ml" / "train.py").write_text(script)
    return subprocess.run(
        [sys.executable, "ml/train.py"],
        cwd=project,
        env={**kept_variables(), **variables},
        capture_output=True,
        text=True,
    )


@pytest.mark.slow
def test_functions_of_scripts_are_refused_and_those_of_modules_serve(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ml").mkdir()
    (tmp_path / "dbt_project.yml").write_text("name: house\nprofile: house\n")
    in_script = train(tmp_path, SCRIPT.format(module=FUNCTION))
    (tmp_path / "ml" / "steps.py").write_text(FUNCTION)
    beside_script = train(tmp_path, SCRIPT.format(module="from steps import doubled"))
    for ended in (in_script, beside_script):
        assert ended.returncode == 1
        assert all(word in ended.stderr for word in WORDS)
        assert not (tmp_path / "seeds").exists() and not (tmp_path / "artifacts").exists()
    assert "doubled" in in_script.stderr and "No module named 'steps'" in beside_script.stderr
    assert f"name {str(tmp_path / 'ml')!r} in module_paths" in beside_script.stderr
    by_path = train(
        tmp_path, SCRIPT.format(module="from steps import doubled"), PYTHONPATH=str(tmp_path / "ml")
    )
    assert by_path.returncode == 0, by_path.stderr
    monkeypatch.chdir(tmp_path)  # as dbt does
    with pytest.raises(ArtifactError) as refused:
        load("churn", tmp_path, backend="estimator")
    assert "joblib" not in refused.value.action and str(tmp_path / "ml") in refused.value.action
    assert "module_paths" in refused.value.action and "PYTHONPATH" in refused.value.action
    (tmp_path / "seeds/ml/churn/ml_churn.csv").unlink()
    outputs = {
        "dev": {"type": "duckdb", "path": "x.duckdb", "module_paths": ["{{ env_var('STEPS', 'ml') }}"]}
    }
    (tmp_path / "profiles.yml").write_text(yaml.safe_dump({"house": {"target": "dev", "outputs": outputs}}))
    by_profile = train(tmp_path, SCRIPT.format(module="from steps import doubled"))
    assert by_profile.returncode == 0, by_profile.stderr
    monkeypatch.setattr(sys, "path", [*sys.path])
    (checked,) = check_project(tmp_path)  # as a command, to which dbt adds no folder
    assert not checked.faults


class Sleeper(LogisticRegression):
    """Sleeps where it is loaded in another process than this one, for the test below."""

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if "fresh as _" in " ".join(sys.orig_argv):
            time.sleep(60)


@pytest.mark.slow
def test_a_load_that_does_not_end_is_refused(empty_project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prove_loaded, "PATIENCE_SECONDS", 15)
    X = pd.DataFrame({"amount": np.arange(60.0)})
    with pytest.raises(EstimatorError, match="has not loaded after 15 seconds"):
        register(Sleeper().fit(X, X.amount > 20), "churn", X, task="classification")
    assert not (empty_project / "artifacts").exists()
    register(LogisticRegression().fit(X, X.amount > 20), "churn", X, task="classification")


@pytest.mark.slow
def test_the_process_that_forks_has_one_thread() -> None:
    """Another thread may hold a lock at the moment of a fork, for which the child then waits for ever."""
    imports, serves = prove_loaded.PROGRAM.split(";")
    program = f"{imports}; print('there', flush=True); {serves}"
    with subprocess.Popen(
        [sys.executable, "-P", "-c", program],
        env={**os.environ, **prove_loaded.ONE_THREAD},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None and process.stdin is not None
        assert process.stdout.readline() == "there\n"
        threads = len(list(Path(f"/proc/{process.pid}/task").iterdir()))
        process.stdin.close()
    assert threads == 1
