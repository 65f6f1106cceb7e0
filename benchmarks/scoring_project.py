"""The dbt project that `scoring.py` measures: ML models, feature tables, and one dbt model a peer.

Run as a script it times the estimator's own call: `scoring_project.py PROJECT MODEL ROWS`.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import joblib
import numpy as np
import pandas as pd
from sklearn.cluster import KMeans
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import scorehouse

DBT = str(Path(sys.executable).with_name("dbt"))
REPOSITORY = Path(__file__).parents[1]
COLUMNS = [f"f{number}" for number in range(20)]
NUMERIC = ["dep_delay", "distance", "departure_hour", "temp", "wind_speed", "precip", "visib", "plane_age"]
TEXTS = ["carrier", "origin", "dest"]
PEERS = ("scorehouse", "pandas", "arrow", "udf")


@dataclass(frozen=True)
class Model:
    """An ML model of the benchmark: what it is, how it is fitted, which features it reads."""

    title: str
    fit: Callable[[pd.DataFrame, pd.Series], Any]
    columns: list[str]
    task: str = "classification"
    method: str = "predict_proba"


def _flights_pipeline() -> Any:
    encoder = OneHotEncoder(handle_unknown="ignore")
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    return make_pipeline(
        make_column_transformer((encoder, TEXTS), (numbers, NUMERIC)), LogisticRegression(max_iter=400)
    )


MODELS = {
    "logistic": Model(
        "Scaler and logistic regression, 20 features",
        lambda X, y: make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y),
        COLUMNS,
    ),
    "flights": Model(
        "One-hot, imputer, scaler and logistic regression on flights",
        lambda X, y: _flights_pipeline().fit(X, y),
        [*TEXTS, *NUMERIC],
    ),
    "boosting": Model(
        "HistGradientBoosting, 100 trees of 31 leaves, 20 features",
        lambda X, y: HistGradientBoostingClassifier(max_iter=100, early_stopping=False).fit(X, y),
        COLUMNS,
    ),
    "forest": Model(
        "Random forest, 100 trees of depth 10, 20 features",
        lambda X, y: RandomForestClassifier(100, max_depth=10, random_state=0, n_jobs=2).fit(X, y),
        COLUMNS,
    ),
    "kmeans": Model(
        "Scaler and k-means, 8 clusters, 20 features",
        lambda X, y: make_pipeline(StandardScaler(), KMeans(8, random_state=0, n_init=1)).fit(X),
        COLUMNS,
        task="clustering",
        method="predict",
    ),
}

PROJECT = """
name: scorehouse
config-version: 2
profile: scorehouse
model-paths: [models, python_models]
flags: {send_anonymous_usage_stats: false}
on-run-start: "{{ config(enabled=true) }}{{ scorehouse.ensure_run_log() }}"
"""
PROFILE = """
scorehouse:
  target: dev
  outputs:
    dev: {type: duckdb, path: "%s", threads: 2}
"""
SOURCES = """
version: 2
sources:
  - name: bench
    schema: main
    tables: [%s]
"""
SCOREHOUSE = """
from scorehouse import score


def model(dbt, session):
    dbt.config(materialized="predictions")
    features = dbt.source("bench", "{model}_features")
    return score(dbt, session, features=features, model=dbt.ref("ml_{model}"), key="id")
"""
PANDAS = """
import joblib


def model(dbt, session):
    dbt.config(materialized="table")
    frame = dbt.source("bench", "{model}_features").df()
    estimator = joblib.load({artifact!r})
    scored = frame[["id"]].copy()
    {assign}
    return scored
"""
ARROW = """
import joblib
import pyarrow as pa


def model(dbt, session):
    dbt.config(materialized="table")
    estimator = joblib.load({artifact!r})
    columns = {columns!r}
    source = dbt.source("bench", "{model}_features")
    reader = session.cursor().sql(source.sql_query()).to_arrow_reader(100_000)

    def batches():
        for batch in reader:
            frame = batch.select(columns).to_pandas()
            values = {values}
            yield pa.RecordBatch.from_arrays([batch.column("id"), pa.array(values)], names=["id", "score"])

    schema = pa.schema([reader.schema.field("id"), pa.field("score", {arrow_type})])
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
        return pa.array({values})

    source = dbt.source("bench", "{model}_features")
    session.create_function(
        "bench_predict", predict, None, {duckdb_type!r}, type="arrow", null_handling="special"
    )
    return source.project("id, bench_predict(" + ", ".join(columns) + ") as score")
"""
LIMIT = (
    "select id, {first} as prediction, {first} as score from {{{{ source('bench', '{model}_features') }}}}\n"
)
EMPTY = """
def model(dbt, session):
    dbt.config(materialized="table")
    return session.sql("select 1 as id")
"""


def build_project(project: Path) -> None:
    """Write the project and register the ML models, unless an earlier run has."""
    if (project / "dbt_project.yml").exists():
        return
    for folder in ("models", "python_models", "seeds"):
        (project / folder).mkdir(parents=True, exist_ok=True)
    shutil.copytree(REPOSITORY / "macros", project / "macros")
    (project / "dbt_project.yml").write_text(PROJECT)
    (project / "profiles.yml").write_text(PROFILE % (project / "bench.duckdb"))
    (project / "models" / "sources.yml").write_text(
        SOURCES % ", ".join(f"{{name: {m}_features}}" for m in MODELS)
    )
    (project / "python_models" / "empty.py").write_text(EMPTY)
    for name, model in MODELS.items():
        X, y = training(model)
        version = scorehouse.register(
            model.fit(X, y), name, X, y, task=model.task, alias="champion", project_dir=project
        )
        _write_peers(project, name, model, str(project / version.artifact))
    places = ["--project-dir", str(project), "--profiles-dir", str(project)]
    subprocess.run([DBT, "--quiet", "seed", *places], check=True)


def _write_peers(project: Path, name: str, model: Model, artifact: str) -> None:
    call = f"estimator.{model.method}(frame)" + ("[:, 1]" if model.method == "predict_proba" else "")
    probability = model.method == "predict_proba"
    both = f"scored['prediction'] = estimator.predict(frame[{model.columns!r}])"
    score = f"scored['score'] = estimator.predict_proba(frame[{model.columns!r}])[:, 1]"
    values = {
        "model": name,
        "artifact": artifact,
        "columns": model.columns,
        "values": call,
        "assign": f"{score}\n    scored['prediction'] = scored['score'] > 0.5" if probability else both,
        "arrow_type": "pa.float64()" if probability else "pa.int32()",
        "duckdb_type": "DOUBLE" if probability else "INTEGER",
        "first": model.columns[-1],
    }
    for peer, text in (("scorehouse", SCOREHOUSE), ("pandas", PANDAS), ("arrow", ARROW), ("udf", UDF)):
        (project / "python_models" / f"{peer}_{name}.py").write_text(text.format(**values).lstrip())
    head = "{{ config(materialized='table') }}\n"
    (project / "models" / f"limit_{name}.sql").write_text(head + LIMIT.format(**values))


def training(model: Model) -> tuple[pd.DataFrame, pd.Series]:
    """Twenty thousand training rows: drawn, or of the flights."""
    if model.columns == COLUMNS:
        random = np.random.default_rng(0)
        X = pd.DataFrame(random.normal(size=(20_000, len(COLUMNS))), columns=COLUMNS)
        noise = random.normal(size=len(X))
        return X, (X["f0"] + X["f1"] * X["f2"] + noise > 0).astype(int)
    frame = duckdb.sql(f"{flights_sql()} where arr_delay is not null using sample 20000 (reservoir, 0)").df()
    return frame[model.columns], (frame["arr_delay"] > 15).astype(int)


def flights_sql() -> str:
    """Flights with weather and plane, as the example has them, without the rows that no model takes."""
    data = REPOSITORY / "data"
    return f"""
        select * from (
            select f.carrier, f.origin, f.dest, f.dep_delay, f.arr_delay, f.distance,
                f.sched_dep_time // 100 as departure_hour, w.temp, w.wind_speed, w.precip, w.visib,
                2013 - p.year as plane_age
            from '{data}/flights.parquet' as f
            left join '{data}/weather.parquet' as w on f.origin = w.origin and f.time_hour = w.time_hour
            left join '{data}/planes.parquet' as p on f.tailnum = p.tailnum
        )"""


def feature_table(project: Path, name: str, rows: int) -> None:
    """Make the feature table of one ML model, with `rows` rows."""
    drawn = ", ".join(
        f"(hash(i * {len(COLUMNS)} + {number}) % 1000000) / 250000.0e0 - 2 as {column}"
        for number, column in enumerate(COLUMNS)
    )
    sql = f"select i as id, {drawn} from range({rows}) as t(i)"
    if MODELS[name].columns != COLUMNS:
        sql = f"""
            with flights as ({flights_sql()})
            select row_number() over () as id, flights.* exclude (arr_delay)
            from flights cross join range({rows} // 300000 + 1) limit {rows}"""
    with duckdb.connect(project / "bench.duckdb") as connection:
        connection.execute(f"create or replace table {name}_features as {sql}")


def time_raw(project: Path, name: str, rows: int) -> float:
    """Seconds of the estimator's own call on a frame in memory."""
    model = MODELS[name]
    with duckdb.connect(project / "bench.duckdb", read_only=True) as connection:
        frame = connection.sql(f"select {', '.join(model.columns)} from {name}_features limit {rows}").df()
    estimator = joblib.load(project / "artifacts" / name / "1" / "model.joblib")
    started = time.perf_counter()
    getattr(estimator, model.method)(frame)
    return time.perf_counter() - started


if __name__ == "__main__":
    print(time_raw(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
