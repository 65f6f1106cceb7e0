"""Reasons against a stored background are the same on Spark as online."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor

pytest.importorskip("pyspark", reason="needs the extra `spark`")
from scorehouse import load, register
from scorehouse.registration.groups import grouped
from spark.cluster import environment
from spark.project import SparkProject, quick, stop_session

pytestmark = pytest.mark.foreign

NUMBERS = ["prediction", "reason_1_contribution", "reason_2_contribution", "reason_base", "reason_total"]
TEXTS = ["reason_1", "reason_1_value", "reason_2", "reason_unit"]


def test_reasons_against_a_background(tmp_path: Path) -> None:
    os.environ.update(environment())
    project = SparkProject(tmp_path / "house", quick(tmp_path / "house"))
    draw = np.random.default_rng(4)
    X = pd.DataFrame(draw.normal(size=(400, 3)), columns=["a", "b", "c"])
    y = X.a * X.b + X.c
    fitted = HistGradientBoostingRegressor(max_iter=12).fit(X, y)
    facts = {"task": "regression", "project_dir": project.folder, "alias": "champion"}
    register(fitted, "trees", X, y, **grouped({"background": X.head(30), **facts}))
    X.assign(id=range(400)).to_parquet(tmp_path / "rows.parquet")
    project.features(f"select * from parquet.`{tmp_path / 'rows.parquet'}`")
    project.python_model("scored_rows", "trees", "reasons=2")
    try:
        built = project.build("--exclude", "resource_type:test")
    finally:
        stop_session()
    assert built["scored_rows"][0] == "success", built
    online = load("trees@champion", project.folder).explain(X, top=2)
    numbers, texts = [name for name in NUMBERS if name in online], TEXTS
    found = project.query(
        f"select {', '.join(numbers + texts)} from {project.table('scored_rows')} order by id"
    )
    assert [row[len(numbers) :] for row in found] == list(online[texts].itertuples(index=False, name=None))
    values = np.array([row[: len(numbers)] for row in found], dtype=float)
    np.testing.assert_allclose(values, online[numbers].to_numpy(dtype=float), atol=1e-12)
    base = fitted.predict(X.head(30)).mean()
    assert values[:, numbers.index("reason_base")] == pytest.approx(base, abs=1e-9)
