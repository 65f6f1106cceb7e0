"""Fit and register `loyalty` on what the model baskets selects."""

from pathlib import Path

import duckdb
from sklearn.linear_model import LogisticRegression

import scorehouse

rows = duckdb.sql(Path("models/baskets.sql").read_text()).df()
features = rows[["spend", "visits"]]
scorehouse.register(
    LogisticRegression(max_iter=1000).fit(features, rows["came_back"]),
    "loyalty",
    features,
    rows["came_back"],
    task="classification",
    alias="champion",
)
