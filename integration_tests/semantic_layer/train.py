"""Fit and register `delay` on the trips of January."""

from pathlib import Path

import duckdb
from sklearn.linear_model import LogisticRegression

import scorehouse

rows = duckdb.sql(Path("models/trips.sql").read_text()).df()
rows = rows[rows["trip_day"] < "2026-02-01"]
features = rows[["passengers", "stops"]]
scorehouse.register(
    LogisticRegression(max_iter=1000).fit(features, rows["late"]),
    "delay",
    features,
    rows["late"],
    task="classification",
    alias="champion",
)
