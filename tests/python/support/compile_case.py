"""A case of the compiler's tests: an estimator to fit, and rows on which float32 and NULL go wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    OneHotEncoder,
    StandardScaler,
)

ROWS = 700
NUMBERS = ["amount", "epoch", "ratio", "visits"]
TIMES = ["since", "seen", "born", "due"]
YEAR = 365 * 86_400 * 10**6  # microseconds
LABELS = {2: np.array(["no", "yes"]), 3: np.array(["high", "low", "mid"])}


@dataclass(frozen=True)
class Case:
    """An estimator to fit: `classes` 0 for any number as the target, -1 for positive ones.

    `is_shared`: several outputs are of one label. `dtype`: that of its numbers.
    """

    make: Callable[[], Any]
    task: str = "classification"
    classes: int = 2
    nulls: bool = True
    texts: bool = True
    named: bool = False
    threshold: float | None = None
    is_shared: bool = False
    times: bool = False
    dtype: str = "float64"


def columns(scaler: Any = None, **one_hot: Any) -> ColumnTransformer:
    """Numbers imputed, flagged and scaled; one text encoded; a flag as it is."""
    numbers = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), scaler or StandardScaler())
    encoder = OneHotEncoder(**{"handle_unknown": "ignore", "sparse_output": False, **one_hot})
    return ColumnTransformer(
        [("numbers", numbers, NUMBERS), ("plan", encoder, ["plan"]), ("flag", "passthrough", ["flag"])]
    )


def encoded(encoder: Any) -> ColumnTransformer:
    """Three columns through one encoder, two imputed, one as it is."""
    return ColumnTransformer(
        [
            ("encoded", encoder, ["plan", "flag", "visits"]),
            ("imputed", SimpleImputer(strategy="mean"), ["amount", "ratio"]),
        ],
        remainder="passthrough",
    )


def features(case: Case, rng: np.random.Generator) -> pd.DataFrame:
    """Money with two decimals, epoch seconds, a ratio and a count: where float32 and NULL go wrong."""
    frame = pd.DataFrame(
        {
            "amount": np.round(rng.lognormal(3, 1, ROWS), 2),
            "epoch": 1.7e9 + np.floor(rng.random(ROWS) * 3e7),
            "ratio": rng.normal(size=ROWS),
            "visits": rng.integers(0, 12, ROWS),
        }
    )
    if case.nulls:
        frame.loc[rng.random(ROWS) < 0.1, "amount"] = np.nan
        frame.loc[rng.random(ROWS) < 0.1, "ratio"] = np.nan
    frame[NUMBERS[:3]] = frame[NUMBERS[:3]].astype(case.dtype)
    if case.texts:
        frame["plan"] = rng.choice(
            ["basic", "pro", "it's", "Zürich", "ra{{re"], ROWS, p=[0.4, 0.3, 0.15, 0.12, 0.03]
        )
        frame["flag"] = rng.random(ROWS) < 0.4
    if case.times:
        micros = rng.integers(-20 * YEAR, 60 * YEAR, ROWS)
        frame["since"] = pd.Series(micros.astype("datetime64[us]"))
        frame.loc[rng.random(ROWS) < 0.1, "since"] = pd.NaT
        frame["seen"] = pd.Series(rng.permutation(micros).astype("datetime64[us]")).dt.tz_localize("UTC")
        frame["born"] = pd.Series(rng.permutation(micros).astype("datetime64[us]")).dt.date
        frame["due"] = pd.Series(rng.permutation(micros).astype("datetime64[us]").astype("datetime64[s]"))
    return frame


def target(frame: pd.DataFrame, case: Case, rng: np.random.Generator) -> np.ndarray:
    """Labels that hang on every column."""
    z = np.log1p(frame["amount"].fillna(20)) - 3 + (frame["epoch"] - 1.715e9) / 1e7 * 0.7
    z = z + frame["ratio"].fillna(0.3) * frame["visits"] / 8 + rng.normal(size=ROWS) * 0.5
    if case.times:
        z = z + (frame["since"].fillna(pd.Timestamp(0)) > frame["due"]) * 2.0
    if "plan" in frame:
        z = z + (frame["plan"] == "pro") * 0.8
    if case.task == "multioutput_regression" and not case.is_shared:
        return np.column_stack([z, np.exp(z / 2)])
    if case.task == "multilabel_classification":
        return np.column_stack([z > z.median(), z < z.quantile(0.3)]).astype(int)
    if case.classes <= 0:
        return np.exp(z / 2) if case.classes < 0 else z.to_numpy()
    numbers = pd.qcut(z, case.classes, labels=False).to_numpy()
    return LABELS[case.classes][numbers] if case.named else numbers
