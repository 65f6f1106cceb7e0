"""The same scored table on DuckDB, on Spark local[2] and on a cluster of two workers, in one run.

    .venv-spark/bin/python benchmarks/spark.py --rows 5000000

Writes rows of 20 doubles as Parquet, in as many files as there are partitions, registers a logistic
regression and a HistGradientBoosting classifier, and builds one prediction table per engine with dbt. Seconds
are the duration of the scoring run in the run log: resolve, check the key, read, score, write, count. The
form that scored is shown too. The kernel's share is the time that the kernel alone, in the form that Spark
runs, takes for these rows on two cores, divided by those seconds.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "python" / "support"))
import duckdb
import joblib
import numpy as np
import pandas as pd
import yaml
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from scorehouse import register
from scorehouse.forms.choose import FormFiles, choose_form
from scorehouse.kernel.scorer import Kernel
from scorehouse.registry.policy import LoadPolicy
from scorehouse.registry.signature import Signature
from spark.cluster import Cluster, environment
from spark.project import SparkProject, settings

CORES = 2
FEATURES = [f"f{i}" for i in range(20)]
BATCH_ROWS = 65_536
SPARK = {
    "spark.sql.execution.arrow.maxRecordsPerBatch": str(BATCH_ROWS),
    # one file, one partition
    "spark.sql.files.maxPartitionBytes": "4g",
    "spark.sql.files.openCostInBytes": "4g",
}


def estimators() -> dict[str, Any]:
    return {
        "logistic": make_pipeline(StandardScaler(), LogisticRegression()),
        "hist_boosting": HistGradientBoostingClassifier(max_iter=100, early_stopping=False, random_state=0),
    }


def write_features(folder: Path, rows: int, files: int) -> Path:
    """`rows` rows of an id and 20 doubles, in `files` Parquet files."""
    place = folder / f"features_{files}"
    place.mkdir()
    columns = ", ".join(
        f"hash(i * 20 + {n}) / 18446744073709551615.0::double - 0.5 as {f}" for n, f in enumerate(FEATURES)
    )
    for number in range(files):
        start, stop = rows * number // files, rows * (number + 1) // files
        duckdb.sql(
            f"copy (select i as id, {columns} from range({start}, {stop}) t(i)) "
            f"to '{place}/part{number:03}.parquet' (format parquet)"
        )
    return place


def register_models(project: Path, rows: int) -> dict[str, Any]:
    """Fit, register, and return the kernels that score batches of a run with this many rows."""
    random = np.random.default_rng(0)
    X = pd.DataFrame(random.uniform(-0.5, 0.5, (20_000, 20)), columns=FEATURES)
    y = (X.sum(axis=1) + X["f0"] * X["f1"] + random.normal(0, 0.5, len(X)) > 0).astype(int)
    files = FormFiles(project, LoadPolicy())
    kernels = {}
    for name, estimator in estimators().items():
        facts = {"task": "classification", "project_dir": project, "alias": "champion"}
        version = register(estimator.fit(X, y), name, X, y, **facts)
        path = project / version.artifact
        signature = Signature.from_json(path.with_name("signature.json").read_bytes())
        kernel = Kernel(joblib.load(path), version, signature, strict=frozenset(), call="benchmark")
        kernels[name] = choose_form(kernel, "auto", rows, files, ("native", "matrix")).kernel
    return kernels


def kernel_rate(kernel: Any, place: Path, rows: int) -> float:
    """Rows per second of the kernel alone, on one core."""
    reader = duckdb.sql(f"select * exclude (id) from '{place}/*.parquet' limit {rows}").to_arrow_reader(
        BATCH_ROWS
    )
    batches = list(reader)
    kernel(batches[0])
    start = time.perf_counter()
    for batch in batches:
        kernel(batch)
    return sum(batch.num_rows for batch in batches) / (time.perf_counter() - start)


def model(project: SparkProject, name: str) -> None:
    project.python_model(f"by_{name}", name)


Run = tuple[float, str]  # seconds of a scoring run, and the form that scored


def build(project: SparkProject) -> dict[str, Run]:
    """Build the project in a process of its own, and return the scoring run of each model."""
    results = project.build_apart(environment())
    bad = {node: told for node, told in results.items() if told[0] not in ("success", "pass")}
    if bad:
        raise SystemExit(str(bad))
    runs = {name: project.runs(f"by_{name}")[-1] for name in estimators()}
    return {name: (run["seconds"], run["form"]) for name, run in runs.items()}


def features(project: SparkProject, sql: str) -> None:
    project.write("models/features.sql", f"{{{{ config(materialized='view') }}}}\n{sql}\n")


def spark_project(folder: Path, source: Path, place: Path, more: dict[str, str]) -> SparkProject:
    project = SparkProject(folder, settings(folder, **SPARK, **more))
    for part in ("artifacts", "seeds"):
        shutil.copytree(source / part, folder / part, dirs_exist_ok=True)
    project.write(
        "models/features.sql", f"{{{{ config(materialized='view') }}}}\nselect * from parquet.`{place}`\n"
    )
    for name in estimators():
        model(project, name)
    return project


def by_duckdb(folder: Path, source: Path, place: Path) -> dict[str, Run]:
    """The same models with a DuckDB target."""
    project = spark_project(folder, source, place, {})
    database = folder / "house.duckdb"
    output = {"type": "duckdb", "path": str(database), "threads": 1}
    profile = {"scorehouse": {"target": "dev", "outputs": {"dev": output}}}
    project.write("profiles.yml", yaml.safe_dump(profile))
    project.write(
        "models/features.sql", f"{{{{ config(materialized='view') }}}}\nselect * from '{place}/*.parquet'\n"
    )
    project.build_apart({**os.environ})
    with duckdb.connect(str(database), read_only=True) as connection:
        rows = connection.sql(
            "select model_name, seconds, form from scorehouse_run_log where status = 'success'"
        )
        return {name: (seconds, form) for name, seconds, form in rows.fetchall()}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--partitions", type=int, nargs="+", default=[1, 2, 4], help="partitions a core")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = folder / "source"
        source.mkdir()
        (source / "dbt_project.yml").touch()
        kernels = register_models(source, options.rows)
        places = {n: write_features(folder, options.rows, n * CORES) for n in options.partitions}
        first = places[options.partitions[0]]
        rates = {name: kernel_rate(kernel, first, 1_000_000) for name, kernel in kernels.items()}
        print(f"{options.rows:,} rows x 20, load {os.getloadavg()[0]:.1f} at the start", flush=True)
        show(
            "kernel alone, one core",
            0,
            options.rows,
            {n: (options.rows / rate, "") for n, rate in rates.items()},
            rates,
        )
        show("DuckDB", 0, options.rows, by_duckdb(folder / "duckdb", source, first), rates)
        for n, place in places.items():
            project = spark_project(folder / f"local{n}", source, place, {"spark.master": f"local[{CORES}]"})
            show(f"Spark local[{CORES}]", n, options.rows, build(project), rates)
        (folder / "cluster").mkdir()
        cluster = Cluster(folder / "cluster")
        try:
            cluster.start(CORES)
            for n, place in places.items():
                project = spark_project(folder / f"two{n}", source, place, {"spark.master": cluster.url})
                show("Spark, two workers", n, options.rows, build(project), rates)
        finally:
            cluster.stop()


def show(engine: str, partitions: int, rows: int, runs: dict[str, Run], rates: dict[str, float]) -> None:
    cells = [f"{engine:24}", f"{partitions or '-':>3}"]
    for name, rate in rates.items():
        took, form = runs[name]
        share = f", kernel {rows / (rate * CORES) / took:4.0%}" if partitions else ""
        cells.append(f"{name} {took:7.1f} s {rows / took:12,.0f} rows/s {form}{share}")
    print(" | ".join(cells), flush=True)


if __name__ == "__main__":
    main()
