"""Gaps between segments: found where they are certain, and left alone where chance explains them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from monitoring.warehouse import MonitoredWarehouse

ROWS = 9_000
SHOPS = ["a", "b", "c"]  # c's positives are found less often, and its rows are rejected more often
KEPT: dict[str, Any] = {"store_failures": True, "severity": "warn"}
LIMITS = {"recall": 0.1, "rejected_share": 0.05, "accuracy": 0.5}


def drawn() -> pd.DataFrame:
    draw = np.random.default_rng(11)
    place = np.arange(ROWS)
    shop = np.array(SHOPS)[place % 3]
    y = (draw.random(ROWS) < 0.5).astype(int)
    found = draw.random(ROWS) < np.where(shop == "c", 0.55, 0.8)
    frame = pd.DataFrame({"id": place, "the shop": shop, "day": pd.Timestamp("2026-01-05"), "y": y})
    frame["prediction"] = np.where(y == 1, found, draw.random(ROWS) < 0.2).astype(float)
    frame["score"] = frame.prediction * 0.6 + 0.2
    rejected = draw.random(ROWS) < np.where(shop == "c", 0.2, 0.05)
    frame["row_status"] = np.where(rejected, "rejected", "scored")
    frame.loc[rejected, ["prediction", "score"]] = None
    few = frame.head(40).assign(id=lambda rows: rows.id + ROWS, prediction=0.0, score=0.2)
    return pd.concat([frame, few.assign(**{"the shop": "few", "row_status": "scored"})], ignore_index=True)


FRAME = drawn()


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> MonitoredWarehouse:
    made = MonitoredWarehouse(tmp_path_factory.mktemp("gaps") / "house")
    head = "'m' as model_name, 1 as model_version, timestamp '2026-02-01' as scored_at"
    made.table("predictions", f"select * exclude (y), {head} from frame", frame=FRAME)
    made.table("labels", "select id, y from frame", frame=FRAME)
    made.model(
        "judged",
        "{{ scorehouse.performance(source('raw', 'predictions'), source('raw', 'labels'), key='id', "
        "label='y', day='day', segments=['the shop'], options={'min_segment_rows': 1}) }}",
    )
    made.model(
        "few_only", "select * from {{ ref('judged') }} where segment in ('the shop=a', 'the shop=few')"
    )
    arguments = {"column": "the shop", "metrics": LIMITS, "min_rows": 100}
    gap = {"name": "gaps", "arguments": arguments, "config": KEPT}
    wide = {"name": "wide", "arguments": {**arguments, "metrics": {"recall": 0.4}}}
    small = {"name": "small", "arguments": arguments}
    any_size = {"name": "any_size", "arguments": {**arguments, "min_rows": 1}, "config": KEPT}
    models = [
        {"name": "judged", "data_tests": [{"scorehouse.gap_at_most": test} for test in (gap, wide)]},
        {"name": "few_only", "data_tests": [{"scorehouse.gap_at_most": test} for test in (small, any_size)]},
    ]
    made.tests({"version": 2, "models": models})
    made.build().check()
    return made


def wilson(hits: int, rows: int) -> tuple[float, float, float]:
    """A share with its interval."""
    ends = stats.binomtest(hits, rows).proportion_ci(method="wilson")
    return hits / rows, ends.low, ends.high


def shares(shop: str) -> dict[str, tuple[float, float, float]]:
    own = FRAME[FRAME["the shop"] == shop]
    positive = own[(own.row_status == "scored") & (own.y == 1)]
    return {
        "recall": wilson(int(positive.prediction.sum()), len(positive)),
        "rejected_share": wilson(int((own.row_status == "rejected").sum()), len(own)),
    }


def test_a_certain_gap_fails_with_both_segments_and_its_size(warehouse: MonitoredWarehouse) -> None:
    found = warehouse.query(
        "select metric, lower_segment, higher_segment, gap, certain_gap, largest_gap "
        "from main_dbt_test__audit.gaps order by all"
    )
    expected = []
    for metric in ("recall", "rejected_share"):
        for low in SHOPS:
            for high in SHOPS:
                (value, bottom, _), (other, _, top) = shares(high)[metric], shares(low)[metric]
                certain = value - other - math.hypot(value - bottom, top - other)
                if certain > LIMITS[metric]:
                    names = (metric, f"the shop={low}", f"the shop={high}")
                    expected.append((*names, value - other, certain, LIMITS[metric]))
    assert len(expected) == 4 and [row[:3] for row in found] == [row[:3] for row in sorted(expected)]
    for row, own in zip(found, sorted(expected), strict=True):
        assert row[3:] == pytest.approx(own[3:], rel=1e-9)


def test_gaps_below_the_limit_and_small_segments_pass(warehouse: MonitoredWarehouse) -> None:
    ended = warehouse.project.dbt("test", "--select", "wide", "small")
    assert [ended.statuses[name] for name in ("wide", "small")] == ["pass", "pass"], ended.messages
    assert warehouse.query("select distinct metric, lower_segment from main_dbt_test__audit.any_size") == [
        ("recall", "the shop=few")
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"column": "shop", "metrics": {"recall": -1}}, "gap_at_most(metrics=-1)"),
        ({"column": "shop", "metrics": "recall"}, "gap_at_most(metrics='recall')"),
        ({"column": "", "metrics": {"recall": 0.1}}, "gap_at_most(column=''"),
    ],
)
def test_refuses(arguments: dict[str, Any], said: str, warehouse: MonitoredWarehouse) -> None:
    given = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
    warehouse.project.write(
        "models/wrong.sql", f"{{{{ scorehouse.test_gap_at_most(ref('judged'), {given}) }}}}"
    )
    try:
        assert said in warehouse.project.dbt("compile", "--select", "wrong").problem
    finally:
        (warehouse.project.folder / "models" / "wrong.sql").unlink()
