"""What a full build leaves: the prediction table through every door, and its row in the run log."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import KMeans
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression

from churn import FEATURES, OF_THE_RUN, ROWS, classifier, table, training, without
from project import DbtProject
from scorehouse.registry.version import Version

AUDIT = {
    "row_status": "ENUM('rejected', 'scored')",
    "reject_reason": "VARCHAR",
    "model_name": "VARCHAR",
    "model_version": "INTEGER",
    "model_digest": "VARCHAR",
    "scoring_run_id": "UUID",
    "scored_at": "TIMESTAMP",
    "feature_hash": "UBIGINT",
}
ALL_MODELS = {
    "by_python": {},
    "by_sql": {},
    "by_table": {"config": "materialized='table'"},
    "by_incremental": {"config": "materialized='incremental', unique_key='id'"},
}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[DbtProject, Version]:
    project = DbtProject(tmp_path_factory.mktemp("built") / "house")
    X = training()
    version = project.register(classifier(), "churn", X, task="classification")
    numbers = X[["amount", "visits"]]
    project.register(KMeans(3, n_init=2, random_state=0).fit(numbers), "segments", numbers, task="clustering")
    ranker = HistGradientBoostingRegressor(max_iter=5, max_leaf_nodes=4).fit(numbers, X.amount)
    project.register(ranker, "offers", numbers, task="ranking")
    project.features(FEATURES)
    project.features(f"select * from ({FEATURES}) where id < 0", name="nothing")
    project.features(f"select id // 7 as a, id % 7 as b, * exclude (id) from ({FEATURES})", name="composite")
    arguments = {"key": "id", "passthrough": ["note"]}
    for name, more in ALL_MODELS.items():
        if name == "by_sql":
            project.sql_model(name, "churn", **arguments)
        else:
            project.python_model(name, "churn", **arguments, **more)
    for name, batch_rows in (("in_small_batches", 17), ("in_one_batch", 10**6)):
        project.python_model(name, "churn", key="id", batch_rows=batch_rows)
    project.python_model("of_nothing", "churn", features="nothing", key="id")
    project.sql_model("of_nothing_sql", "churn", features="nothing", key="id")
    project.sql_model("of_composite", "churn", features="composite", key=["a", "b"], max_rejected_share=0.1)
    project.python_model("segmented", "segments", key="id")
    project.python_model("ranked", "offers", key="id", group="shop", passthrough="shop", batch_rows=40)
    project.sql_model("ranked_sql", "offers", key="id", group="shop", passthrough="shop")
    project.sql_model(
        "documented",
        "churn",
        key="id",
        config="persist_docs={'relation': true, 'columns': true}, "
        'post_hook="create or replace table hooked as select count(*) as n from {{ this }}"',
    )
    project.write(
        "models/docs.yml",
        "models:\n- name: documented\n  description: Who leaves.\n"
        "  columns:\n  - {name: score, description: How likely.}\n",
    )
    project.build().check()
    return project, version


@pytest.mark.parametrize("name", ALL_MODELS)
def test_columns_and_their_types(name: str, built: tuple[DbtProject, Version]) -> None:
    project, _ = built
    expected = {"id": "BIGINT", "note": "VARCHAR", "prediction": "BOOLEAN", "score": "DOUBLE", **AUDIT}
    if name in ("by_table", "by_incremental"):
        expected |= {"row_status": "VARCHAR"}
    assert project.columns(name) == expected
    assert list(project.columns(name)) == list(expected)


def test_predictions_are_those_of_the_estimator(built: tuple[DbtProject, Version]) -> None:
    project, version = built
    rows = project.query(
        "select amount, visits, plan, prediction, score, features.note = by_python.note, model_name, "
        "model_version, model_digest from features join by_python using (id) where row_status = 'scored'"
    )
    X = pd.DataFrame([row[:3] for row in rows], columns=["amount", "visits", "plan"])
    estimator = classifier()
    assert len(rows) == ROWS - ROWS // 50
    assert [row[3] for row in rows] == estimator.predict(X).tolist()
    np.testing.assert_allclose([row[4] for row in rows], estimator.predict_proba(X)[:, 1], rtol=1e-9)
    assert {row[5:] for row in rows} == {(True, "churn", 1, version.sha256)}


def test_every_row_comes_out_once(built: tuple[DbtProject, Version]) -> None:
    project, _ = built
    counted = project.query(
        "select row_status, reject_reason, count(*), count(distinct id), count(score), count(prediction) "
        "from by_python group by all order by all"
    )
    lost = ROWS // 50
    assert counted == [
        ("rejected", "unseen_category:plan=ZZ", lost, lost, 0, 0),
        ("scored", None, ROWS - lost, ROWS - lost, ROWS - lost, ROWS - lost),
    ]


@pytest.mark.parametrize("name", ["by_sql", "by_table", "by_incremental"])
def test_all_doors_give_the_same_rows(name: str, built: tuple[DbtProject, Version]) -> None:
    project, _ = built
    first, other = (without(table(project, each), OF_THE_RUN) for each in ("by_python", name))
    assert first == other and len(first) == ROWS


def test_batches_make_no_difference(built: tuple[DbtProject, Version]) -> None:
    project, _ = built
    small, whole = (without(table(project, f"in_{n}"), OF_THE_RUN) for n in ("small_batches", "one_batch"))
    assert small == whole and len(small) == ROWS


@pytest.mark.parametrize("name", ["of_nothing", "of_nothing_sql"])
def test_an_empty_feature_table_gives_an_empty_table(name: str, built: tuple[DbtProject, Version]) -> None:
    project, _ = built
    assert project.content(name) == []
    assert project.columns(name) == {"id": "BIGINT", "prediction": "BOOLEAN", "score": "DOUBLE", **AUDIT}
    (run,) = project.runs(name)
    assert (run["status"], run["rows_in"], run["rows_scored"], run["score_mean"]) == ("success", 0, 0, None)


def test_a_key_of_two_columns(built: tuple[DbtProject, Version]) -> None:
    project, _ = built
    assert list(project.columns("of_composite"))[:3] == ["a", "b", "prediction"]
    assert project.query("select count(*), count(distinct (a, b)) from of_composite") == [(ROWS, ROWS)]


def test_segments_have_distances(built: tuple[DbtProject, Version]) -> None:
    project, _ = built
    types = list(project.columns("segmented").items())[:3]
    assert types == [("id", "BIGINT"), ("prediction", "BIGINT"), ("distance", "DOUBLE")]
    assert project.query("select count(distinct prediction), min(distance) >= 0 from segmented") == [
        (3, True)
    ]


@pytest.mark.parametrize("name", ["ranked", "ranked_sql"])
def test_rank_within_the_group(name: str, built: tuple[DbtProject, Version]) -> None:
    project, _ = built
    assert list(project.columns(name))[:4] == ["id", "shop", "score", "rank"]
    # ties, of which five trees of four leaves make many, are broken by the key
    wrong = project.query(
        f"select count(*) from (select *, row_number() over (partition by shop order by score desc, id) as n "
        f"from {name}) where n != rank"
    )
    assert wrong == [(0,)]
    assert project.query(f"select shop, max(rank) from {name} group by all order by all") == [
        (shop, ROWS // 5) for shop in range(5)
    ]


def test_docs_are_persisted(built: tuple[DbtProject, Version]) -> None:
    project, _ = built
    assert project.query("select comment from duckdb_tables() where table_name = 'documented'") == [
        ("Who leaves.",)
    ]
    assert project.query(
        "select comment from duckdb_columns() where table_name = 'documented' and column_name = 'score'"
    ) == [("How likely.",)]


def test_a_post_hook_sees_the_new_table(built: tuple[DbtProject, Version]) -> None:
    project, _ = built
    assert project.query("select n from hooked") == [(ROWS,)]


def test_nothing_is_left_behind(built: tuple[DbtProject, Version]) -> None:
    project, _ = built
    names = {row[0] for row in project.query("select table_name from duckdb_tables()")}
    assert not [name for name in names if "__" in name and not name.startswith("ml_")]


@pytest.mark.parametrize("name", ALL_MODELS)
def test_run_log_row(name: str, built: tuple[DbtProject, Version]) -> None:
    project, version = built
    (run,) = project.runs(name)
    lost = ROWS // 50
    low, mean, high = project.query(f"select min(score), avg(score), max(score) from {name}")[0]
    expected = {
        "status": "success",
        "model_name": "churn",
        "model_version": 1,
        "alias_asked": "champion",
        "model_digest": version.sha256,
        "key_columns": '["id"]',
        "rows_in": ROWS,
        "rows_scored": ROWS - lost,
        "rows_rejected": lost,
        "reject_reasons": f'{{"unseen_category:plan": {lost}}}',
        "engine": "duckdb",
        "materialization": {"by_table": "table", "by_incremental": "table"}.get(name, "predictions"),
        "score_min": low,
        "score_max": high,
        "error": None,
    }
    if name == "by_incremental":
        del expected["materialization"]
    assert {field: run[field] for field in expected} == expected
    assert run["score_mean"] == pytest.approx(mean, rel=1e-12)
    assert [(run["run_id"],)] == project.query(f"select distinct scoring_run_id::uuid from {name}")
    assert json.loads(run["configuration"])["passthrough"] == ["note"]
    assert {"scikit-learn", "numpy", "duckdb", "scorehouse"} <= set(json.loads(run["library_versions"]))
    assert run["invocation_id"] and name in run["prediction_table"]
    assert run["finished_at"] >= run["started_at"] and run["seconds"] > 0 and run["peak_memory_mib"] > 10


def test_the_model_over_the_run_log(built: tuple[DbtProject, Version]) -> None:
    project, _ = built
    row = project.query(
        "select status, rows_in, rejected_share from scorehouse_runs where node like '%by_sql'"
    )
    assert row == [("success", ROWS, 1 / 50)]
    (run,) = project.runs("by_sql")
    assert run["backend"] and run["backend_reason"]
    backends = project.query("select backend, backend_reason from scorehouse_runs where node like '%by_sql'")
    assert backends == [(run["backend"], run["backend_reason"])]


def test_the_fingerprint_is_that_of_the_input(built: tuple[DbtProject, Version]) -> None:
    project, _ = built
    names = (*ALL_MODELS, "in_small_batches", "in_one_batch", "of_nothing")
    prints = {name: project.runs(name)[0]["input_fingerprint"] for name in names}
    assert len({prints[name] for name in ALL_MODELS}) == 1
    assert prints["in_small_batches"] == prints["in_one_batch"]  # without the column that the others keep
    assert len(set(prints.values())) == 3


KEPT = {
    "a_hugeint": "1::hugeint",
    "a_uuid": "'52851b43-93d8-45f0-8e32-d4f412b08c20'::uuid",
    "an_enum": "plan::enum('free', 'paid', 'ZZ')",
    "a_decimal": "1.25::decimal(18, 4)",
    "a_date": "date '2025-01-02'",
    "a_time": "time '10:11:12.5'",
    "a_timestamp": "timestamp '2025-01-02 03:04:05.678901'",
    "a_timestamp_ns": "timestamp_ns '2025-01-02 03:04:05.678901234'",
    "a_timestamptz": "timestamptz '2025-01-02 03:04:05+02'",
    "an_interval": "interval 3 days",
    "a_list": "[1, 2]",
    "a_struct": "{'a': 1, 'b': 'x'}",
    "a_map": "map {'a': 1}",
    "a_blob": "'ab'::blob",
    "a_tinyint": "1::tinyint",
    "a_float": "1.5::float",
    "a_null": "null::varchar",
}


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> DbtProject:
    project = DbtProject(tmp_path_factory.mktemp("kept") / "house")
    project.register(classifier(), "churn", training(), task="classification")
    columns = ", ".join(f"{value} as {name}" for name, value in KEPT.items())
    project.features(f"select *, {columns} from ({FEATURES})")
    project.python_model("scored", "churn", key="id", passthrough=list(KEPT))
    project.build().check()
    return project


@pytest.mark.parametrize("name", KEPT)
def test_what_is_passed_through_is_the_same(name: str, kept: DbtProject) -> None:
    assert kept.columns("scored")[name] == kept.columns("features")[name]
    different = f"where new.{name} is distinct from old.{name}"
    found = kept.query(f"select count(*) from scored as new join features as old using (id) {different}")
    assert found == [(0,)]


@pytest.mark.slow
@pytest.mark.parametrize("door", ["python", "sql"])
def test_names_that_need_quotes(door: str, tmp_path: Path) -> None:
    project = DbtProject(tmp_path / "house")
    X = training()[["amount", "visits"]].set_axis(["Order Amount", 'the "best" order'], axis=1)
    estimator = LogisticRegression(max_iter=1000).fit(X, X["Order Amount"] > 50)
    project.register(estimator, "odd", X, task="classification")
    project.features(
        'select id as "Customer Id", amount as "order amount", visits as "the ""best"" order", '
        f'plan as "group" from ({FEATURES})'
    )
    arguments = {"key": "Customer Id", "passthrough": ["group"], "rescore": "given"}
    add = project.python_model if door == "python" else project.sql_model
    add("scored", "odd", **arguments)
    project.build().check()
    project.build().check()
    assert list(project.columns("scored"))[:2] == ["Customer Id", "group"]
    assert project.query("select count(*) from scored where row_status = 'scored'") == [(ROWS,)]
