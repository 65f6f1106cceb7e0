"""Linear models of each kind that have reasons in SQL, on one table of awkward columns."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, PoissonRegressor, Ridge, SGDClassifier
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from scorehouse import load

ROWS = 400
TOP = 3
# whole numbers, a text, a flag, gaps, and numbers that repeat, so that no two databases differ in the rows
FEATURES = """
select
    i as id,
    case i % 4 when 0 then 'basic' when 1 then 'it''s' when 2 then 'Zürich' else 'pro' end as plan,
    i % 3 = 0 as "Is New",
    cast(i * 7 % 41 as integer) as visits,
    case when i % 9 > 0 then cast(i * 13 % 100 as {double}) / 8 end as spend,
    cast(i * 29 % 1000 as {double}) / 16 - 20 as balance
from {numbers}
"""
COLUMNS = ["plan", "Is New", "visits", "spend", "balance"]
NUMBERS = ["visits", "spend", "balance"]


@dataclass(frozen=True)
class Kind:
    """A fitted estimator, its task, and the ends of its reasons' columns."""

    estimator: Any
    y: Any
    task: str
    features: list[str]
    endings: Sequence[str] = ("",)
    facts: dict[str, Any] = field(default_factory=dict)


def frame() -> pd.DataFrame:
    """The rows of FEATURES that have no unseen plan, as an estimator is trained on them."""
    i = np.arange(ROWS)
    spend = np.where(i % 9 > 0, i * 13 % 100 / 8, np.nan)
    plans = np.array(["basic", "it's", "Zürich", "pro"], dtype=object)[i % 4]
    return pd.DataFrame(
        {
            "plan": plans,
            "Is New": i % 3 == 0,
            "visits": i * 7 % 41,
            "spend": spend,
            "balance": i * 29 % 1000 / 16 - 20.0,
        }
    )


def kinds() -> dict[str, Kind]:
    """Two classes through all steps, three classes, a link, a product before it, outputs, and labels."""
    X = frame()
    filled = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    steps = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["plan"]), (filled, NUMBERS), remainder="passthrough"
    )
    z = X.visits / 10 + X.balance / 30 + (X.plan == "pro") - X.spend.fillna(3) / 5
    leaves = np.where(z > z.median(), "yes", "no")
    groups = np.array(["a b", "a'b", "c"])[np.digitize(z, np.quantile(z, [0.3, 0.7]))]
    plain = ["visits", "balance"]
    two = pd.DataFrame({"week 1": 3 * X.visits + X.balance, "week_2": X.balance - 2 * X.visits})
    flags = pd.DataFrame({"calls": (X.visits > 20).astype(int), "pays": (X.balance > 10).astype(int)})
    linear = LogisticRegression(max_iter=1000)
    return {
        "churn": Kind(make_pipeline(steps, linear).fit(X, leaves), leaves, "classification", COLUMNS),
        "groups": Kind(
            make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(X[plain], groups),
            groups,
            "classification",
            plain,
        ),
        "ranks": Kind(
            SGDClassifier(random_state=0).fit(X[plain], X.visits % 3), X.visits % 3, "classification", plain
        ),
        "spend": Kind(
            make_pipeline(StandardScaler(), PoissonRegressor()).fit(X[plain], X.visits),
            X.visits,
            "regression",
            plain,
        ),
        "weeks": Kind(
            Ridge().fit(X[plain], two), two, "multioutput_regression", plain, ("__week_1", "__week_2")
        ),
        "flags": Kind(
            MultiOutputClassifier(LogisticRegression()).fit(X[plain], flags),
            flags,
            "multilabel_classification",
            plain,
            ("__calls", "__pays"),
        ),
    }


def columns_of(ending: str, top: int = TOP) -> list[str]:
    """The columns of the reasons of one output."""
    numbered = [f"reason_{n}{part}" for n in range(1, top + 1) for part in ("", "_contribution", "_value")]
    return [
        name + ending for name in [*numbered, "reason_rest", "reason_base", "reason_total", "reason_unit"]
    ]


def same_reasons(one: Sequence[Any], other: Sequence[Any], top: int = TOP) -> bool:
    """Whether two rows of `columns_of` say the same: numbers to 1e-9, and values as numbers if they are."""
    assert len(one) == len(other) == 3 * top + 4
    return all(_same(a, b) for a, b in zip(one, other, strict=True))


def _same(a: Any, b: Any) -> bool:
    if a is None or b is None:
        return a is b
    try:
        a, b = float(a), float(b)
    except ValueError:
        return str(a).lower() == str(b).lower()
    return math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-9)


def explained_rows(
    folder: Path, name: str, rows: pd.DataFrame, made: Sequence[Sequence[Any]], endings: Sequence[str] = ("",)
) -> int:
    """The number of rows with reasons; each says in `made` what the runtime says of it.

    `made` has `columns_of` of every ending, in the order of the rows.
    """
    wanted = load(name, project_dir=folder).explain(rows, top=TOP)
    columns = [column for ending in endings for column in columns_of(ending)]
    width = len(columns_of(""))
    assert len(made) == len(rows)
    for row, found in zip(wanted[columns].itertuples(index=False), made, strict=True):
        ours = [None if pd.isna(value) else value for value in row]
        for start in range(0, len(columns), width):
            part = slice(start, start + width)
            assert same_reasons(ours[part], list(found)[part]), (ours[part], list(found)[part])
    return sum(row[-1] is not None for row in made)
