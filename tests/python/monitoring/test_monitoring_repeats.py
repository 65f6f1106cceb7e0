"""Rows that repeat the features of others under other keys are found, and rows that may be equal are not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from monitoring.warehouse import MonitoredWarehouse
from project import DbtProject

pytestmark = pytest.mark.slow

HEAD = "'m' as model_name, 1 as model_version, 'scored' as row_status, timestamp '2026-01-01' as scored_at"
ALL = "(all features)"
TRAINING = 3000
RNG = np.random.default_rng(0)


def rows(kind: str, count: int) -> pd.DataFrame:
    """Features of which hardly two rows are equal, or many."""
    fine = kind == "fine"
    x = RNG.random(count) if fine else RNG.integers(0, 300, count) * 1.0
    y = RNG.random(count) if fine else RNG.integers(0, 3, count) * 1.0
    return pd.DataFrame({"x": x, "y": np.where(RNG.random(count) < 0.1, np.nan, y)})


def twice(frame: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([frame, frame])


RUNS = {
    "fine": {
        "fresh": rows("fine", 4000),
        "loaded twice": twice(rows("fine", 2000)),
        "two hundred of them": pd.concat([rows("fine", 9800), twice(rows("fine", 100))]),
        "a hundred without values": pd.concat(
            [rows("fine", 900), pd.DataFrame({"x": np.full(100, np.nan), "y": np.nan})]
        ),
        "few and twice": twice(rows("fine", 20)),
    },
    "coarse": {
        "fresh": rows("coarse", 500),
        "loaded twice": twice(rows("coarse", 250)),
        "as many": rows("coarse", 3000),
        "more than training": rows("coarse", 60_000),
    },
}
FOUND = {
    ("fine", "fresh"): "ok",
    ("fine", "loaded twice"): "drift",
    ("fine", "two hundred of them"): "small_drift",
    ("fine", "a hundred without values"): "drift",
    ("fine", "few and twice"): "drift",
    ("coarse", "fresh"): "ok",
    ("coarse", "loaded twice"): "drift",
    ("coarse", "as many"): "ok",
    ("coarse", "more than training"): "too_small",
}
SAME = 100  # runs without any change, of 50 to 2,000 rows
PROFILE = "scorehouse.profile(source('raw', '{0}'), source('raw', 'ml_{0}__reference'))"
DRIFT = "scorehouse.drift(ref('{0}_profiles'), source('raw', 'ml_{0}__reference'){1})"


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MonitoredWarehouse]:
    warehouse = MonitoredWarehouse(tmp_path_factory.mktemp("repeats") / "house")
    for kind, runs in RUNS.items():
        training = rows(kind, TRAINING)
        warehouse.table(f"{kind}_training", "select * from frame", frame=training)
        parts = {(1, "feature"): f"select * from raw.{kind}_training"}
        warehouse.reference(f"ml_{kind}__reference", parts, repeats=True)
        same = {f"same {number}": rows(kind, int(RNG.integers(50, 2000))) for number in range(SAME)}
        frame = pd.concat([one.assign(run=run) for run, one in (runs | same).items()])
        columns = f"run as scoring_run_id, x, y, row_number() over () as id, {HEAD}"
        warehouse.table(kind, f"select {columns} from frame", frame=frame)
        warehouse.model(f"{kind}_profiles", f"{{{{ {PROFILE.format(kind)} }}}}")
        warehouse.model(f"{kind}_drift", f"{{{{ {DRIFT.format(kind, '')} }}}}")
    off = ", thresholds={'repeated_share': none}"
    warehouse.model("shown", f"{{{{ {DRIFT.format('fine', off)} }}}}")
    warehouse.model("previous", "{{ scorehouse.drift(ref('fine_profiles'), against='previous') }}")
    older = "from raw.ml_fine__reference where name in ('x', 'y')"
    warehouse.table("ml_older__reference", f"select * {older}")
    reference = "source('raw', 'ml_older__reference')"
    warehouse.model("older", f"{{{{ scorehouse.drift(ref('fine_profiles'), {reference}) }}}}")
    test = {"name": "told", "arguments": {"latest": False}, "config": {"store_failures": True}}
    warehouse.tests({"models": [{"name": "fine_drift", "data_tests": [{"scorehouse.no_drift": test}]}]})
    warehouse.build().check()
    yield warehouse


def test_counts_are_those_of_the_rows(warehouse: MonitoredWarehouse) -> None:
    """Of each run, by a group by of the database; they add up to all rows."""
    counts = ", ".join(f"sum(row_count) filter (kind = '{one}')" for one in ("repeated", "single", "all"))
    copies = "select scoring_run_id, count(*) as n from raw.{} group by scoring_run_id, x, y"
    filled = "coalesce(sum(n) filter (n > 1), 0), coalesce(sum(n) filter (n = 1), 0), sum(n)"
    for kind in RUNS:
        found = warehouse.query(
            f"select run_id, {counts} from {kind}_profiles where feature = '{ALL}' group by all"
        )
        expected = warehouse.query(
            f"select scoring_run_id, {filled} from ({copies.format(kind)}) group by all"
        )
        assert sorted(found) == sorted(expected) and len(found) == len(RUNS[kind]) + SAME


@pytest.mark.parametrize(("kind", "run"), FOUND)
def test_repeated_rows_are_judged(kind: str, run: str, warehouse: MonitoredWarehouse) -> None:
    (found,) = warehouse.query(
        f"select status, reason, value, threshold, n_reference, n_current from {kind}_drift "
        f"where metric = 'repeated_share' and run_id = '{run}'"
    )
    status, reason, value, threshold, n_reference, n_current = found
    assert status == FOUND[kind, run], found
    assert reason == (
        "training has too few rows to know how many repeat"
        if status == "too_small"
        else "compared with training, for as many rows"
    )
    assert (n_reference, n_current) == (TRAINING, len(RUNS[kind][run]))
    if run == "loaded twice":
        assert value == 1.0
    if (kind, run) == ("coarse", "as many"):
        assert abs(threshold - 0.05 - value) < 0.03


def test_runs_without_a_change_do_not_alarm(warehouse: MonitoredWarehouse) -> None:
    for kind in RUNS:
        alarms = warehouse.query(
            f"select run_id, value, threshold from {kind}_drift where metric = 'repeated_share' "
            "and run_id like 'same%' and status in ('drift', 'small_drift')"
        )
        assert len(alarms) <= SAME // 50, alarms


def test_other_metrics_are_not_computed_of_all_features(warehouse: MonitoredWarehouse) -> None:
    found = warehouse.query(f"select distinct metric, place from coarse_drift where feature = '{ALL}'")
    assert found == [("repeated_share", 3)]


def test_without_a_threshold_or_a_reference_nothing_is_judged(warehouse: MonitoredWarehouse) -> None:
    assert warehouse.query("select count(*) from older where metric = 'repeated_share'") == [(0,)]
    assert warehouse.query("select distinct status from shown where metric = 'repeated_share'") == [("info",)]
    statuses = warehouse.query("select distinct status from previous where metric = 'repeated_share'")
    assert ("drift",) in statuses and ("ok",) in statuses


def test_the_dbt_test_finds_them(warehouse: MonitoredWarehouse) -> None:
    ((schema,),) = warehouse.query(
        "select table_schema from information_schema.tables where table_name = 'told'"
    )
    found = warehouse.query(f"select run_id, metric from {schema}.told where feature = '{ALL}'")
    assert {("loaded twice", "repeated_share"), ("few and twice", "repeated_share")} <= set(found)
    assert ("fresh", "repeated_share") not in found


def test_no_two_rows_have_one_hash_by_accident(tmp_path: Path) -> None:
    """Also where there are only texts and their lengths, as on Redshift: a text may hold any separator."""
    project = DbtProject(tmp_path / "house")
    values = "('a;b', 'c'), ('a', 'b;c'), ('a', null), (null, 'a'), ('-', null), (null, '-'), ('1:a', '')"
    names = {"own": "_rows_hash", "of_texts": "_texts_hash"}
    hashes = ", ".join(f"{{{{ scorehouse.{macro}(['a', 'b']) }}}} as {name}" for name, macro in names.items())
    project.features(f"select {hashes} from (values {values}, ('a', null)) as rows_of(a, b)", name="hashed")
    project.dbt("run", "--select", "hashed").check()
    counts = "select count(*), count(distinct own), count(distinct of_texts) from hashed"
    assert project.query(counts) == [(8, 7, 7)]
