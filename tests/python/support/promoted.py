"""A prediction table made by version 1 while version 2 is promoted: a run rewrites every row."""

from __future__ import annotations

import atexit
import functools
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from project import DbtProject

ROWS = 200_000


def features_sql(rows: int, shift: int = 0) -> str:
    return (
        f"select i as id, ((i + {shift}) * 7919 % 1000) / 100.0e0 as a, (i * 31 % 977) / 97.0e0 as b, "
        f"sin(i)::double as c, md5(i::varchar) as payload from range({rows}) as t(i)"
    )


def make_project(folder: Path, rescore: str = "all") -> DbtProject:
    """A prediction table made by version 1, and version 2 promoted: a run will rewrite every row."""
    return _made_once(rescore).copy(folder)


@functools.cache
def _made_once(rescore: str) -> DbtProject:
    folder = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, folder)
    project = DbtProject(Path(folder) / "house")
    random = np.random.default_rng(0)
    frame = pd.DataFrame(random.uniform(0, 10, (500, 3)), columns=["a", "b", "c"])
    labels = (frame["a"] + random.normal(0, 2, 500) > 5).astype(int)
    for strength in (1.0, 0.01):
        model = make_pipeline(StandardScaler(), LogisticRegression(C=strength)).fit(frame, labels)
        project.register(model, "toy", frame, labels, task="classification")
        if strength == 1.0:
            project.features(features_sql(ROWS))
            project.python_model("scores", "toy", key="id", passthrough=["payload"], rescore=rescore)
            project.build().check()
    project.dbt("seed", "--select", "ml_toy").check()
    return project
