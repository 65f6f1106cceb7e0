"""Gaps between segments, and the worst segments: found where they are certain, left alone where by chance."""

from __future__ import annotations

import math
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from monitoring.warehouse import MonitoredWarehouse

pytestmark = pytest.mark.slow

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


def orders() -> pd.DataFrame:
    """Scores mean nothing for z by phone, rows of high age are rejected, and scores of y rise in February."""
    draw = np.random.default_rng(17)
    rows = 12_000
    frame = pd.DataFrame({"id": np.arange(rows), "country": draw.choice(list("xyz"), rows)})
    frame["channel"] = draw.choice(["web", "phone", "shop"], rows)
    frame["age"] = draw.integers(18, 98, rows)
    frame["noise"] = draw.choice([f"n{number}" for number in range(20)], rows)
    frame["day"] = pd.Timestamp("2026-01-05") + pd.to_timedelta(draw.integers(0, 50, rows), unit="D")
    true = draw.beta(2, 2, rows)
    frame["y"] = (draw.random(rows) < true).astype(int)
    lost = (frame.country == "z") & (frame.channel == "phone")
    frame["score"] = np.where(lost, draw.beta(2, 2, rows), true)
    later = (frame.country == "y") & (frame.day >= "2026-02-01")
    frame["score"] = np.where(later, np.minimum(1, frame.score + 0.1), frame.score)
    frame["prediction"] = (frame.score >= 0.5).astype(int)
    rejected = draw.random(rows) < np.where(frame.age > 77, 0.08, 0.02)
    frame["row_status"] = np.where(rejected, "rejected", "scored")
    return frame


def chances() -> pd.DataFrame:
    """Right scores, of labels that are easy or a matter of chance, and scores that are surely wrong."""
    draw = np.random.default_rng(5)
    frame = pd.DataFrame({"id": np.arange(6_000), "kind": draw.choice(["easy", "chance", "wrong"], 6_000)})
    sure = draw.choice([0.02, 0.98], 6_000)
    frame["score"] = np.where(frame.kind == "chance", 0.5, sure)
    frame["y"] = (draw.random(6_000) < np.where(frame.kind == "wrong", 0.5, frame.score)).astype(int)
    frame["prediction"] = (frame.score >= 0.5).astype(int)
    return frame


ORDERS, CHANCES = orders(), chances()
WORST_SEGMENTS = {  # measure: its own arguments
    "log_loss": "labels=source('raw', 'order_labels'), label='y', options={'date_to': '2026-02-01'}",
    "excess_log_loss": "labels=source('raw', 'order_labels'), label='y', options={'date_to': '2026-02-01'}",
    "error_rate": "labels=source('raw', 'order_labels'), label='y', depth=3",
    "rejected_share": "depth=1",
    "score_shift": "depth=2, options={'day': 'day', 'compare_from': '2026-02-01'}",
}
CUT = "columns=['country', 'channel', 'noise'], numbers=['age']"


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
    made.table("orders", f"select * exclude (y, age), {head} from frame", frame=ORDERS)
    made.table("order_labels", "select id, y from frame", frame=ORDERS)
    made.table("order_features", "select id, age from frame", frame=ORDERS)
    for measure, own in WORST_SEGMENTS.items():
        options = own if "date_to" not in own else own.replace("{", "{'day': 'day', ")
        made.model(
            f"segments_{measure}",
            f"{{{{ scorehouse.worst_segments(source('raw', 'orders'), {CUT}, measure='{measure}', key='id', "
            f"features=source('raw', 'order_features'), {options}) }}}}",
        )
    made.table("chances", f"select * exclude (y), {head}, 'scored' as row_status from frame", frame=CHANCES)
    made.table("chance_labels", "select id, y from frame", frame=CHANCES)
    for measure in ("log_loss", "excess_log_loss"):
        made.model(
            f"chances_{measure}",
            "{{ scorehouse.worst_segments(source('raw', 'chances'), columns='kind', key='id', label='y', "
            f"measure='{measure}', labels=source('raw', 'chance_labels')) }}}}",
        )
    arguments = {"column": "the shop", "metrics": LIMITS, "min_rows": 100}
    gap = {"name": "gaps", "arguments": arguments, "config": KEPT}
    wide = {"name": "wide", "arguments": {**arguments, "metrics": {"recall": 0.4}}}
    small = {"name": "small", "arguments": arguments}
    any_size = {"name": "any_size", "arguments": {**arguments, "min_rows": 1}, "config": KEPT}
    wide_limit = {"name": "wide_segments", "arguments": {"limits": {"error_rate": 0.3}}}
    models = [
        {"name": "judged", "data_tests": [{"scorehouse.gap_at_most": test} for test in (gap, wide)]},
        {"name": "few_only", "data_tests": [{"scorehouse.gap_at_most": test} for test in (small, any_size)]},
        {"name": "segments_error_rate", "data_tests": [
            {"scorehouse.no_worse_segments": {"name": "segments", "config": KEPT}},
            {"scorehouse.no_worse_segments": wide_limit},
            {"scorehouse.no_worse_segments": {"name": "large_segments", "arguments": {"min_share": 0.2}}},
        ]},
    ]  # fmt: skip
    made.tests({"version": 2, "models": models})
    made.build().check()
    return made


def wilson(hits: int, rows: int) -> tuple[float, float, float]:
    """A share with its interval."""
    ends = stats.binomtest(hits, rows).proportion_ci(method="wilson")
    return hits / rows, ends.low, ends.high


def shares(shop: str) -> dict[str, tuple[float, float, float]]:
    own = FRAME[FRAME["the shop"] == shop]
    scored = own[own.row_status == "scored"]
    positive = scored[scored.y == 1]
    return {
        "recall": wilson(int(positive.prediction.sum()), len(positive)),
        "accuracy": wilson(int((scored.prediction == scored.y).sum()), len(scored)),
        "rejected_share": wilson(int((own.row_status == "rejected").sum()), len(own)),
    }


def test_a_certain_gap_fails_with_both_segments_and_its_size(warehouse: MonitoredWarehouse) -> None:
    """Certain after Holm, over all pairs of all metrics."""
    found = warehouse.query(
        "select metric, lower_segment, higher_segment, gap, p_value, largest_gap "
        "from main_dbt_test__audit.gaps order by all"
    )
    tested = []
    for metric, limit in LIMITS.items():
        for one, other in combinations([*SHOPS], 2):
            low, high = sorted((one, other), key=lambda shop: shares(shop)[metric][0])
            (value, bottom, _), (lowest, _, top) = shares(high)[metric], shares(low)[metric]
            steps = 1.959963984540054 * (value - lowest - limit) / math.hypot(value - bottom, top - lowest)
            names = (metric, f"the shop={low}", f"the shop={high}")
            tested.append((2 * stats.norm.sf(max(steps, 0.0)), *names, value - lowest, limit))
    expected, most = [], 0.0
    for rank, (chance, *names, gap, limit) in enumerate(sorted(tested)):
        most = max(most, chance * (len(tested) - rank))
        if most < 0.01:
            expected.append((*names, gap, most, limit))
    assert len(expected) == 4 and [row[:3] for row in found] == [row[:3] for row in sorted(expected)]
    for row, own in zip(found, sorted(expected), strict=True):
        assert row[3:] == pytest.approx(own[3:], rel=1e-8)


def test_gaps_below_the_limit_and_small_segments_pass(warehouse: MonitoredWarehouse) -> None:
    ended = warehouse.project.dbt("test", "--select", "wide", "small")
    assert [ended.statuses[name] for name in ("wide", "small")] == ["pass", "pass"], ended.messages
    assert warehouse.query("select distinct metric, lower_segment from main_dbt_test__audit.any_size") == [
        ("recall", "the shop=few")
    ]


def worse(warehouse: MonitoredWarehouse, measure: str) -> list[Any]:
    return warehouse.query(
        "select segment, value, rest_value, difference_low, p_value, n_current, n_reference, depth "
        f"from segments_{measure} where status = 'worse' order by place"
    )


def test_segments_are_named_once_and_noise_is_not(warehouse: MonitoredWarehouse) -> None:
    """Neither the twenty values of noise nor the segments around the planted one are listed."""
    assert [row[0] for row in worse(warehouse, "error_rate")] == ["country=z and channel=phone"]
    for measure in ("log_loss", "excess_log_loss"):
        assert worse(warehouse, measure)[0][0] == "country=z and channel=phone"
    (rejected,) = worse(warehouse, "rejected_share")
    assert rejected[0].startswith("age > 7")
    assert worse(warehouse, "score_shift")[0][0] == "country=y"
    assert warehouse.query("select count(*) from segments_rejected_share where status = 'ok'") == [(29,)]


def test_labels_of_chance_are_not_held_against_scores_that_say_so(warehouse: MonitoredWarehouse) -> None:
    found = {
        measure: dict(warehouse.query(f"select segment, value from chances_{measure} where status = 'worse'"))
        for measure in ("log_loss", "excess_log_loss")
    }
    assert set(found["excess_log_loss"]) == {"kind=wrong"} and "kind=wrong" in found["log_loss"]
    own = CHANCES[CHANCES.kind == "wrong"]
    promised = -(own.score * np.log(own.score) + (1 - own.score) * np.log(1 - own.score))
    loss = -np.log(np.where(own.y == 1, own.score, 1 - own.score))
    assert found["excess_log_loss"]["kind=wrong"] == pytest.approx((loss - promised).mean(), rel=1e-9)
    (easy,) = warehouse.query("select value from chances_log_loss where segment = 'kind=easy'")
    (chance,) = warehouse.query("select value from chances_log_loss where segment = 'kind=chance'")
    assert chance[0] == pytest.approx(math.log(2)) and easy[0] < 0.2


def test_segments_are_what_numpy_says(warehouse: MonitoredWarehouse) -> None:
    scored = ORDERS[(ORDERS.row_status == "scored") & (ORDERS.day < "2026-02-01")]
    loss = -np.log(np.where(scored.y == 1, scored.score, 1 - scored.score))
    own = ((scored.country == "z") & (scored.channel == "phone")).to_numpy()
    difference = loss[own].mean() - loss[~own].mean()
    error = math.sqrt(loss[own].var(ddof=1) / own.sum() + loss[~own].var(ddof=1) / (~own).sum())
    row = worse(warehouse, "log_loss")[0]
    expected = (loss[own].mean(), loss[~own].mean(), difference - 1.959963984540054 * error)
    assert row[1:4] == pytest.approx(expected, rel=1e-9)
    assert row[4] == pytest.approx(stats.norm.sf(difference / error), rel=1e-8)
    assert row[5:7] == (own.sum(), (~own).sum())
    shifted = worse(warehouse, "score_shift")[0]
    its = ORDERS[(ORDERS.row_status == "scored") & (ORDERS.country == "y")]
    later, before = (its.score[its.day >= "2026-02-01"], its.score[its.day < "2026-02-01"])
    error = math.sqrt(later.var() / len(later) + before.var() / len(before))
    expected = (later.mean(), before.mean(), later.mean() - before.mean() - 1.959963984540054 * error)
    assert shifted[1:4] == pytest.approx(expected, rel=1e-9)
    share = worse(warehouse, "rejected_share")[0]
    is_old = ORDERS.age > float(str(share[0]).removeprefix("age > "))
    old, rest = (
        wilson(int((rows.row_status == "rejected").sum()), len(rows))
        for rows in (ORDERS[is_old], ORDERS[~is_old])
    )
    certain = old[0] - rest[0] - math.hypot(old[0] - old[1], rest[2] - rest[0])
    assert share[3] == pytest.approx(certain, rel=1e-9)


def test_the_test_of_worst_segments(warehouse: MonitoredWarehouse) -> None:
    ended = warehouse.project.dbt("test", "--select", "segments", "wide_segments", "large_segments")
    named = ("segments", "wide_segments", "large_segments")
    assert [ended.statuses[name] for name in named] == ["warn", "pass", "pass"], ended.messages
    assert warehouse.query("select segment from main_dbt_test__audit.segments") == [
        ("country=z and channel=phone",)
    ]


def test_groups_have_fairness_metrics_with_intervals(warehouse: MonitoredWarehouse) -> None:
    own = FRAME[(FRAME["the shop"] == "c") & (FRAME.row_status == "scored")]
    negative = own[own.y == 0]
    found = {
        metric: values
        for metric, *values in warehouse.query(
            "select metric, value, value_low, value_high from judged where segment = 'the shop=c'"
        )
    }
    selected, wrong = int(own.prediction.sum()), int(negative.prediction.sum())
    assert found["selection_rate"] == pytest.approx(wilson(selected, len(own)), rel=1e-9)
    assert found["false_positive_rate"] == pytest.approx(wilson(wrong, len(negative)), rel=1e-9)
    off = own.score - own.y
    half = 1.959963984540054 * off.std() / math.sqrt(len(own))
    assert found["bias"] == pytest.approx((off.mean(), off.mean() - half, off.mean() + half), rel=1e-9)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("columns='country', measure='auc'", "worst_segments(measure='auc')"),
        ("columns=[], measure='rejected_share'", "worst_segments(columns=[])"),
        ("columns='country', measure='brier'", "worst_segments(labels="),
        ("columns='country', measure='score_shift'", "compare_from"),
        ("columns='country', measure='rejected_share', depth=4", "worst_segments(depth=4)"),
        ("columns='country', measure='rejected_share', options={'min_rows': 5}", "min_rows"),
    ],
)
def test_segments_refuse(given: str, said: str, warehouse: MonitoredWarehouse) -> None:
    file = warehouse.project.folder / "models" / "wrong.sql"
    warehouse.project.write(
        "models/wrong.sql", f"{{{{ scorehouse.worst_segments(ref('judged'), {given}) }}}}"
    )
    try:
        assert said in warehouse.project.dbt("compile", "--select", "wrong").problem
    finally:
        file.unlink()


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


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("segments=['country', 'region']", "estimated_performance(segments='region')"),
        ("day='ordered_at'", "estimated_performance(day='ordered_at')"),
    ],
)
def test_a_column_that_was_not_passed_through_is_named(
    given: str, said: str, warehouse: MonitoredWarehouse
) -> None:
    made = f"{{{{ scorehouse.estimated_performance(source('raw', 'orders'), {given}) }}}}"
    warehouse.project.write("models/wrong.sql", made)
    try:
        problem = warehouse.project.dbt("compile", "--select", "wrong").problem
    finally:
        (warehouse.project.folder / "models" / "wrong.sql").unlink()
    assert said in problem and "passthrough=['" in problem
