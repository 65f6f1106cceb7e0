"""What a feature table can also hold: each gets a status, and nothing ends the build."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest

from monitoring.warehouse import MonitoredWarehouse

pytestmark = pytest.mark.slow

HEAD = "'m' as model_name, 1 as model_version, timestamp '2026-03-20' as scored_at, 'r' as scoring_run_id"
DAYS = 12  # twelve days: training knows days, and neither weeks nor months
MANY = 86_392
TYPES = (
    "day, shop, amount, code, nothing::double as nothing, nothing::varchar as no_text, "
    "nothing::date as no_date"
)


def frame(seed: int, start: str, rows: int = 7 * MANY // 6) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    days = np.datetime64(start, "us") + rng.integers(0, DAYS, rows).astype("timedelta64[D]")
    code = np.char.add("code ", rng.integers(0, MANY, rows).astype(str)).astype(object)
    return pd.DataFrame(
        {
            "day": days,
            "shop": np.char.add("shop ", rng.integers(0, 20, rows).astype(str)).astype(object),
            "amount": rng.normal(size=rows),
            "nothing": np.full(rows, None, dtype=object),
            "code": code,
        }
    )


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MonitoredWarehouse]:
    warehouse = MonitoredWarehouse(tmp_path_factory.mktemp("hostile") / "house")
    warehouse.table("training", f"select {TYPES} from frame", frame=frame(0, "2025-01-01"))
    parts = {(1, "feature"): "select amount, nothing, no_text, no_date, code from raw.training"}
    warehouse.reference("ml_days__reference", parts, time="select day from raw.training")
    warehouse.reference("ml_shops__reference", parts, cluster="select shop from raw.training")
    same = frame(1, "2026-01-01")
    warehouse.table("same", f"select {TYPES}, {HEAD} from frame", frame=same)
    warehouse.table("one_shop", "select * replace ('shop 3' as shop) from raw.same where shop = 'shop 3'")
    warehouse.table(
        "filled",
        "select * replace (1e0 as nothing, 'x' as no_text, date '2025-12-01' as no_date, "
        "cast(null as double) as amount, cast(null as varchar) as code) from raw.same",
    )
    warehouse.table("none", "from raw.same where false")
    for name, kind in [("same", "days"), ("one_shop", "shops"), ("filled", "days"), ("none", "days")]:
        reference = f"source('raw', 'ml_{kind}__reference')"
        warehouse.model(
            f"{name}_profiles",
            f"{{{{ scorehouse.profile(source('raw', '{name}'), {reference}, day='day') }}}}",
        )
        for window in ("month", "year", "all"):
            drift = f"ref('{name}_profiles'), {reference}, window='{window}'"
            warehouse.model(f"{name}_{window}", f"{{{{ scorehouse.drift({drift}) }}}}")
    warehouse.build().check()
    yield warehouse


@pytest.mark.parametrize("window", ["month", "year", "all"])
def test_a_unit_that_training_does_not_know(window: str, warehouse: MonitoredWarehouse) -> None:
    """Training has days alone: longer windows are judged by how much days differ."""
    assert warehouse.query("select distinct split_part(category, ' ', 1) from raw.ml_days__reference "
                           "where kind = 'window'") == [("day",)]  # fmt: skip
    rows = warehouse.query(f"select status, reason from same_{window} where feature = 'amount'")
    assert {status for status, _ in rows} <= {"ok", "info"}
    unit = "window" if window == "all" else window
    assert f"compared with how much days of training differ, scaled to a {unit}" in {
        reason for _, reason in rows
    }


def test_a_window_of_one_cluster(warehouse: MonitoredWarehouse) -> None:
    rows = warehouse.query("select status from one_shop_month where feature = 'amount'")
    assert {status for (status,) in rows} <= {"ok", "info", "too_small"}


def test_86_392_categories(warehouse: MonitoredWarehouse) -> None:
    """The most frequent thousand have bins and the others share one, in training and in profiles."""
    ((bins, others, longest),) = warehouse.query(
        "select count(*) filter (where kind = 'category'), count(*) filter (where kind = 'other'), "
        "max(length(category)) from raw.ml_days__reference where name = 'code'"
    )
    assert (bins, others) == (1000, 1) and longest < 20
    found = dict(warehouse.query("select metric, status from same_month where feature = 'code'"))
    assert found["psi"] == "ok" and found["unseen_share"] == "ok"
    ((written,),) = warehouse.query("select count(*) from same_profiles where feature = 'code'")
    assert written <= DAYS * 1005


def test_columns_without_a_value(warehouse: MonitoredWarehouse) -> None:
    """In training and now: nothing to judge. Only now: all is missing. Only in training: it is filled."""
    empty = warehouse.query(
        "select distinct metric, status from same_month where feature in ('nothing', 'no_text', 'no_date')"
    )
    assert {status for _, status in empty} <= {"ok", "info", "too_small"}
    found = warehouse.query(
        "select distinct feature, metric from filled_month "
        "where status in ('drift', 'small_drift') order by all"
    )
    assert found == [
        ("amount", "missing_share"),
        ("code", "missing_share"),
        ("no_date", "filled_share"),
        ("no_text", "filled_share"),
        ("nothing", "filled_share"),
    ]


def test_no_rows(warehouse: MonitoredWarehouse) -> None:
    assert warehouse.query("select count(*) from none_month") == [(0,)]


@pytest.mark.parametrize(
    ("column", "change", "words"),
    [
        ("amount", "'12 EUR'", "`amount` is VARCHAR"),
        ("amount", "date '2026-01-01'", "`amount` is DATE"),
    ],
)
def test_a_changed_type_is_named(column: str, change: str, words: str, warehouse: MonitoredWarehouse) -> None:
    warehouse.table("changed", f"select * replace ({change} as {column}) from raw.same")
    profile = "source('raw', 'changed'), source('raw', 'ml_days__reference'), day='day'"
    warehouse.model("changed_profiles", f"{{{{ scorehouse.profile({profile}) }}}}")
    try:
        ended = warehouse.build("--select", "changed_profiles")
        said = " ".join(f"{ended.problem} {ended.messages}".split())
        assert words in said and "scorehouse.profile(predictions=" in said
    finally:
        (warehouse.project.folder / "models" / "changed_profiles.sql").unlink()
