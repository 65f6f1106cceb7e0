"""A stranger's project that installs this package, in an unusual place and with every name of our examples.

Its folder has spaces, its profile lies in the home folder and is called as ours once was, eight
threads build it, its features come from an attached database, and Git gave its text files Windows line ends.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import yaml

from project import PRINTED, REPOSITORY
from virtual_environments import kept_variables

ROWS = 300
ML_MODELS = ("churn", "demand", "flight_delay", "next_product", "segments")
PREDICTIONS = {
    "churn_predictions": "churn",
    "demand_predictions": "demand",
    "ranking_predictions": "next_product",
    "segment_predictions": "segments",
}
TRAIN = """
import numpy as np
import pandas as pd
from sklearn.cluster import KMeans
from sklearn.linear_model import LinearRegression, LogisticRegression

from scorehouse import Card, register

random = np.random.default_rng(0)
X = pd.DataFrame({"amount": random.uniform(0, 100, 200), "visits": random.integers(0, 9, 200)})
X.to_parquet("features.parquet")
X.assign(label=X.amount > 50).to_parquet("training.parquet")
champion = {"X": X, "alias": "champion"}
leaves = LogisticRegression(max_iter=1000).fit(X, X.amount + 5 * X.visits > 70)
y = X.amount + 5 * X.visits > 70
register(leaves, "churn", y=y, task="classification", card=Card(metrics={"auc": 0.9}), **champion)
register(leaves, "flight_delay", task="classification", **champion)
register(leaves, "next_product", task="ranking", **champion)
register(LinearRegression().fit(X, X.amount), "demand", task="regression", **champion)
register(KMeans(3, n_init=1, random_state=0).fit(X), "segments", task="clustering", **champion)
"""
PYTHON_MODEL = """
from scorehouse import score


def model(dbt, session):
    dbt.config(materialized="predictions")
    return score(dbt, session, features=dbt.ref("basket"), model=dbt.ref("ml_flight_delay"), key="id")
"""
LABELS = """
{{ config(materialized='view') }}
select id, (amount > 50)::int as churned from {{ ref('basket') }}
"""
MONITORING = {
    "churn_performance": "performance(ref('churn_predictions'), ref('churn_labels'), 'id', 'churned')",
}
BASKET = f"""
create table customers as
select i as id, (i * 7 % 100)::double as amount, i % 9 as visits, i % 5 as shop
from range({ROWS}) as numbers(i)
"""
SAME_SCORES = """
{{ config(enabled=(target.name == 'memory')) }}
select id
from {{ ref('churn_predictions') }} as now
full join before.analytics.churn_predictions as before using (id)
where now.score is distinct from before.score
"""


@dataclass(frozen=True)
class ForeignProject:
    """The project in `folder`; `home` is the home folder of who runs commands in it."""

    folder: Path
    home: Path

    @property
    def database(self) -> Path:
        return self.folder / "warehouse.duckdb"

    def run(
        self, program: str | Path, *arguments: str | Path, code: int = 0, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run an installed program as a user's shell would; fails unless it exits with `code`."""
        ended = subprocess.run(
            [Path(sys.executable).parent / program, *map(str, arguments)],
            cwd=self.folder,
            env={**kept_variables(), "HOME": str(self.home), "NO_COLOR": "1", **variables},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        said = ended.stdout + ended.stderr
        assert ended.returncode == code, f"{program} {arguments} exits with {ended.returncode}\n{said}"
        assert "Traceback" not in said, said
        return ended

    def write(self, path: str, text: str) -> None:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.database), read_only=True) as connection:
            return connection.sql(sql).fetchall()


def our_names(kind: str) -> set[str]:
    """Names of our examples' entries of this kind in YAML, such as `exposures`."""
    files = (REPOSITORY / folder for folder in ("models", "python_models"))
    documents = [yaml.safe_load(file.read_text()) for folder in files for file in folder.rglob("*.yml")]
    return {entry["name"] for document in documents for entry in document.get(kind) or []}


def our_models() -> set[str]:
    files: Iterator[Path] = REPOSITORY.glob("models/[!i]*/*.sql")
    return {file.stem for file in (*files, *REPOSITORY.glob("python_models/*.py"))}


def write_shop(shop: ForeignProject) -> None:
    """The files of the project, as its author wrote them."""
    shop.write("packages.yml", yaml.safe_dump({"packages": [{"local": str(REPOSITORY)}]}))
    flags = {"send_anonymous_usage_stats": False, "require_unique_project_resource_names": True}
    document = {
        "name": "corner_shop",
        "config-version": 2,
        "profile": "scorehouse",
        "flags": {**flags, "require_generic_test_arguments_property": True},
        "models": {
            "corner_shop": {"+materialized": "ephemeral"},
            "scorehouse": {"run_log": {"+tags": ["ours"]}},
        },
        "vars": PRINTED,
        "seeds": {"+fast": True},  # COPY, the default of dbt-duckdb
    }
    shop.write("dbt_project.yml", yaml.safe_dump(document))
    raw = {"path": "raw.duckdb", "alias": "raw"}
    duckdb_file = {"type": "duckdb", "schema": "analytics", "threads": 8, "path": "warehouse.duckdb"}
    before = {"path": "warehouse.duckdb", "alias": "before", "read_only": True}
    outputs = {
        "dev": {**duckdb_file, "attach": [raw]},
        "live": {**duckdb_file, "schema": "live", "attach": [raw]},
        "memory": {**duckdb_file, "path": ":memory:", "attach": [raw, before]},
    }
    shop.write(
        "../home/.dbt/profiles.yml", yaml.safe_dump({"scorehouse": {"target": "dev", "outputs": outputs}})
    )
    with duckdb.connect(str(shop.folder / "raw.duckdb")) as connection:
        connection.execute(BASKET)
    shop.write("train.py", TRAIN)
    basket = "select id, amount, visits from {{ source('shop', 'customers') }}"
    shop.write("models/basket.sql", f"{{{{ config(materialized='view') }}}}\n{basket}\n")
    for name in our_models() - {*PREDICTIONS, "flight_predictions"}:
        shop.write(f"models/{name}.sql", "select * from {{ ref('basket') }}\n")
    for name, ml_model in PREDICTIONS.items():
        group = ", group='id'" if ml_model == "next_product" else ""
        call = f"{{{{ scorehouse.scored('{ml_model}', key='id'{group}) }}}}"
        shop.write(f"models/{name}.sql", f"{call}\nselect * from {{{{ ref('basket') }}}}\n")
    for name, call in MONITORING.items():
        model = f"{{{{ config(materialized='table') }}}}\n{{{{ scorehouse.{call} }}}}\n"
        shop.write(f"models/{name}.sql", model)
    shop.write("models/churn_labels.sql", LABELS)
    shop.write("models/flight_predictions.py", PYTHON_MODEL)
    shop.write("models/scorehouse.md", "{% docs __scorehouse__ %}ours{% enddocs %}\n")
    shop.write("tests/same_scores.sql", SAME_SCORES)
    shop.write("models/_shop.yml", yaml.safe_dump(properties()))


def properties() -> dict[str, Any]:
    """Sources, exposures and unit tests with the names of ours, and a test of what was scored."""
    owner = {"name": "us", "email": "us@example.com"}
    sources = [
        {"name": name, "tables": [{"name": "flights"}]} for name in our_names("sources") - {"scorehouse"}
    ]
    row = {"id": 1, "amount": 0.5, "visits": 2}
    arguments = {"features": "ref('basket')", "key": "id"}
    test = {"scorehouse.one_prediction_per_row": {"arguments": arguments}}
    return {
        "sources": [
            *sources,
            {"name": "shop", "database": "raw", "schema": "main", "tables": [{"name": "customers"}]},
        ],
        "exposures": [
            {"name": name, "type": "dashboard", "owner": owner, "depends_on": ["ref('churn_predictions')"]}
            for name in our_names("exposures")
        ],
        "unit_tests": [
            {
                "name": name,
                "model": "churn_features",
                "given": [{"input": "ref('basket')", "rows": [row]}],
                "expect": {"rows": [row]},
            }
            for name in our_names("unit_tests")
        ],
        "models": [{"name": name, "data_tests": [test]} for name in PREDICTIONS],
    }


def with_windows_line_ends(folder: Path) -> None:
    """Give text files the line ends that Git writes on Windows; artifacts are none of them."""
    for place in ("seeds", "models", "macros"):
        for file in (folder / place).rglob("*"):
            if file.is_file():
                file.write_bytes(file.read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))


def foreign_project_in(folder: Path) -> ForeignProject:
    return ForeignProject(folder / "Pat and Sue", folder / "home")


def built_foreign_project(folder: Path) -> ForeignProject:
    """Install, train and build, by the commands that its author types."""
    shop = foreign_project_in(folder)
    shop.folder.mkdir()
    write_shop(shop)
    shop.run("dbt", "deps")
    shop.run("python", "train.py")
    with_windows_line_ends(shop.folder)
    shop.run("dbt", "--warn-error", "build", "--exclude-resource-type", "unit_test")
    return shop
