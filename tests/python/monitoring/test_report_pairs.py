"""The light of drift of an ML model whose pairs of features alone are watched."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

from project import DbtProject

pytestmark = pytest.mark.slow

SCOREHOUSE = Path(sys.executable).with_name("scorehouse")


def test_pairs_alone_are_a_light_of_drift(tmp_path: Path) -> None:
    """`many` has a table of joint drift and no other; `few` too, with too few rows to judge."""
    project = DbtProject(tmp_path / "house")
    random = np.random.default_rng(0)
    X = pd.DataFrame({"size": random.normal(size=4000)})
    X["rooms"] = X["size"] + random.normal(size=4000)
    y = X.sum(axis=1)
    estimator = LinearRegression().fit(X, y)
    for name, rows in {"many": 3000, "few": 30}.items():
        project.register(estimator, name, X, y, task="regression")
        project.features(
            "select i as id, x as size, x + y as rooms from (select i, "
            "sqrt(-2 * ln((i + 0.5) / 3000)) * cos(2 * pi() * (hash(i) % 1000) / 1000) as x, "
            "sqrt(-2 * ln(((i * 7919) % 3000 + 0.5) / 3000)) * sin(2 * pi() * (hash(-i) % 1000) / 1000) as y "
            f"from range({rows}) as numbers(i))",
            name=f"{name}_homes",
        )
        project.python_model(f"{name}_prices", name, features=f"{name}_homes", key="id")
        project.features(
            f"{{{{ scorehouse.joint_drift(ref('{name}_prices'), ref('ml_{name}__reference'), "
            f"ref('{name}_homes'), key='id') }}}}",
            name=f"{name}_joint_drift",
        )
    project.build().check()
    page = tmp_path / "report.html"
    told = [str(SCOREHOUSE), "report", "--json", "--database", str(project.database), "--output", str(page)]
    ended = subprocess.run(told, capture_output=True, text=True)
    lights = {
        one["ml_model"]: next(light for light in one["lights"] if light["name"] == "Drift")
        for one in json.loads(ended.stdout)["ml_models"]
    }
    assert (lights["many"]["state"], lights["many"]["text"]) == ("ok", "0 of 1 pairs")
    assert (lights["few"]["state"], lights["few"]["text"]) == ("none", "too few rows")
    assert "No table has the drift" not in page.read_text()
