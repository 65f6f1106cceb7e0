"""dbt on PostgreSQL builds the flights and customers of the examples and scores them by compiled SQL alone.

First this repository is built there from its sources: seeds, features, unit tests, predictions, marts and
generic tests. A second project scores the features that it made by other versions, in a view, and watches.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from sklearn.metrics import roc_auc_score

from compared_tables import EQUAL, MARTS, PREDICTED, TESTS, UNIT_TESTS
from compile_kernel import example_kernel
from postgres.examples import ComparedWithPostgres, build_examples
from postgres.project import MODELS, ODD, SCHEMA, SCORED, TRIED, build, write_models, write_project
from postgres.server import Server
from project import Row
from scorehouse.program.proof import compare

pytest.importorskip("dbt.adapters.postgres", reason="the extra `postgres` is not installed")
pytestmark = [pytest.mark.foreign, pytest.mark.postgres]


@pytest.fixture(scope="module")
def built(server: Server, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """This repository, built on PostgreSQL from its sources: the status of each node."""
    return build_examples(server, tmp_path_factory.mktemp("repository"))


@pytest.fixture(scope="module")
def compared(
    server: Server, built: dict[str, str], examples: Path, tmp_path_factory: pytest.TempPathFactory
) -> ComparedWithPostgres:
    return ComparedWithPostgres(server, examples, tmp_path_factory.mktemp("copied"))


@pytest.fixture(scope="module")
def features(examples: Path) -> dict[str, pa.Table]:
    """The feature tables as DuckDB makes them, and flights that have to be rejected."""
    replaced = ", ".join(f"{sql} as {column}" for column, sql in ODD.items())
    odd = f"select * replace ({replaced}) from flight_scoring_features order by encode(flight_id) limit 5"
    with duckdb.connect(str(examples), read_only=True) as connection:
        return {
            "flights_tried": connection.sql(
                f"from flight_scoring_features {TRIED} union all ({odd})"
            ).to_arrow_table(),
            "churn_scoring_features": connection.sql("from churn_scoring_features").to_arrow_table(),
        }


@dataclass(frozen=True)
class PostgresProject:
    """The project after `dbt build`: how each node ended, and a way to look into its database."""

    server: Server
    statuses: dict[str, str]

    def query(self, sql: str) -> list[Row]:
        with self.server.connect() as connection, connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall()


@pytest.fixture(scope="module")
def project(
    server: Server,
    built: dict[str, str],
    features: dict[str, pa.Table],
    tmp_path_factory: pytest.TempPathFactory,
) -> PostgresProject:
    folder = tmp_path_factory.mktemp("postgres") / "house"
    write_project(folder)
    write_models(folder, features["flights_tried"].schema.names)
    return PostgresProject(server, build(folder, server))


@pytest.mark.soak  # it and the three below: CI builds the other project, whose rows are odder
def test_the_examples_are_built_from_their_sources(built: dict[str, str]) -> None:
    expected = {"ml_churn", "ml_flight_delay", "flight_predictions", "churn_predictions", *EQUAL, *MARTS}
    assert expected | UNIT_TESTS <= built.keys()
    assert {built[name] for name in UNIT_TESTS} == {"pass"}
    assert len([status for status in built.values() if status == "pass"]) == TESTS


@pytest.mark.soak
@pytest.mark.parametrize("table", EQUAL)
def test_features_equal_those_of_duckdb(table: str, compared: ComparedWithPostgres) -> None:
    """To the last bit of each double."""
    compared.read(table)
    assert compared.differing_rows() == (0, 0)
    assert compared.query("select count(*) from there")[0][0] > 20_000


@pytest.mark.soak
@pytest.mark.parametrize("table", PREDICTED)
def test_predictions_are_those_of_duckdb(table: str, compared: ComparedWithPostgres) -> None:
    compared.read(table)
    key = PREDICTED[table]
    same = ", ".join([*key, "prediction", "row_status", "reject_reason", "model_version", "model_digest"])
    assert compared.differing_rows(same) == (0, 0)
    assert compared.unequal_doubles(["score"], key, 1e-9) == (0, 0)


@pytest.mark.soak
@pytest.mark.parametrize("table", MARTS)
def test_marts_are_those_of_duckdb(table: str, compared: ComparedWithPostgres) -> None:
    """Doubles differ in their last bits: scores do, and a sum does with the order of its rows."""
    compared.read(table)
    key, doubles = MARTS[table]
    assert compared.differing_rows(f"* exclude ({', '.join(doubles)})") == (0, 0)
    assert compared.unequal_doubles(doubles, key, 1e-9) == (0, 0)


def test_everything_is_built_and_tested(project: PostgresProject) -> None:
    expected = {"ml_churn", "ml_flight_delay__signature", "scorehouse_runs", *SCORED, *MODELS}
    assert expected <= project.statuses.keys()
    assert len([status for status in project.statuses.values() if status == "pass"]) >= 10
    typed = {name: status for name, status in project.statuses.items() if "feature_has_type" in name}
    assert len(typed) == 5 and [typed[name] for name in typed if "origin" in name] == ["warn"], typed


def test_the_seeds_keep_their_nulls(project: PostgresProject) -> None:
    assert project.query("select count(*) from ml_churn__signature where minimum is null") != [(0,)]


@pytest.mark.parametrize("model", SCORED)
def test_scores_equal_the_kernel(model: str, project: PostgresProject, features: dict[str, pa.Table]) -> None:
    name, number, table, key = SCORED[model]
    kernel = example_kernel(name, number)
    rows = features[table]
    expected = pa.Table.from_batches([kernel(b) for b in rows.combine_chunks().to_batches()])
    order = ", ".join(key)
    found = project.query(
        f"select prediction, score, row_status, reject_reason from {model} order by {order}"
    )
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


def test_fragile_rows_are_those_of_the_kernel(
    project: PostgresProject, features: dict[str, pa.Table]
) -> None:
    keys = [key for (key,) in project.query("select flight_id from some_flights")]
    rows = features["flights_tried"].filter(pc.is_in(features["flights_tried"]["flight_id"], pa.array(keys)))
    kernel = example_kernel("flight_delay", 2)

    def labels(name: str, values: np.ndarray) -> list[Any]:
        place = rows.schema.get_field_index(name)
        moved = rows.set_column(place, name, pa.array(values, from_pandas=True))
        return kernel(moved.combine_chunks().to_batches()[0])["prediction"].to_pylist()

    delay, pressure = (rows[name].to_numpy() for name in ("dep_delay", "pressure"))
    usual, expected = labels("dep_delay", delay), set()
    for direction, sign in (("up", 1), ("down", -1)):
        for name, values in (
            ("dep_delay", delay + sign),
            ("pressure", np.nextafter(pressure, sign * np.inf)),
        ):
            expected |= {
                (key, name, direction, before, after)
                for key, before, after in zip(
                    rows["flight_id"].to_pylist(), usual, labels(name, values), strict=True
                )
                if before is not None and before != after
            }
    assert expected and set(project.query("select * from fragile_flights")) == expected


def test_runs_are_logged(project: PostgresProject, features: dict[str, pa.Table]) -> None:
    rows = project.query(
        "select split_part(node, '.', 3), status, engine, backend, model_name, model_version, rows_in, "
        "rows_scored + rows_rejected, score_min >= 0, score_max <= 1, seconds > 0 from scorehouse_run_log"
    )
    assert {row[0]: row[1:] for row in rows} == {
        model: ("success", "postgres", "sql", name, number, *[features[table].num_rows] * 2, *[True] * 3)
        for model, (name, number, table, _) in SCORED.items()
    }
    ids = "select distinct scoring_run_id::text, model_digest from customers"
    logged = "select run_id::text, model_digest from scorehouse_run_log where model_name = 'churn'"
    assert project.query(ids) == project.query(logged)
    (reasons,) = project.query(
        "select reject_reasons from scorehouse_runs where model_name = 'flight_delay' limit 1"
    )
    assert json.loads(reasons[0])["null:dep_delay"] > 0


def test_a_view_has_the_same_scores(project: PostgresProject) -> None:
    compared = "from customers join customers_now using (customer_id, snapshot_date)"
    same = "customers.score = customers_now.score and customers.prediction = customers_now.prediction"
    assert project.query(f"select count(*), count(*) filter (where {same}) {compared}") == project.query(
        "select count(*), count(score) from customers"
    )


def test_performance_is_that_of_scikit_learn(project: PostgresProject) -> None:
    rows = project.query(
        "select p.score, l.arrived_late from flights_boosted as p "
        f"join {SCHEMA}.flight_labels as l using (flight_id) "
        "where p.score is not null and l.arrived_late is not null and p.flight_date >= '2013-09-01' "
        "and p.flight_date < '2013-10-01'"
    )
    scores, labels = zip(*rows, strict=True)
    (found,) = project.query(
        "select value, status from flight_performance where metric = 'roc_auc' and segment = 'all' "
        "and window_start = '2013-09-01'"
    )
    assert found[1] == "info"  # no threshold was given
    assert found[0] == pytest.approx(roc_auc_score(labels, scores), abs=1e-9)


def test_drift_counts_every_row(project: PostgresProject) -> None:
    (found,) = project.query(
        "select sum(row_count) from flight_profiles where feature = 'dep_delay' and segment = 'all' "
        "and kind <> 'all'"
    )
    assert found == project.query("select count(*) from flights_boosted")[0]
    rows = project.query("select value, status from flight_drift where metric = 'psi' and segment = 'all'")
    assert len(rows) > 10 and all(value >= 0 for value, _ in rows)


def test_rejected_rows_say_why(project: PostgresProject) -> None:
    counted = dict(
        project.query(
            "select reject_reason, count(*) from flights_boosted where row_status = 'rejected' group by 1"
        )
    )
    assert sum(n for reason, n in counted.items() if "unseen_category:carrier=XX" in reason) == 5
    assert any(reason.startswith("null:dep_delay") for reason in counted)
