"""A toy world for whole builds: customers, and the ML model that tells which of them leave."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from project import DbtProject

ROWS = 500
# Columns that differ from run to run, or name the table.
OF_THE_RUN = ["scoring_run_id", "scored_at"]
FEATURES = f"""
select
    i as id,
    (i * 7 % 100)::double as amount,
    i % 9 as visits,
    case when i % 50 = 0 then 'ZZ' when i % 2 = 0 then 'free' else 'paid' end as plan,
    i % 5 as shop,
    'note ' || i as note
from range({ROWS}) as numbers(i)
"""


def training(rows: int = 300) -> pd.DataFrame:
    random = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "amount": random.uniform(0, 100, rows),
            "visits": random.integers(0, 9, rows),
            "plan": random.choice(["free", "paid"], rows),
        }
    )


def classifier(bound: float = 70) -> Any:
    X = training()
    columns = make_column_transformer((OneHotEncoder(), ["plan"]), remainder="passthrough")
    return make_pipeline(columns, LogisticRegression(max_iter=2000)).fit(X, X.amount + 5 * X.visits > bound)


def without(rows_of: list[dict[str, Any]], names: list[str]) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if name not in names} for row in rows_of]


def table(project: DbtProject, name: str) -> list[dict[str, Any]]:
    columns = list(project.columns(name))
    return [dict(zip(columns, row, strict=True)) for row in project.content(name)]
