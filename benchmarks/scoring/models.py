"""The ML models of the benchmark, their training rows and their feature tables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
from lightgbm import LGBMClassifier
from sklearn.cluster import KMeans
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

REPOSITORY = Path(__file__).parents[2]
COLUMNS = [f"f{number}" for number in range(20)]
NUMERIC = ["dep_delay", "distance", "departure_hour", "temp", "wind_speed", "precip", "visib", "plane_age"]
TEXTS = ["carrier", "origin", "dest"]
TRAINING_ROWS = 20_000


@dataclass(frozen=True)
class Model:
    """An ML model of the benchmark: its kind, how it is fitted, which features it reads."""

    title: str
    estimator: Callable[[], Any]
    columns: list[str]
    task: str = "classification"
    method: str = "predict_proba"

    @property
    def is_drawn(self) -> bool:
        """Whether its features are random numbers, not the flights."""
        return self.columns == COLUMNS

    @property
    def table(self) -> str:
        """The name of its feature table."""
        return "drawn" if self.is_drawn else "flights"

    @property
    def call(self) -> str:
        """Python code of the values that each peer writes: the positive probability, or the label."""
        return f"estimator.{self.method}(frame)" + ("[:, 1]" if self.method == "predict_proba" else "")


def _flights_pipeline() -> Any:
    encoder = OneHotEncoder(handle_unknown="ignore")
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    columns = make_column_transformer((encoder, TEXTS), (numbers, NUMERIC))
    return make_pipeline(columns, LogisticRegression(max_iter=400))


MODELS = {
    "logistic": Model(
        "Scaler and logistic regression",
        lambda: make_pipeline(StandardScaler(), LogisticRegression()),
        COLUMNS,
    ),
    "flights": Model(
        "Flights: one-hot, imputer, scaler, logistic regression", _flights_pipeline, [*TEXTS, *NUMERIC]
    ),
    "boosting": Model(
        "HistGradientBoosting, 100 trees of 31 leaves",
        lambda: HistGradientBoostingClassifier(max_iter=100, early_stopping=False, random_state=0),
        COLUMNS,
    ),
    "forest": Model(
        "Random forest, 100 trees of depth 10",
        lambda: RandomForestClassifier(100, max_depth=10, random_state=0, n_jobs=2),
        COLUMNS,
    ),
    "lightgbm": Model(
        "LightGBM, 100 trees of 31 leaves",
        lambda: LGBMClassifier(n_jobs=2, random_state=0, verbose=-1),
        COLUMNS,
    ),
    "kmeans": Model(
        "Scaler and k-means of 8 clusters",
        lambda: make_pipeline(StandardScaler(), KMeans(8, random_state=0, n_init=1)),
        COLUMNS,
        task="clustering",
        method="predict",
    ),
    "network": Model(
        "Scaler and network of 64 neurons",
        lambda: make_pipeline(StandardScaler(), MLPClassifier((64,), max_iter=10, random_state=0)),
        COLUMNS,
    ),
}


def training(model: Model) -> tuple[pd.DataFrame, pd.Series]:
    """Training rows: random numbers, or the flights."""
    if model.is_drawn:
        random = np.random.default_rng(0)
        X = pd.DataFrame(random.normal(size=(TRAINING_ROWS, len(COLUMNS))), columns=COLUMNS)
        noise = random.normal(size=len(X))
        return X, (X["f0"] + X["f1"] * X["f2"] + noise > 0).astype(int)
    sample = f"using sample {TRAINING_ROWS} (reservoir, 0)"
    frame = duckdb.sql(f"{_flights_sql()} where arr_delay is not null {sample}").df()
    return frame[model.columns], (frame["arr_delay"] > 15).astype(int)


def _flights_sql() -> str:
    """Flights with weather and plane, as in the example."""
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


def make_feature_table(database: Path, model: Model, rows: int) -> None:
    """Create the feature table of a model if it does not exist; models with random features share one."""
    with duckdb.connect(database) as connection:
        there = [row[0] for row in connection.execute("select table_name from duckdb_tables()").fetchall()]
        if model.table in there and connection.table(model.table).count("*").fetchall() == [(rows,)]:
            return
        connection.execute("set memory_limit = '4GB'")
        connection.execute(f"create or replace table {model.table} as {_rows_sql(model, rows)}")
        connection.execute("checkpoint")


def _rows_sql(model: Model, rows: int) -> str:
    if not model.is_drawn:
        return f"""
            with flights as ({_flights_sql()})
            select row_number() over () as id, flights.* exclude (arr_delay)
            from flights cross join range({rows} // 300000 + 1) limit {rows}"""
    drawn = ", ".join(
        f"(hash(i * {len(COLUMNS)} + {number}) % 1000000) / 250000.0e0 - 2 as {column}"
        for number, column in enumerate(COLUMNS)
    )
    return f"select i as id, {drawn} from range({rows}) as t(i)"
