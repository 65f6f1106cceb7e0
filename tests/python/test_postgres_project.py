"""A dbt project on PostgreSQL scores the real flights and customers by compiled SQL alone.

The features are built on DuckDB by this project's own models and copied over; everything after that,
seeds, scored tables, run log, drift, performance and generic tests, is dbt on PostgreSQL.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
import yaml
from dbt.cli.main import dbtRunner
from sklearn.metrics import roc_auc_score

from project import REPOSITORY, Row
from scorehouse import artifact
from scorehouse.compile.parity import compare
from scorehouse.policy import LoadPolicy
from scorehouse.registration.seeds import ModelSeeds
from scorehouse.scorer import Kernel
from test_postgres_parity import Server, load, server

pytest.importorskip("dbt.adapters.postgres", reason="the extra `postgres` is not installed")
pytestmark = [pytest.mark.foreign, pytest.mark.postgres]
__all__ = ["server"]
SCORED = {  # model -> name, version, feature table, key
    "flights_logistic": ("flight_delay", 1, "flight_scoring_features", ["flight_id"]),
    "flights_boosted": ("flight_delay", 2, "flight_scoring_features", ["flight_id"]),
    "customers": ("churn", 1, "churn_scoring_features", ["customer_id", "snapshot_date"]),
}
FEATURES = ("flight_scoring_features", "churn_scoring_features", "flight_labels")
TYPED = [("month", "integer", 12), ("dep_delay", "double", None), ("carrier", "string", None)]
TYPED += [("flight_date", "timestamp", None), ("origin", "double", None)]  # the last one is wrong
WARN = {"severity": "warn"}
MODELS = {
    # the compiled form inside a view, without the materialization
    "customers_now": "{{ config(materialized='view') }}\nselect * from {{ scorehouse.predict('churn', "
    "relation=source('features', 'churn_scoring_features'), keep=['customer_id', 'snapshot_date']) }} as s\n",
    "flight_profiles": """{{ scorehouse.profile(
    predictions=ref('flights_boosted'), reference=ref('ml_flight_delay__reference'),
    features=source('features', 'flight_scoring_features'), key='flight_id', day='flight_date',
    segments=['origin'], signature=ref('ml_flight_delay__signature')) }}""",
    "flight_drift": """{{ scorehouse.drift(
    profiles=ref('flight_profiles'), reference=ref('ml_flight_delay__reference'), window='month',
    importance=ref('ml_flight_delay__signature')) }}""",
    "flight_performance": """{{ scorehouse.performance(
    predictions=ref('flights_boosted'), labels=source('features', 'flight_labels'), key='flight_id',
    label='arrived_late', day='flight_date', maturity={'days': 1, 'share': 0.5}) }}""",
}
SAMPLE = "using sample reservoir(30000 rows) repeatable (7)"


def dbt(folder: Path, server: Server, *arguments: str) -> Any:
    here = Path.cwd()
    places = ["--project-dir", str(folder), "--profiles-dir", str(REPOSITORY), "--target", "postgres"]
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("SCOREHOUSE_POSTGRES_PORT", str(server.port))
            return dbtRunner().invoke(["--quiet", *arguments, *places])
    finally:
        os.chdir(here)


@pytest.fixture(scope="module")
def features(examples: Path) -> dict[str, pa.Table]:
    """A sample of the real feature tables, NULLs included, and rows that have to be rejected."""
    with duckdb.connect(str(examples), read_only=True) as connection:
        connection.execute(f"create temp table flights as from flight_scoring_features {SAMPLE}")
        odd = "select * replace ('XX' as carrier, flight_id || '-odd' as flight_id) from flights limit 5"
        return {
            "flight_scoring_features": connection.sql(f"from flights union all ({odd})").to_arrow_table(),
            "churn_scoring_features": connection.sql(
                f"from churn_scoring_features {SAMPLE}"
            ).to_arrow_table(),
            "flight_labels": connection.sql(
                "from flight_labels where flight_id in (select flight_id from flights)"
            ).to_arrow_table(),
        }


@dataclass(frozen=True)
class House:
    """The project after `dbt build`: how each node ended, and a way to look into its database."""

    server: Server
    statuses: dict[str, str]

    def query(self, sql: str) -> list[Row]:
        with self.server.connect() as connection, connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall()


def kernel_of(name: str, number: int) -> Kernel:
    versions = ModelSeeds(REPOSITORY, name).versions()
    version = next(v for v in versions if v.version == number)
    estimator, signature, _ = artifact.load(REPOSITORY, version, LoadPolicy.from_variable({}), "test")
    return Kernel(estimator, version, signature, strict=frozenset(), call="test")


def write_project(folder: Path) -> None:
    """A project of the profile of this repository, whose target `postgres` is the one tried."""
    shutil.copytree(REPOSITORY / "macros", folder / "macros", ignore=shutil.ignore_patterns("ml"))
    shutil.copytree(REPOSITORY / "models" / "run_log", folder / "models" / "run_log")
    for name in ("flight_delay", "churn"):
        shutil.copytree(REPOSITORY / "seeds" / "ml" / name, folder / "seeds" / "ml" / name)
        (folder / "macros" / "ml").mkdir(exist_ok=True)
        shutil.copy(REPOSITORY / "example_macros" / "ml" / f"{name}.sql", folder / "macros" / "ml")
    document = {
        "name": "scorehouse",
        "version": "0.1.0",
        "config-version": 2,
        "profile": "scorehouse",
        "flags": {"send_anonymous_usage_stats": False},
        "on-run-start": "{{ config(enabled=true) }}{{ scorehouse.ensure_run_log() }}",
        "models": {"+materialized": "table"},
    }
    (folder / "dbt_project.yml").write_text(yaml.safe_dump(document))


def write_models(folder: Path) -> None:
    for model, (name, number, table, key) in SCORED.items():
        chosen = f"version={number}" if name == "flight_delay" else "alias='champion'"
        kept = ["flight_date", "origin"] if name == "flight_delay" else []
        (folder / "models" / f"{model}.sql").write_text(
            f"{{{{ scorehouse.scored('{name}', {chosen}, key={key!r}, passthrough={kept!r}) }}}}\n"
            f"select * from {{{{ source('features', '{table}') }}}}\n"
        )
    for model, text in MODELS.items():
        (folder / "models" / f"{model}.sql").write_text(text)
    models = [{"name": model, "data_tests": checks_of(*facts)} for model, facts in SCORED.items()]
    models.append({"name": "flight_drift", "data_tests": [{"scorehouse.no_drift": {"config": WARN}}]})
    tables: list[dict[str, Any]] = [{"name": name} for name in FEATURES]
    tables[0]["columns"] = [feature_checks(*column) for column in TYPED]
    source = {"name": "features", "schema": "public", "tables": tables}
    (folder / "models" / "_models.yml").write_text(
        yaml.safe_dump({"version": 2, "models": models, "sources": [source]})
    )


def feature_checks(column: str, kind: str, most: int | None) -> dict[str, Any]:
    """What `scorehouse scaffold tests` writes for a feature; of `origin`, a text, the type is wrong."""
    typed: dict[str, Any] = {"arguments": {"type": kind}}
    if column == "origin":
        typed["config"] = {"error_if": "=0"}
    tests: list[dict[str, Any]] = [{"scorehouse.feature_has_type": typed}]
    if most is not None:
        limits = {"min_value": 0, "max_value": most}
        tests.append({"scorehouse.feature_in_range": {"arguments": limits}})
    return {"name": column, "data_tests": tests}


def checks_of(name: str, number: int, table: str, key: list[str]) -> list[dict[str, Any]]:
    features = f"source('features', '{table}')"
    rows = {"arguments": {"features": features, "key": key}}
    found: list[dict[str, Any]] = [
        {"scorehouse.one_prediction_per_row": rows},
        {"scorehouse.score_in_range": {"arguments": {"columns": "score", "min_value": 0, "max_value": 1}}},
        {"scorehouse.rejected_share_below": {"arguments": {"max_share": 0.2}}},
    ]
    if name == "churn":
        registry = {"arguments": {"registry": f"ref('ml_{name}')"}}
        found.append({"scorehouse.predictions_by_alias": registry})
    return found


@pytest.fixture(scope="module")
def house(
    server: Server, features: dict[str, pa.Table], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("postgres") / "house"
    write_project(folder)
    write_models(folder)
    with server.connect() as connection:
        for name, table in features.items():
            load(connection, name, table)
    ended = dbt(folder, server, "build")
    results = list(getattr(ended.result, "results", None) or [])
    bad = {r.node.name: r.message for r in results if r.status not in ("success", "pass", "warn")}
    assert ended.success, ended.exception or "\n".join(f"{k}: {v}" for k, v in bad.items() if v)
    yield House(server, {result.node.name: str(result.status) for result in results})


def test_everything_is_built_and_tested(house: House) -> None:
    assert set(house.statuses.values()) <= {"success", "pass", "warn"}
    expected = {"ml_churn", "ml_flight_delay__signature", "scorehouse_runs", *SCORED, *MODELS}
    assert expected <= house.statuses.keys()
    assert len([status for status in house.statuses.values() if status == "pass"]) >= 10


def test_the_seeds_keep_their_nulls(house: House) -> None:
    assert house.query("select count(*) from ml_churn__signature where minimum is null") != [(0,)]


@pytest.mark.parametrize("model", SCORED)
def test_scores_equal_the_kernel(model: str, house: House, features: dict[str, pa.Table]) -> None:
    name, number, table, key = SCORED[model]
    kernel = kernel_of(name, number)
    rows = features[table]
    expected = pa.Table.from_batches([kernel(b) for b in rows.combine_chunks().to_batches()])
    order = ", ".join(key)
    found = house.query(f"select prediction, score, row_status, reject_reason from {model} order by {order}")
    ordering = duckdb.sql(
        "select row_number() over () - 1 as position from rows order by "
        + ", ".join(f"encode({column})" if column == "flight_id" else column for column in key)
    ).to_arrow_table()["position"]
    expected = expected.take(ordering.combine_chunks())
    types = [*expected.schema.types[:-1], pa.string(), pa.string()]
    names = ["prediction", "score", "row_status", "reject_reason"]
    columns = [pa.array(list(c), t) for c, t in zip(zip(*found, strict=True), types, strict=True)]
    parity = compare(expected, pa.table(columns, names=names))
    assert parity.rows == rows.num_rows
    assert (parity.label_flips, parity.status_flips, parity.reason_differences) == (0, 0, 0)
    assert parity.max_difference <= 1e-9


def test_runs_are_logged(house: House, features: dict[str, pa.Table]) -> None:
    rows = house.query(
        "select split_part(node, '.', 3), status, engine, form, model_name, model_version, rows_in, "
        "rows_scored + rows_rejected, score_min >= 0, score_max <= 1, seconds > 0 from scorehouse_run_log"
    )
    assert {row[0]: row[1:] for row in rows} == {
        model: ("success", "postgres", "sql", name, number, *[features[table].num_rows] * 2, *[True] * 3)
        for model, (name, number, table, _) in SCORED.items()
    }
    ids = "select distinct scoring_run_id::text, model_digest from customers"
    logged = "select run_id::text, model_digest from scorehouse_run_log where model_name = 'churn'"
    assert house.query(ids) == house.query(logged)
    (reasons,) = house.query(
        "select reject_reasons from scorehouse_runs where model_name = 'flight_delay' limit 1"
    )
    assert json.loads(reasons[0])["null:dep_delay"] > 0


def test_a_view_has_the_same_scores(house: House) -> None:
    both = "from customers join customers_now using (customer_id, snapshot_date)"
    same = "customers.score = customers_now.score and customers.prediction = customers_now.prediction"
    assert house.query(f"select count(*), count(*) filter (where {same}) {both}") == house.query(
        "select count(*), count(score) from customers"
    )


def test_performance_is_that_of_scikit_learn(house: House) -> None:
    rows = house.query(
        "select p.score, l.arrived_late from flights_boosted as p join flight_labels as l using (flight_id) "
        "where p.score is not null and l.arrived_late is not null and p.flight_date >= '2013-09-01' "
        "and p.flight_date < '2013-10-01'"
    )
    scores, labels = zip(*rows, strict=True)
    (found,) = house.query(
        "select value, status from flight_performance where metric = 'roc_auc' and segment = 'all' "
        "and window_start = '2013-09-01'"
    )
    assert found[1] == "info"  # no threshold was given
    assert found[0] == pytest.approx(roc_auc_score(labels, scores), abs=1e-9)


def test_drift_counts_every_row(house: House) -> None:
    (found,) = house.query(
        "select sum(row_count) from flight_profiles where feature = 'dep_delay' and segment = 'all' "
        "and kind <> 'all'"
    )
    assert found == house.query("select count(*) from flights_boosted")[0]
    rows = house.query("select value, status from flight_drift where metric = 'psi' and segment = 'all'")
    assert len(rows) > 10 and all(value >= 0 for value, _ in rows)


def test_rejected_rows_say_why(house: House) -> None:
    counted = dict(
        house.query(
            "select reject_reason, count(*) from flights_boosted where row_status = 'rejected' group by 1"
        )
    )
    assert sum(n for reason, n in counted.items() if "unseen_category:carrier=XX" in reason) == 5
    assert any(reason.startswith("null:dep_delay") for reason in counted)
