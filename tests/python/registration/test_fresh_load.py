"""What is registered loads in a process that knows nothing of the one that registered, as in dbt."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import yaml

from fresh_environments import PYTHON_SETTINGS

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


def train(house: Path, script: str, **variables: str) -> subprocess.CompletedProcess[str]:
    (house / "ml" / "train.py").write_text(script)
    kept = {name: value for name, value in os.environ.items() if name not in PYTHON_SETTINGS}
    return subprocess.run(
        [sys.executable, "ml/train.py"], cwd=house, env={**kept, **variables}, capture_output=True, text=True
    )


def test_functions_of_scripts_are_refused_and_those_of_modules_serve(tmp_path: Path) -> None:
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
    by_path = train(
        tmp_path, SCRIPT.format(module="from steps import doubled"), PYTHONPATH=str(tmp_path / "ml")
    )
    assert by_path.returncode == 0, by_path.stderr
    (tmp_path / "seeds/ml/churn/ml_churn.csv").unlink()
    outputs = {
        "dev": {"type": "duckdb", "path": "x.duckdb", "module_paths": ["{{ env_var('STEPS', 'ml') }}"]}
    }
    (tmp_path / "profiles.yml").write_text(yaml.safe_dump({"house": {"target": "dev", "outputs": outputs}}))
    by_profile = train(tmp_path, SCRIPT.format(module="from steps import doubled"))
    assert by_profile.returncode == 0, by_profile.stderr
