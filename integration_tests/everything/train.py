"""Fit and register `consumption` and `band` on what the model meters selects."""

from pathlib import Path

import duckdb
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import scorehouse

rows = duckdb.sql(Path("models/meters.sql").read_text()).df().dropna()
features = rows[["kind", "floor_area", "age"]]
columns = make_column_transformer(
    (OneHotEncoder(handle_unknown="ignore"), ["kind"]),
    (StandardScaler(), ["floor_area", "age"]),
)
scorehouse.register(
    make_pipeline(columns, LinearRegression()).fit(features, rows["consumption"]),
    "consumption",
    features,
    rows["consumption"],
    task="regression",
    card=scorehouse.Card(owner="grid", description="Consumption in a year", metrics={"r2": 0.99}),
    alias="live",
)
scorehouse.register(
    make_pipeline(columns, LogisticRegression(max_iter=1000)).fit(features, rows["band"]),
    "band",
    features,
    rows["band"],
    task="classification",
)
