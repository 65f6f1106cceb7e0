"""What the benchmarks on Spark share: tables of doubles, estimators, and projects that score them."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "python" / "support"))
import duckdb
import joblib
import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from scorehouse import register
from scorehouse.kernel.scorer import Kernel
from scorehouse.program.choose import ProgramFiles, choose_backend
from scorehouse.registration.groups import grouped
from scorehouse.registry.policy import LoadPolicy
from scorehouse.registry.signature import Signature
from spark.project import SparkProject, settings

BATCH_ROWS = 65_536
SPARK = {
    "spark.sql.execution.arrow.maxRecordsPerBatch": str(BATCH_ROWS),
    # one file, one partition
    "spark.sql.files.maxPartitionBytes": "4g",
    "spark.sql.files.openCostInBytes": "4g",
}
TRAINED_ROWS = 20_000


def estimators() -> dict[str, Any]:
    return {
        "logistic": make_pipeline(StandardScaler(), LogisticRegression()),
        "hist_boosting": HistGradientBoostingClassifier(max_iter=100, early_stopping=False, random_state=0),
    }


def names(columns: int) -> list[str]:
    return [f"f{i}" for i in range(columns)]


def write_features(folder: Path, rows: int, files: int, columns: int = 20) -> Path:
    """`rows` rows of an id and so many doubles between -0.5 and 0.5, in `files` Parquet files."""
    place = folder / f"features_{rows}_{columns}_{files}"
    place.mkdir()
    listed = ", ".join(
        f"hash(i * {columns} + {n}) / 18446744073709551615.0::double - 0.5 as {name}"
        for n, name in enumerate(names(columns))
    )
    for number in range(files):
        start, stop = rows * number // files, rows * (number + 1) // files
        duckdb.sql(
            f"copy (select i as id, {listed} from range({start}, {stop}) t(i)) "
            f"to '{place}/part{number:03}.parquet' (format parquet)"
        )
    return place


def register_models(project: Path, rows: int, columns: int = 20) -> dict[str, Any]:
    """Fit, register, and return the kernels that score batches of a run with this many rows."""
    (project / "dbt_project.yml").touch()
    random = np.random.default_rng(0)
    X = pd.DataFrame(random.uniform(-0.5, 0.5, (TRAINED_ROWS, columns)), columns=names(columns))
    y = (X.sum(axis=1) + X["f0"] * X["f1"] + random.normal(0, 0.5, len(X)) > 0).astype(int)
    files = ProgramFiles(project, LoadPolicy())
    kernels = {}
    for name, estimator in estimators().items():
        facts = {"task": "classification", "project_dir": project, "alias": "champion"}
        version = register(estimator.fit(X, y), name, X, y, **grouped(facts))
        path = project / version.artifact
        signature = Signature.from_json(path.with_name("signature.json").read_bytes())
        kernel = Kernel(joblib.load(path), version, signature, strict=frozenset(), call="benchmark")
        kernels[name] = choose_backend(kernel, "auto", rows, files, ("native", "matrix")).kernel
    return kernels


def spark_project(
    folder: Path, source: Path, place: Path, more: dict[str, str], models: list[str]
) -> SparkProject:
    """A project that scores the table at `place` by models that are registered in the folder `source`."""
    project = SparkProject(folder, settings(folder, **{**SPARK, **more}))
    for part in ("artifacts", "seeds"):
        shutil.copytree(source / part, folder / part, dirs_exist_ok=True)
    features(project, f"select * from parquet.`{place}`")
    for name in models:
        project.python_model(f"by_{name}", name)
    return project


def features(project: SparkProject, sql: str) -> None:
    project.write("models/features.sql", f"{{{{ config(materialized='view') }}}}\n{sql}\n")


def built(project: SparkProject, environment: dict[str, str]) -> None:
    """Build it in a process of its own; ends this one with what failed, if anything has."""
    results = project.build_apart(environment)
    bad = {node: told for node, told in results.items() if told[0] not in ("success", "pass")}
    if bad:
        raise SystemExit(str(bad))
