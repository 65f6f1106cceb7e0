"""The training script that `scorehouse init` writes, for its author to change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scorehouse.dialect import DUCKDB
from scorehouse.project.dbt_text import code, needs_quotes, python

TRAINING = '''\
"""Fit and register `{name}`: python {path}{argument}"""

import sys
from pathlib import Path

import duckdb
import scorehouse
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoosting{kind}
from sklearn.metrics import get_scorer
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder

PROJECT = Path(__file__).resolve().parents[1]
{database}
with duckdb.connect(database, read_only=True) as connection:
    labelled = connection.sql({query})
    rows = scorehouse.read_training(labelled)  # numbers as numbers, in the form in which they will be scored

X = rows.drop(columns={columns})
y = rows[{label}]
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0{stratify})

strings = make_column_selector(dtype_include=["object", "string", "category"])
times = make_column_selector(dtype_include=["datetime", "datetimetz"])
estimator = make_pipeline(
    make_column_transformer(
        (OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), strings),
        (scorehouse.DaysSinceEpoch(), times),
        remainder="passthrough",
    ),
    HistGradientBoosting{kind}(random_state=0),
).fit(X_train, y_train)

version = scorehouse.register(
    estimator,
    "{name}",
    X_train,
    y_train,
    task="{task}",
    card=scorehouse.Card(
        description={description},
        owner="",  # who answers for it
        trained_from="",  # days of the training data
        trained_to="",
        metrics={{"{metric}": {sign}get_scorer("{scorer}")(estimator, X_test, y_test)}},
    ),
    reference=scorehouse.Reference(validation=(X_test, y_test)),
    alias="champion",
    project_dir=PROJECT,
)
print("registered", version.label, dict(version.metrics))
'''
# by whether the file of the profile's target is known
DATABASE = {
    True: "database = sys.argv[1] if sys.argv[1:] else PROJECT / {path}  # the profile's default target\n",
    False: 'if not sys.argv[1:]:\n    sys.exit("call it as: python {script} DATABASE")\n'
    "database = sys.argv[1]  # the DuckDB file of your target\n",
}
QUALITY = {
    "classification": {"kind": "Classifier", "metric": "roc_auc", "sign": "", "scorer": "roc_auc_ovr"},
    "regression": {"kind": "Regressor", "metric": "mae", "sign": "-", "scorer": "neg_mean_absolute_error"},
}


@dataclass(frozen=True)
class Trained:
    """What to train on: tables of the target, their key, and the column to predict.

    `labels` is the table that has the label; None: the feature table has it.
    """

    features: str
    keys: tuple[str, ...]
    label: str
    labels: str | None


def training_script(name: str, trained: Trained, task: str, target: Mapping[str, Any]) -> str:
    """The script, which reads the tables in the DuckDB file of `target`, the profile's default."""
    path = file_of(target)
    script = f"ml/train_{name}.py"
    return TRAINING.format(
        name=name,
        path=script,
        argument="" if path else " DATABASE",
        database=DATABASE[bool(path)].format(path=python(path), script=script),
        query=python(_query(trained, target)),
        label=python(trained.label),
        columns=python([*trained.keys, trained.label]),
        description=python(f"Predicts {code(trained.label)} of a row of {code(trained.features)}"),
        task=task,
        stratify=", stratify=y" if task == "classification" else "",
        **QUALITY[task],
    )


def file_of(target: Mapping[str, Any]) -> str:
    """The DuckDB file of a target as its profile has it; empty if that is not known before dbt runs."""
    path = str(target.get("path") or "")
    return "" if "{" in path or target.get("type") != "duckdb" else path


def _query(trained: Trained, target: Mapping[str, Any]) -> str:
    label, order = _name(trained.label), ", ".join(map(_name, trained.keys))
    features = _table(trained.features, target)
    if trained.labels is None:
        return f"from {features} where {label} is not null order by {order}"
    return (
        f"select features.*, labels.{label} from {features} as features "
        f"join {_table(trained.labels, target)} as labels using ({order}) "
        f"where labels.{label} is not null order by {order}"
    )


def _name(name: str) -> str:
    """A name in the SQL of the training script, which runs on DuckDB."""
    return DUCKDB.quote(name) if needs_quotes(name) else name


def _table(table: str, target: Mapping[str, Any]) -> str:
    """A table, in the schema of the target if that is not `main`; `schema.table` is taken as it stands."""
    schema = str(target.get("schema") or "main")
    if "." in table or schema == "main" or "{" in schema:
        return ".".join(map(_name, table.split(".")))
    return f"{_name(schema)}.{_name(table)}"
