"""Rows of mixed types, a target over them, and a pipeline that selects the columns by name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

ROWS = 200


def mixed_columns(rows: int = ROWS, seed: int = 0) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "amount": random.uniform(0, 100, rows),
            "visits": random.integers(0, 9, rows),
            "plan": random.choice(["free", "paid"], rows),
        }
    )


def target_of(X: pd.DataFrame) -> np.ndarray:
    return (X.amount + 9 * X.visits + 20 * (X.plan == "paid") > 90).to_numpy(dtype=int)


def pipeline_by_name() -> Pipeline:
    """A pipeline that selects columns by name, as most people write them."""
    numeric = make_pipeline(SimpleImputer(), StandardScaler())
    columns = make_column_transformer((numeric, ["amount", "visits"]), (OneHotEncoder(), ["plan"]))
    return make_pipeline(columns, LogisticRegression())


def column(batch: pa.RecordBatch, name: str) -> list[Any]:
    return batch.column(name).to_pylist()
