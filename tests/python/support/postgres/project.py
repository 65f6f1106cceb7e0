"""A dbt project on PostgreSQL that scores and watches what this repository has built there."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from dbt.cli.main import dbtRunner

from postgres.server import Server
from project import NAME, REPOSITORY, install_package

SCHEMA = "examples"  # where the repository is built
RESULTS = ("success", "pass", "warn", "no-op")  # an exposure is a no-op
SCORED = {  # model -> name, version, feature table, key
    "flights_logistic": ("flight_delay", 1, "flights_tried", ["flight_id"]),
    "flights_boosted": ("flight_delay", 2, "flights_tried", ["flight_id"]),
    "customers": ("churn", 1, "churn_scoring_features", ["customer_id", "snapshot_date"]),
}
ODD = {"flight_id": "flight_id || '-odd'", "carrier": "'XX'"}  # of a carrier that was not in training
FEATURES = ("flight_scoring_features", "churn_scoring_features", "flight_labels")
TRIED = "where extract(day from flight_date) in (3, 9, 15, 21, 27)"
TYPED = [("month", "integer", 12), ("dep_delay", "double", None), ("carrier", "string", None)]
TYPED += [("flight_date", "timestamp", None), ("origin", "double", None)]  # the last one is wrong
WARN = {"severity": "warn"}
MODELS = {
    # the compiled SQL inside a view, without the materialization
    "customers_now": "{{ config(materialized='view') }}\nselect * from {{ scorehouse.predict('churn', "
    "relation=source('features', 'churn_scoring_features'), keep=['customer_id', 'snapshot_date']) }} as s\n",
    "some_flights": "select * from {{ ref('flights_tried') }} order by flights_tried.flight_id limit 2000",
    "fragile_flights": """{{ scorehouse.fragile_rows('flight_delay', ref('some_flights'), key='flight_id',
        version=2, features=['dep_delay', 'pressure'], steps={'dep_delay': 1}) }}""",
    "flight_profiles": """{{ scorehouse.profile(
    predictions=ref('flights_boosted'), reference=ref('ml_flight_delay__reference'),
    features=ref('flights_tried'), key='flight_id', day='flight_date',
    segments=['origin'], signature=ref('ml_flight_delay__signature')) }}""",
    "flight_drift": """{{ scorehouse.drift(
    profiles=ref('flight_profiles'), reference=ref('ml_flight_delay__reference'), window='month',
    importance=ref('ml_flight_delay__signature')) }}""",
    "flight_performance": """{{ scorehouse.performance(
    predictions=ref('flights_boosted'), labels=source('features', 'flight_labels'), key='flight_id',
    label='arrived_late', day='flight_date', maturity={'days': 1, 'share': 0.5}) }}""",
}


def dbt(folder: Path, server: Server, *arguments: str, schema: str = "public") -> Any:
    """A dbt command on the target `postgres` of the project in `folder`, which may be this repository."""
    here = Path.cwd()
    places = ["--project-dir", str(folder), "--profiles-dir", str(folder), "--target", "postgres"]
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("SCOREHOUSE_POSTGRES_PORT", str(server.port))
            patch.setenv("SCOREHOUSE_POSTGRES_SCHEMA", schema)
            return dbtRunner().invoke(["--quiet", *arguments, *places])
    finally:
        os.chdir(here)


def build(folder: Path, server: Server, *arguments: str, schema: str = "public") -> dict[str, str]:
    """`dbt build`, which has to end well: the status of each node."""
    ended = dbt(folder, server, "build", *arguments, schema=schema)
    results = list(getattr(ended.result, "results", None) or [])
    bad = {r.node.name: r.message for r in results if r.status not in RESULTS}
    assert ended.success, ended.exception or {name: told for name, told in bad.items() if told}
    return {result.node.name: str(result.status) for result in results}


def write_project(folder: Path) -> None:
    """A project with this package, two of its ML models, and the target `postgres` of its profile."""
    (folder / "models").mkdir(parents=True)
    install_package(folder)
    for name in ("flight_delay", "churn"):
        shutil.copytree(REPOSITORY / "seeds" / "ml" / name, folder / "seeds" / "ml" / name)
        (folder / "macros" / "ml").mkdir(parents=True, exist_ok=True)
        shutil.copy(REPOSITORY / "example_macros" / "ml" / f"{name}.sql", folder / "macros" / "ml")
    document = {
        "name": NAME,
        "config-version": 2,
        "profile": NAME,
        "flags": {"send_anonymous_usage_stats": False},
        "models": {NAME: {"+materialized": "table"}},
    }
    (folder / "dbt_project.yml").write_text(yaml.safe_dump(document))
    profile = yaml.safe_load((REPOSITORY / "profiles.yml").read_text())["scorehouse_examples"]
    (folder / "profiles.yml").write_text(yaml.safe_dump({NAME: profile}))


def relation(table: str) -> str:
    return f"source('features', '{table}')" if table in FEATURES else f"ref('{table}')"


def write_models(folder: Path, flight_columns: list[str]) -> None:
    odd = ", ".join(ODD.get(column, column) for column in flight_columns)
    flights = f"{{{{ {relation('flight_scoring_features')} }}}}"
    (folder / "models" / "flights_tried.sql").write_text(
        f"select {', '.join(flight_columns)} from {flights} {TRIED} "
        f"union all (select {odd} from {flights} order by flight_scoring_features.flight_id limit 5)\n"
    )
    for model, (name, number, table, key) in SCORED.items():
        chosen = f"version={number}" if name == "flight_delay" else "alias='champion'"
        kept = ["flight_date", "origin"] if name == "flight_delay" else []
        (folder / "models" / f"{model}.sql").write_text(
            f"{{{{ scorehouse.scored('{name}', {chosen}, key={key!r}, passthrough={kept!r}) }}}}\n"
            f"select * from {{{{ {relation(table)} }}}}\n"
        )
    for model, text in MODELS.items():
        (folder / "models" / f"{model}.sql").write_text(text)
    models = [{"name": model, "data_tests": checks_of(*facts)} for model, facts in SCORED.items()]
    models.append({"name": "flight_drift", "data_tests": [{"scorehouse.no_drift": {"config": WARN}}]})
    tables: list[dict[str, Any]] = [{"name": name} for name in FEATURES]
    tables[0]["columns"] = [feature_checks(*column) for column in TYPED]
    source = {"name": "features", "schema": SCHEMA, "tables": tables}
    (folder / "models" / "_models.yml").write_text(
        yaml.safe_dump({"version": 2, "models": models, "sources": [source]})
    )


def feature_checks(column: str, kind: str, most: int | None) -> dict[str, Any]:
    """What `scorehouse scaffold tests` writes for a feature; of `origin`, a text, the type is wrong."""
    typed: dict[str, Any] = {"arguments": {"type": kind}}
    if column == "origin":
        typed["config"] = WARN  # as an error, it would stop with words
    tests: list[dict[str, Any]] = [{"scorehouse.feature_has_type": typed}]
    if most is not None:
        limits = {"min_value": 0, "max_value": most}
        tests.append({"scorehouse.feature_in_range": {"arguments": limits}})
    return {"name": column, "data_tests": tests}


def checks_of(name: str, number: int, table: str, key: list[str]) -> list[dict[str, Any]]:
    rows = {"arguments": {"features": relation(table), "key": key}}
    found: list[dict[str, Any]] = [
        {"scorehouse.one_prediction_per_row": rows},
        {"scorehouse.score_in_range": {"arguments": {"columns": "score", "min_value": 0, "max_value": 1}}},
        {"scorehouse.rejected_share_below": {"arguments": {"max_share": 0.2}}},
    ]
    if name == "churn":
        registry = {"arguments": {"registry": f"ref('ml_{name}')"}}
        found.append({"scorehouse.predictions_by_alias": registry})
    return found
