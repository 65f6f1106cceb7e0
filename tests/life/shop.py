"""The files of the project that its author writes; all others come from commands."""

from __future__ import annotations

from dataclasses import dataclass

from world import CUSTOMERS, LABEL_DAYS, ORDERS, SUBJECTS, Subject

SOURCES = {
    "sources": [
        {
            "name": "raw",
            "schema": "raw",
            "tables": [{"name": name} for subject in SUBJECTS for name in (subject.table, subject.labels)],
        }
    ]
}


@dataclass(frozen=True)
class MlModel:
    """An ML model of the project, with the names that commands take for it."""

    name: str
    feature_table: str
    subject: Subject
    features: tuple[str, ...]
    segment: str
    task: str
    threshold: float | None = None
    metric: str = "roc_auc"

    @property
    def label_table(self) -> str:
        return f"{self.name}_labels"

    @property
    def predictions(self) -> str:
        return f"{self.name}_predictions"


CHURN = MlModel(
    "churn",
    "customer_features",
    CUSTOMERS,
    ("plan", "city", "spend, and fees", "visits", "calls"),
    segment="city",
    task="classification",
    threshold=0.4,
)
ORDER = MlModel(
    "order",
    "order_features",
    ORDERS,
    ("shop", "weight", "items", "distance"),
    segment="shop",
    task="regression",
    metric="mae",
)
ML_MODELS = (CHURN, ORDER)


def models(quote: str = '"') -> dict[str, str]:
    """dbt models by name: a feature table and a label table per ML model; `quote` stands around names."""
    texts = {}
    for model in ML_MODELS:
        subject = model.subject
        columns = ", ".join(f"{quote}{name}{quote}" for name in subject.columns)
        texts[model.feature_table] = (
            "{{ config(materialized='table') }}\n"
            f"select {columns}\nfrom {{{{ source('raw', '{subject.table}') }}}}\n"
        )
        texts[model.label_table] = (
            "{{ config(materialized='view') }}\n"
            f"select {quote}{subject.key}{quote}, {quote}{subject.label}{quote}, known_at\n"
            f"from {{{{ source('raw', '{subject.labels}') }}}}\n"
        )
    return texts


LEARNING = '''\
"""How the ML models of this project are trained."""

from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler


def churn(frame, seed, label, features):
    strings = [name for name in features if name in ("plan", "city")]
    numbers = [name for name in features if name not in strings]
    columns = make_column_transformer(
        (OneHotEncoder(handle_unknown="error"), strings), (StandardScaler(), numbers)
    )
    return make_pipeline(columns, LogisticRegression(max_iter=1000)).fit(frame[features], frame[label])


def order(frame, seed, label, features):
    columns = make_column_transformer((OrdinalEncoder(), ["shop"]), remainder="passthrough")
    trees = HistGradientBoostingRegressor(max_iter=40, max_leaf_nodes=15, random_state=seed)
    return make_pipeline(columns, trees).fit(frame[features], frame[label])
'''

TRAIN = '''\
"""Fit and register `{name}`: python ml/train_{name}.py FIRST_DAY LAST_DAY ALIAS"""

import sys

import learning
import pandas as pd
import scorehouse

first, last, *alias = sys.argv[1:]
rows = pd.read_parquet("ml/{name}.parquet")
rows = rows[(rows["day"] >= pd.Timestamp(first)) & (rows["day"] <= pd.Timestamp(last))]
features = {features!r}
cut = int(0.8 * len(rows))
estimator = learning.{name}(rows[:cut], 0, {label!r}, features)
version = scorehouse.register(
    estimator,
    "{name}",
    rows[:cut][features],
    rows[:cut][{label!r}],
    task="{task}",
    {threshold}card=scorehouse.Card(
        description="Tried in a life,\u2028on two lines",
        owner="retention@example.com",
        trained_from=first,
        trained_to=last,
        metrics={metrics},
    ),
    reference=scorehouse.Reference(
        time=rows[:cut]["day"], validation=(rows[cut:][features], rows[cut:][{label!r}])
    ),
    alias=alias[0] if alias else None,
)
print("registered", version.label)
'''
METRICS = {
    "classification": '{{"roc_auc": float(roc_auc_score(rows[cut:][{label!r}] == "yes", '
    "estimator.predict_proba(rows[cut:][features])[:, 1]))}}",
    "regression": '{{"mae": float(mean_absolute_error(rows[cut:][{label!r}], '
    "estimator.predict(rows[cut:][features])))}}",
}


def train_script(model: MlModel) -> str:
    """The training script of an ML model."""
    text = TRAIN.format(
        name=model.name,
        features=list(model.features),
        label=model.subject.label,
        task=model.task,
        threshold="" if model.threshold is None else f"threshold={model.threshold},\n    ",
        metrics=METRICS[model.task].format(label=model.subject.label),
    )
    metric = "roc_auc_score" if model.task == "classification" else "mean_absolute_error"
    return text.replace(
        "import scorehouse\n", f"import scorehouse\nfrom sklearn.metrics import {metric}\n", 1
    )


def monitor_options(model: MlModel) -> list[str]:
    """What `scaffold monitors` is called with."""
    return [
        *("--features", model.feature_table, "--key", model.subject.key, "--day", "day"),
        *("--segment", model.segment, "--labels", model.label_table, "--label", model.subject.label),
        *("--label-days", str(LABEL_DAYS)),
    ]
