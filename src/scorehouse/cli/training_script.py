"""The training script that `scorehouse init` writes, for its author to change."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scorehouse.cli.profile_file import rendered
from scorehouse.dialect import DUCKDB
from scorehouse.project.dbt_text import code, needs_quotes, python

TRAINING = '''\
"""Fit and register `{name}`: python {path}{argument}"""

{imports}from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoosting{kind}
from sklearn.metrics import get_scorer
{split_import}from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder

PROJECT = Path(__file__).resolve().parents[1]
{reading}
{dated}X = rows.drop(columns={columns})
y = rows[{label}]
{split}
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
        owner="",  # who answers for it, as the report and alerts say
{days}
        metrics={{"{metric}": {sign}get_scorer("{scorer}")(estimator, X_test, y_test)}},
    ),
    reference=scorehouse.Reference(validation=(X_test, y_test){usual}),
    alias="champion",
    project_dir=PROJECT,
)
print("registered", version.label, dict(version.metrics))
'''
ON_DUCKDB = """\
{database}
try:
    with duckdb.connect(database, read_only=True) as connection:
        labelled = connection.sql({query})
        rows = scorehouse.read_training(labelled)  # numbers as numbers, as they will be scored
except duckdb.Error as error:
    sys.exit(f"{tables} cannot be read in {{database}}: {{error}}\\nbuild first: {build}")
"""
IMPORTS = """\
import sys
from pathlib import Path

import duckdb
import scorehouse
"""
ON_POSTGRES = """\
arguments = postgres_arguments(PROJECT, {target})  # of the profile's target, as dbt connects
extensions = psycopg2.extensions  # numeric as float, which has NaN
extensions.register_type(extensions.new_type(extensions.DECIMAL.values, "float", extensions.FLOAT))
try:
    with psycopg2.connect(**arguments) as connection, connection.cursor() as cursor:
{role}        cursor.execute({query})
        names, found = [column.name for column in cursor.description], cursor.fetchall()
except psycopg2.Error as error:
    sys.exit(f"{tables} cannot be read in PostgreSQL: {{error}}\\nbuild first: {build}")
labelled = pyarrow.table({{name: [row[place] for row in found] for place, name in enumerate(names)}})
rows = scorehouse.read_training(labelled)  # numbers as numbers, as they will be scored
"""
IMPORTS_ON_POSTGRES = """\
import sys
from pathlib import Path

import psycopg2
import pyarrow
import scorehouse
from scorehouse.cli.profile_file import postgres_arguments
"""
AT_RANDOM = """\
dates = X.select_dtypes(include=["datetime", "datetimetz"]).columns
if len(dates) == 1:  # when a row was, which later rows have not in common with these
    print(f"{{dates[0]}} is no feature; `scorehouse init --time {{dates[0]}}` holds out the newest days")
    X = X.drop(columns=dates)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0{stratify})
"""
DATED = """\
undated = rows[{time}].isna()
if undated.any():
    print(undated.sum(), "labelled rows are left out, as they have no", {time})
rows = rows[~undated]
"""
BY_TIME = """\
days = rows[{time}].astype(str).str[:10]
shares = days.value_counts(normalize=True).sort_index(ascending=False).cumsum()  # of the rows since each day
if len(shares) < 2:
    sys.exit(f"all {{len(rows)}} labelled rows are of one day, and the newest days are to be held out")
is_test = days >= (shares.iloc[:-1] - 0.2).abs().idxmin()  # the newest days, about a fifth of the rows
X_train, X_test, y_train, y_test = X[~is_test], X[is_test], y[~is_test], y[is_test]
recorded = rows[{time}][~is_test] if days[~is_test].nunique() >= 8 else None  # tell how usual days differ
"""
UNKNOWN_DAYS = """\
        trained_from="",  # days of the training data: else these rows count as performance
        trained_to="","""
KNOWN_DAYS = """\
        trained_from=days[~is_test].min(),  # rows of these days do not count as performance
        trained_to=days[~is_test].max(),"""
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

    `labels` is the table that has the label; None: the feature table has it. `time` is the column of the
    feature table by which the newest rows are held out; None: rows are held out at random.
    """

    features: str
    keys: tuple[str, ...]
    label: str
    labels: str | None
    time: str | None = None

    @property
    def tables(self) -> list[str]:
        return [self.features, *filter(None, [self.labels])]

    @property
    def build(self) -> str:
        """The command that builds the tables; `schema.table` is not of dbt."""
        own = [shlex.quote(f"+{table}") for table in self.tables if "." not in table]
        return " ".join(["dbt build", *(["--select"] if own else []), *own])


@dataclass(frozen=True)
class Source:
    """Where the tables are: the profile's default target, and the schema and name of those that dbt knows."""

    project: Path
    target: str
    settings: Mapping[str, Any]
    known: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """The type of the target; empty if that is not known."""
        return str(self.settings.get("type") or "")

    @property
    def is_postgres(self) -> bool:
        return self.kind == "postgres" and bool(self.target)

    def table(self, table: str) -> str:
        """A table, in its schema if that is not `main` of DuckDB; `schema.table` is taken as it stands."""
        schema, name = self.known.get(table, (str(self.settings.get("schema") or "main"), table))
        if "." in table:
            return ".".join(map(_name, table.split(".")))
        if (schema == "main" and not self.is_postgres) or "{" in schema:
            return _name(name)
        return f"{_name(schema)}.{_name(name)}"


def reading(name: str, trained: Trained, source: Source) -> str:
    """The lines of the script that read the tables, in the profile's default target."""
    common = {
        "query": python(_query(trained, source)),
        "tables": _in_f_string(" and ".join(trained.tables)),
        "build": _in_f_string(trained.build),
    }
    if source.is_postgres:
        role = rendered(str(source.settings.get("role") or ""))
        role = f"        cursor.execute({python(f'set role {role}')})\n" if role else ""
        return ON_POSTGRES.format(target=python(source.target), role=role, **common)
    path = file_of(source.settings)
    database = DATABASE[bool(path)].format(path=python(path), script=f"ml/train_{name}.py")
    return ON_DUCKDB.format(database=database, **common)


def training_script(name: str, trained: Trained, task: str, source: Source) -> str:
    """The script, which reads the tables of `source`."""
    time, stratify = trained.time, ", stratify=y" if task == "classification" else ""
    apart = [*trained.keys, trained.label, *([time] if time and time not in trained.keys else [])]
    split = BY_TIME.format(time=python(time)) if time else AT_RANDOM.format(stratify=stratify)
    return TRAINING.format(
        name=name,
        path=f"ml/train_{name}.py",
        argument="" if source.is_postgres or file_of(source.settings) else " DATABASE",
        imports=IMPORTS_ON_POSTGRES if source.is_postgres else IMPORTS,
        reading=reading(name, trained, source),
        label=python(trained.label),
        dated=DATED.format(time=python(time)) if time else "",
        columns=python(apart),
        split_import="" if time else "from sklearn.model_selection import train_test_split\n",
        split=split,
        days=KNOWN_DAYS if time else UNKNOWN_DAYS,
        usual=", time=recorded" if time else "",
        description=python(f"Predicts {code(trained.label)} of a row of {code(trained.features)}"),
        task=task,
        **QUALITY[task],
    )


def file_of(target: Mapping[str, Any]) -> str:
    """The DuckDB file of a target as its profile has it; empty if that is not known before dbt runs."""
    path = str(target.get("path") or "")
    return "" if "{" in path or target.get("type") != "duckdb" else path


def _query(trained: Trained, source: Source) -> str:
    label, order = _name(trained.label), ", ".join(map(_name, trained.keys))
    features = source.table(trained.features)
    if trained.labels is None:
        every = "select * " if source.is_postgres else ""
        return f"{every}from {features} where {label} is not null order by {order}"
    return (
        f"select features.*, labels.{label} from {features} as features "
        f"join {source.table(trained.labels)} as labels using ({order}) "
        f"where labels.{label} is not null order by {order}"
    )


def _in_f_string(text: str) -> str:
    """A text as it stands within an f-string with double quotes."""
    return python(text)[1:-1].replace("{", "{{").replace("}", "}}")


def _name(name: str) -> str:
    """A name in the SQL of the training script, which quotes as DuckDB and PostgreSQL do."""
    return DUCKDB.quote(name) if needs_quotes(name) else name
