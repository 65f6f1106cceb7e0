"""Attributions over time: sums that add up, a brute-force oracle, and what is missing is said."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from monitoring.warehouse import MonitoredWarehouse

FEATURES = ["a", "b", "c", "d"]
ROWS, MONTHS = 300, 4


def explained(top: int) -> pd.DataFrame:
    """Rows with their `top` reasons; from the third month on, `d` moves the scores most. Some have none."""
    rng = np.random.default_rng(1)
    frames = []
    for month in range(MONTHS):
        parts = rng.normal([0.1, 0.3, -0.2, 0.02], [0.5, 1.0, 0.3, 0.01 if month < 2 else 3], (ROWS, 4))
        parts[rng.random((ROWS, 4)) < 0.1] = 0.0
        frame = pd.DataFrame({"day": pd.Timestamp("2026-01-09") + pd.DateOffset(months=month)}, range(ROWS))
        frame["kind"] = np.where(np.arange(ROWS) % 3 > 0, "x", "y")
        frame["reason_base"] = -1.5
        frame["reason_total"] = -1.5 + parts.sum(axis=1)
        order = np.argsort(-abs(parts), axis=1, kind="stable")
        found = np.take_along_axis(parts, order, axis=1)
        for place in range(top):
            named = np.array(FEATURES)[order[:, place]]
            frame[f"reason_{place + 1}"] = np.where(found[:, place] != 0, named, None)
            frame[f"reason_{place + 1}_contribution"] = np.where(
                found[:, place] != 0, found[:, place], np.nan
            )
        frame["reason_rest"] = found[:, top:].sum(axis=1)
        reasons = [name for name in frame if name.startswith("reason_")]
        frame["row_status"] = np.where(np.arange(ROWS) % 20 == 0, "rejected", "scored")
        frame.loc[np.arange(ROWS) % 10 == 0, reasons] = None  # not asked for
        frames.append(frame.assign(reason_unit="log-odds", model_name="m", model_version=1))
    return pd.concat(frames, ignore_index=True).assign(scoring_run_id="first")


def by_day() -> pd.DataFrame:
    """Four days, the last two of one run: other features drive the scores on the third day alone."""
    rows = explained(4)
    days = [rows[rows.day.dt.month == month] for month in (1, 2, 3, 1)]
    dated = [frame.assign(day=pd.Timestamp(2026, 3, 1 + place)) for place, frame in enumerate(days)]
    frame = pd.concat(dated, ignore_index=True)
    return frame.assign(scoring_run_id=np.where(frame.day.dt.day > 2, "second", "first"))


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> MonitoredWarehouse:
    made = MonitoredWarehouse(tmp_path_factory.mktemp("attribution") / "house")
    for name, frame, top, more in (
        ("all", explained(4), 4, ", segments=['kind']"),
        ("some", explained(2), 2, ", baseline='2026-02-01'"),
        ("daily", by_day(), 4, ", period='day'"),
    ):
        numbers = ", ".join(
            f"reason_{place}::varchar as reason_{place}, "
            f"nullif(reason_{place}_contribution, 'nan'::double) as reason_{place}_contribution"
            for place in range(1, top + 1)
        )
        columns = (
            "reason_base::double as reason_base, reason_rest::double as reason_rest, reason_total::double as "
        )
        made.table(
            f"rows_{name}",
            "select day, kind, scoring_run_id, row_status, model_name, model_version, reason_unit, "
            f"{columns} reason_total, {numbers} from frame",
            frame=frame,
        )
        made.model(
            f"moved_{name}", f"{{{{ scorehouse.attribution(source('raw', 'rows_{name}'), 'day'{more}) }}}}"
        )
    made.table("bare", "select 1 as id")
    test = {"scorehouse.no_attribution_drift": {"config": {"store_failures": True}}}
    models = [{"name": f"moved_{name}", "data_tests": [test]} for name in ("all", "some", "daily")]
    made.tests({"version": 2, "models": models})
    made.build().check()
    return made


def long_of(frame: pd.DataFrame, top: int) -> pd.DataFrame:
    """One row per row and reason, by brute force."""
    kept = frame[frame.reason_total.notna() & (frame.row_status == "scored")]
    pairs = [
        kept[["day", "kind", f"reason_{place}", f"reason_{place}_contribution"]].set_axis(
            ["day", "kind", "feature", "moved"], axis=1
        )
        for place in range(1, top + 1)
    ]
    return pd.concat(pairs).dropna(subset=["feature"]).astype({"moved": float})


@pytest.mark.parametrize(("name", "top"), [("all", 4), ("some", 2)])
def test_means_are_those_of_pandas(warehouse: MonitoredWarehouse, name: str, top: int) -> None:
    frame = explained(top)
    kept = frame[frame.reason_total.notna() & (frame.row_status == "scored")]
    counts = kept.groupby(kept.day.dt.month).size()
    long = long_of(frame, top)
    grouped = long.groupby([long.day.dt.month, "feature"]).moved
    signed, absolute = grouped.sum(), grouped.apply(lambda values: values.abs().sum())
    rows = warehouse.query(
        f"select month(window_start), feature, metric, value, n_current, status from moved_{name} "
        "where segment = 'all' and part = 'feature' and feature is not null"
    )
    assert len(rows) == MONTHS * len(FEATURES) * 2
    for month, feature, metric, value, n, status in rows:
        sums = signed if metric == "mean_contribution" else absolute
        assert value == pytest.approx(sums.get((month, feature), 0.0) / counts[month], abs=1e-12)
        assert (n, status) == (counts[month], "info" if top == 4 else "partial")


@pytest.mark.parametrize("name", ["all", "some"])
@pytest.mark.parametrize("shift", ["previous_shift", "reference_shift", "value"])
def test_what_moved_the_mean_adds_up(warehouse: MonitoredWarehouse, name: str, shift: str) -> None:
    rows = warehouse.query(
        f"select sum({shift}) filter (part <> 'total'), sum({shift}) filter (part = 'total'), "
        f"count({shift}), max(abs({shift})) filter (part = 'rest') from moved_{name} "
        "where metric <> 'mean_absolute_contribution' and metric <> 'rank_agreement' "
        "group by segment, window_start"
    )
    assert len(rows) == MONTHS * (3 if name == "all" else 1)
    compared = [row for row in rows if row[2] > 0]
    assert len(compared) >= MONTHS - 1
    for found, expected, _, _ in compared:
        assert found == pytest.approx(expected, abs=1e-9)
    assert any(rest != 0 for *_, rest in compared) == (name == "some")


def test_the_order_of_features_is_judged_where_all_are_stored(warehouse: MonitoredWarehouse) -> None:
    frame = long_of(explained(4), 4)
    absolute = frame.assign(moved=frame.moved.abs()).groupby([frame.day.dt.month, "feature"]).moved.sum()
    first = absolute[1].sort_values(ascending=False)
    rows = dict(
        warehouse.query(
            "select month(window_start), (value, status, threshold) from moved_all "
            "where metric = 'rank_agreement' and segment = 'all'"
        )
    )
    for month in range(1, MONTHS + 1):
        now = first[absolute[month].sort_values(ascending=False).index]
        gains = [sum(v / math.log2(i + 2) for i, v in enumerate(order)) for order in (now, first)]
        assert rows[month][0] == pytest.approx(gains[0] / gains[1], abs=1e-9)
        assert rows[month][1] == ("drift" if month > 2 else "ok") and rows[month][2] == 0.9
    assert rows[1][0] == 1
    partial = warehouse.query("select distinct status from moved_some where metric = 'rank_agreement'")
    assert partial == [("partial",)]


def test_references_and_shares(warehouse: MonitoredWarehouse) -> None:
    assert warehouse.query(
        "select distinct month(reference_start), round(explained_share, 4), unit from moved_all"
    ) == [(1, round(270 / 285, 4), "log-odds")]
    ((start, value),) = warehouse.query(
        "select month(reference_start), value - reference_value from moved_some "
        "where metric = 'mean_total' and month(window_start) = 2"
    )
    assert (start, value) == (2, 0)


def test_the_test_finds_the_newest_window_and_the_days_of_its_run(warehouse: MonitoredWarehouse) -> None:
    statuses = warehouse.project.dbt("test", "--select", "moved_all", "moved_some", "moved_daily").statuses
    found = {name: status for name, status in statuses.items() if "no_attribution_drift" in name}
    warned = sorted(name.split("_moved_")[1] for name in found if found[name] == "warn")
    assert len(found) == 3 and warned == ["all_", "daily_"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("source('raw', 'bare')", "a prediction table with reasons; its columns are id"),
        ("source('raw', 'rows_all'), period='hour'", "attribution(period='hour')"),
        ("source('raw', 'rows_all'), thresholds={'psi': 1}", "attribution(thresholds='psi')"),
    ],
)
def test_refuses(given: str, said: str, warehouse: MonitoredWarehouse) -> None:
    warehouse.project.write("models/wrong.sql", f"{{{{ scorehouse.attribution({given}) }}}}")
    try:
        assert said in warehouse.project.dbt("compile", "--select", "wrong").problem
    finally:
        (warehouse.project.folder / "models" / "wrong.sql").unlink()
