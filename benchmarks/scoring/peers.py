"""The dbt project of the benchmark: registered ML models, and one typical dbt model per peer."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from models import MODELS, REPOSITORY, Model, training

import scorehouse
from scorehouse.registration.groups import grouped

DBT = str(Path(sys.executable).with_name("dbt"))
LIMIT, EMPTY, LOADED = "limit", "empty", "loaded"

PROJECT = """
name: scorehouse
config-version: 2
profile: scorehouse
model-paths: [models, python_models]
flags: {send_anonymous_usage_stats: false}
on-run-start: "{{ scorehouse.ensure_run_log() }}"
on-run-end: "{{ scorehouse.close_runs(results) }}"
"""
PROFILE = """
scorehouse:
  target: dev
  outputs:
    dev: {type: duckdb, path: "%s", threads: 1}  # of dbt: DuckDB takes all cores
"""
SOURCES = """
version: 2
sources:
  - name: bench
    schema: main
    tables: [{name: drawn}, {name: flights}]
"""
SCOREHOUSE = """
from scorehouse import score


def model(dbt, session):
    dbt.config(materialized="predictions")
    features = dbt.source("bench", "{table}")
    return score(dbt, session, features=features, model=dbt.ref("ml_{name}"), key="id")
"""
PANDAS = """
import joblib


def model(dbt, session):
    dbt.config(materialized="table")
    features = dbt.source("bench", "{table}").df()
    estimator = joblib.load({artifact!r})
    frame = features[{columns!r}]
    scored = features[["id"]].copy()
    scored["value"] = {call}
    return scored
"""
ARROW = """
import joblib
import pyarrow as pa


def model(dbt, session):
    dbt.config(materialized="table")
    estimator = joblib.load({artifact!r})
    source = dbt.source("bench", "{table}")
    reader = session.cursor().sql(source.sql_query()).to_arrow_reader(100_000)

    def batches():
        for batch in reader:
            frame = batch.select({columns!r}).to_pandas()
            values = pa.array({call}).cast({arrow_type})
            yield pa.RecordBatch.from_arrays([batch.column("id"), values], names=["id", "value"])

    schema = pa.schema([reader.schema.field("id"), pa.field("value", {arrow_type})])
    return pa.RecordBatchReader.from_batches(schema, batches())
"""
UDF = """
import joblib
import pandas as pd
import pyarrow as pa


def model(dbt, session):
    dbt.config(materialized="table")
    estimator = joblib.load({artifact!r})
    columns = {columns!r}

    def predict(*arrays):
        frame = pd.DataFrame({{n: a.to_pandas() for n, a in zip(columns, arrays)}})
        return pa.array({call}).cast({arrow_type})

    session.create_function(
        "bench_predict", predict, None, {duckdb_type!r}, type="arrow", null_handling="special"
    )
    source = dbt.source("bench", "{table}")
    return source.project("id, bench_predict(" + ", ".join(columns) + ") as value")
"""
MLFLOW = """
import mlflow.pyfunc
import pyarrow as pa


def model(dbt, session):
    dbt.config(materialized="table")
    pyfunc = mlflow.pyfunc.load_model({folder!r} + "/{name}.mlflow")
    source = dbt.source("bench", "{table}")
    reader = session.cursor().sql(source.sql_query()).to_arrow_reader(100_000)

    def batches():
        for batch in reader:
            found = pyfunc.predict(batch.select({columns!r}).to_pandas())
            values = pa.array(found[:, 1] if found.ndim > 1 else found).cast({arrow_type})
            yield pa.RecordBatch.from_arrays([batch.column("id"), values], names=["id", "value"])

    schema = pa.schema([reader.schema.field("id"), pa.field("value", {arrow_type})])
    return pa.RecordBatchReader.from_batches(schema, batches())
"""
ONNX = """
import numpy as np
import onnxruntime
import pyarrow as pa


def model(dbt, session):
    dbt.config(materialized="table")
    runtime = onnxruntime.InferenceSession({folder!r} + "/{name}.onnx")
    wanted = runtime.get_outputs()[{onnx_output}].name
    inputs = runtime.get_inputs()
    source = dbt.source("bench", "{table}")
    reader = session.cursor().sql(source.sql_query()).to_arrow_reader(100_000)

    def column(batch, name):
        array = batch.column(name)
        if pa.types.is_string(array.type):
            return array.to_numpy(zero_copy_only=False).astype(object)
        return array.cast(pa.float64()).to_numpy(zero_copy_only=False).astype(np.float32)

    def batches():
        for batch in reader:
            if len(inputs) == 1:
                feed = {{inputs[0].name: np.column_stack([column(batch, n) for n in {columns!r}])}}
            else:
                feed = {{i.name: column(batch, i.name).reshape(-1, 1) for i in inputs}}
            (found,) = runtime.run([wanted], feed)
            values = pa.array(found[:, 1] if found.ndim > 1 else found).cast({arrow_type})
            yield pa.RecordBatch.from_arrays([batch.column("id"), values], names=["id", "value"])

    schema = pa.schema([reader.schema.field("id"), pa.field("value", {arrow_type})])
    return pa.RecordBatchReader.from_batches(schema, batches())
"""
# the cost of reading the features and writing the predictions: an expression that reads every feature
LIMIT_SQL = """
{{{{ config(materialized='table') }}}}
select id, {sum} as value, {sum} as score from {{{{ source('bench', '{table}') }}}}
"""
EMPTY_MODEL = """
def model(dbt, session):
    dbt.config(materialized="table")
    return session.sql("select 1 as id")
"""
# the minimum for every model that calls the estimator
LOADED_MODEL = """
import joblib


def model(dbt, session):
    dbt.config(materialized="table")
    joblib.load({artifact!r})
    return session.sql("select 1 as id")
"""
DBT_PEERS = {"scorehouse": SCOREHOUSE, "pandas": PANDAS, "arrow": ARROW, "udf": UDF, "mlflow": MLFLOW}
DBT_PEERS |= {"onnx": ONNX, LOADED: LOADED_MODEL}


def build_project(folder: Path) -> None:
    """Write the project and register the ML models; work of an earlier call is reused."""
    for name in ("models", "python_models", "seeds", "made"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    macros = [path for path in sorted((REPOSITORY / "macros").iterdir()) if path.name != "ml"]
    for place in (folder / "macros").glob("*"):  # of an earlier commit, whose macros may stand elsewhere
        if place.name != "ml":
            shutil.rmtree(place)
    for path in macros:
        shutil.copytree(path, folder / "macros" / path.name)
    (folder / "dbt_project.yml").write_text(PROJECT)
    (folder / "profiles.yml").write_text(PROFILE % (folder / "bench.duckdb"))
    (folder / "models" / "sources.yml").write_text(SOURCES)
    (folder / "python_models" / "empty.py").write_text(EMPTY_MODEL)
    for name, model in MODELS.items():
        _register(folder, name, model)
        _write_peers(folder, name, model)
    run_dbt(folder, "seed", "--full-refresh")


def _register(folder: Path, name: str, model: Model) -> None:
    """Register an ML model once, and prove its backends again if the compilers have changed."""
    done, release = folder / "made" / f"{name}.registered", _compilers()
    if not done.exists():
        print(f"registering {name} ...", file=sys.stderr, flush=True)
        X, y = training(model)
        facts = {"task": model.task, "alias": "champion", "project_dir": folder}
        scorehouse.register(model.estimator().fit(X, y), name, X, y, **grouped(facts))
    elif done.read_text() != release:
        print(f"proving {name} again ...", file=sys.stderr, flush=True)
        command = [str(Path(sys.executable).with_name("scorehouse")), "compile", name]
        subprocess.run(command, check=True, cwd=folder, capture_output=True)
    done.write_text(release)


def _compilers() -> str:
    """A digest of the code that compiles backends."""
    places = [Path(scorehouse.__file__).parent / "program"]
    digest = hashlib.sha256()
    for file in sorted(file for place in places for file in place.rglob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def run_dbt(folder: Path, *arguments: str) -> None:
    """Run dbt on the project and wait until it ends."""
    places = ["--project-dir", str(folder), "--profiles-dir", str(folder)]
    subprocess.run([DBT, "--quiet", *arguments, *places], check=True)


def artifact_of(folder: Path, name: str) -> str:
    """The file of a model's newest version."""
    versions = sorted((folder / "artifacts" / name).iterdir(), key=lambda place: int(place.name))
    return str(next(versions[-1].glob("model.*")))


def _write_peers(folder: Path, name: str, model: Model) -> None:
    probability = model.method == "predict_proba"
    values = {
        "name": name,
        "table": model.table,
        "artifact": artifact_of(folder, name),
        "folder": str(folder / "made"),
        "columns": model.columns,
        "call": model.call,
        "arrow_type": "pa.float64()" if probability else "pa.int32()",
        "duckdb_type": "DOUBLE" if probability else "INTEGER",
        "onnx_output": 1 if probability else 0,
        "sum": " + ".join(f"length({c})" if c in ("carrier", "origin", "dest") else c for c in model.columns),
    }
    for peer, text in DBT_PEERS.items():
        (folder / "python_models" / f"{peer}_{name}.py").write_text(text.format(**values).lstrip())
    (folder / "models" / f"{LIMIT}_{name}.sql").write_text(LIMIT_SQL.format(**values).lstrip())
