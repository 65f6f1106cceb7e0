"""Intervals of performance: of areas, shares, means, ratios and medians, and of errors of calibration."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest
from scipy import special, stats
from sklearn.metrics import average_precision_score, f1_score, matthews_corrcoef, roc_auc_score

from monitoring.warehouse import MonitoredWarehouse

pytestmark = pytest.mark.slow

HEAD = (
    "'m' as model_name, 1 as model_version, timestamp '2026-01-01' as scored_at, 'r' as scoring_run_id, "
    "'scored' as row_status"
)
Z = stats.norm.ppf(0.975)
COHORTS, LABELS = 40, 200
KEPT: dict[str, Any] = {"store_failures": True, "severity": "warn"}
OFF = 3  # the month in which scores are too high by 0.15


def scored() -> pd.DataFrame:
    """Forty months of 200 well calibrated scores, with ties; the labels of one month are fewer."""
    rng = np.random.default_rng(4)
    score = np.round(rng.beta(1.2, 2.2, COHORTS * LABELS), 2)
    month = np.repeat(np.arange(COHORTS), LABELS)
    true = np.clip(score - np.where(month == OFF, 0.3 * (score > 0.2), 0), 0, 1)
    day = (np.datetime64("2020-01", "M") + month).astype("datetime64[us]")
    y = (rng.random(len(score)) < true).astype(int)
    guess = np.round(rng.normal(10, 3, len(score)), 1)
    frame = pd.DataFrame({"day": day, "score": score, "prediction": (score >= 0.4).astype(int), "y": y})
    return frame.assign(id=np.arange(len(frame)), value=guess, truth=guess + rng.normal(0, 2, len(score)))


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return scored()


@pytest.fixture(scope="module")
def warehouse(frame: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MonitoredWarehouse]:
    warehouse = MonitoredWarehouse(tmp_path_factory.mktemp("intervals") / "house")
    warehouse.table("scored", f"select * exclude (y, truth, value), {HEAD} from frame", frame=frame)
    warehouse.table("labels", "select id, y from frame", frame=frame)
    warehouse.table(
        "guessed", f"select id, day, value as prediction, prediction as q, {HEAD} from frame", frame=frame
    )
    warehouse.table("truths", "select id, truth as y from frame", frame=frame)
    warehouse.table(
        "perfect",
        "select i as id, date '2026-01-01' as day, (i < 10)::int::double as score, "
        f"(i < 10)::int as prediction, {HEAD} from range(40) as numbers (i) union all "
        f"select i, date '2026-02-01', 0.1, 0, {HEAD} from range(40, 60) as numbers (i)",
    )
    warehouse.table("perfect_labels", "select id, prediction as y from raw.perfect")
    area = roc_auc_score(frame["y"], frame["score"])
    warehouse.table(
        "registry",
        f"select 'm' as name, 1 as version, 'champion' as aliases, '{{{{\"roc_auc\": {area}}}}}' as metrics, "
        "'2019-12-31' as trained_to, '2020-01-01' as registered_at",
    )
    performance = (
        "{{{{ scorehouse.performance(source('raw', '{}'), source('raw', '{}'), key='id', label='y', "
    )
    given = "day='day', options={'thresholds': {'roc_auc': 0.8}}) }}"
    warehouse.model("flawless", performance.format("perfect", "perfect_labels") + "day='day') }}")
    warehouse.model("rated", performance.format("scored", "labels") + given)
    regression = performance.format("guessed", "truths") + "task='regression', day='day') }}"
    warehouse.model("measured", regression)
    clusters = "none, none, none, task='clustering', day='day', options={'score': 'score'}"
    warehouse.model("clustered", f"{{{{ scorehouse.performance(source('raw', 'scored'), {clusters}) }}}}")
    arguments = "source('raw', 'registry'), performance=ref('rated'), as_of='2020-01-02'"
    for name, limits in {"signals": {"decay": 0.04}, "few": {"decay": 0.0, "min_labels": 201}}.items():
        warehouse.model(name, f"{{{{ scorehouse.retraining_signals({arguments}, limits={limits}) }}}}")
    bare = "select * exclude (value_low, value_high) from {{ ref('rated') }}"
    warehouse.model("rated_without_intervals", bare)

    def tests(suffix: str) -> list[dict[str, Any]]:
        below = {"registry": "source('raw', 'registry')", "metrics": {"roc_auc": 0.01}}
        return [
            {"scorehouse.calibrated": {"name": f"calibrated{suffix}", "config": KEPT}},
            {
                "scorehouse.performance_not_below_reference": {
                    "name": f"below{suffix}",
                    "arguments": below,
                    "config": KEPT,
                }
            },
        ]

    models = [
        {"name": "rated", "data_tests": tests("")},
        {"name": "rated_without_intervals", "data_tests": tests("_bare")},
    ]
    warehouse.tests({"version": 2, "models": models})
    warehouse.build().check()
    yield warehouse


def rows(warehouse: MonitoredWarehouse, table: str, metric: str) -> list[tuple[Any, ...]]:
    return warehouse.query(
        f"select value, value_low, value_high, status from {table} where metric = '{metric}' "
        "order by window_start"
    )


def by_logit(value: float, error: float, lowest: float = 0) -> tuple[float, float]:
    """The ends of an interval that is symmetric for the logit of the place between `lowest` and 1."""
    share, error = (value - lowest) / (1 - lowest), error / (1 - lowest)
    half = Z * error / (share * (1 - share))
    low, high = special.expit(special.logit(share) + np.array([-half, half]))
    return lowest + (1 - lowest) * low, lowest + (1 - lowest) * high


def by_logarithm(losses: pd.Series, sizes: pd.Series) -> tuple[float, float]:
    """The ends of an interval of a ratio of two means, from what each row adds to it."""
    ratio = losses.sum() / sizes.sum()
    error = (losses - ratio * sizes).std() / sizes.mean() / math.sqrt(len(losses))
    factor = math.exp(Z * error / ratio)
    return ratio / factor, ratio * factor


def by_largest(
    mean: float, deviation: float, largest: float, n: int, middle: float | None = None
) -> tuple[float, float]:
    """The ends of an interval of a mean of losses, above as if a label more had 1.75 times the largest."""
    quantile = Z * (1 + 1.21 / (n - 1))
    assert quantile == pytest.approx(stats.t.ppf(0.975, n - 1), rel=2e-3)
    steps = quantile / math.sqrt(n) / mean
    above = math.hypot(deviation, (1.75 * largest - (mean if middle is None else middle)) / math.sqrt(n))
    return mean * math.exp(-steps * deviation), mean * math.exp(steps * above)


def error_of_correlation(y: pd.Series, yhat: pd.Series) -> float:
    """Of two flags, from what each row adds to their correlation (the delta method, without its formula)."""
    u, v = ((x - x.mean()) / x.std(ddof=0) for x in (y, yhat))
    r = (u * v).mean()
    return float((u * v - r * (u**2 + v**2) / 2).std(ddof=0) / math.sqrt(len(y)))


def months(frame: pd.DataFrame) -> list[pd.DataFrame]:
    return [own for _, own in frame.groupby("day")]


def test_the_interval_of_the_area_is_delongs_by_logit(
    frame: pd.DataFrame, warehouse: MonitoredWarehouse
) -> None:
    for own, (value, low, high, _) in zip(months(frame), rows(warehouse, "rated", "roc_auc"), strict=True):
        up, down = (own.loc[own["y"] == label, "score"].to_numpy() for label in (1, 0))
        wins = (up[:, None] > down).astype(float) + (up[:, None] == down) / 2
        area = wins.mean()
        error = math.sqrt(wins.mean(axis=1).var(ddof=1) / len(up) + wins.mean(axis=0).var(ddof=1) / len(down))
        assert (value, low, high) == pytest.approx((area, *by_logit(area, error)), rel=1e-9)


def test_intervals_at_the_threshold(frame: pd.DataFrame, warehouse: MonitoredWarehouse) -> None:
    found = {
        metric: rows(warehouse, "rated", metric) for metric in ("f1", "mcc", "average_precision", "score_ks")
    }
    for month, own in enumerate(months(frame)):
        y, yhat = own["y"], own["prediction"]
        hits, errors = int((y * yhat).sum()), int((y != yhat).sum())
        share = stats.binomtest(hits, hits + errors).proportion_ci(method="wilson")
        expected = {"f1": (f1_score(y, yhat), *(2 * s / (1 + s) for s in share))}
        value = matthews_corrcoef(y, yhat)
        expected["mcc"] = (value, *by_logit(value, error_of_correlation(y, yhat), lowest=-1))
        value = average_precision_score(y, own["score"])
        half = Z * math.sqrt(value * (1 - value) / y.sum() + (Z / (2 * y.sum())) ** 2)
        middle, scale = value + Z**2 / (2 * y.sum()), 1 + Z**2 / y.sum()
        expected["average_precision"] = (value, (middle - half) / scale, (middle + half) / scale)
        value = stats.ks_2samp(own.loc[y == 1, "score"], own.loc[y == 0, "score"]).statistic
        error = math.sqrt(0.25 / y.sum() + 0.25 / (1 - y).sum())
        expected["score_ks"] = (value, max(0, value - Z * error), min(1, value + Z * error))
        for metric, ends in expected.items():
            assert found[metric][month][:3] == pytest.approx(ends, rel=1e-9), metric


def test_intervals_of_ratios_and_of_the_median(frame: pd.DataFrame, warehouse: MonitoredWarehouse) -> None:
    names = ("wape", "r2", "mape", "median_absolute_error")
    found = {metric: rows(warehouse, "measured", metric) for metric in names}
    for month, own in enumerate(months(frame)):
        y, error = own["truth"], own["value"] - own["truth"]
        expected = {"wape": by_logarithm(error.abs(), y.abs())}
        squares, spread = error**2, ((y - y.mean()) ** 2).mean()
        rest = squares.mean() / spread
        moves = (squares - rest * (y - y.mean()) ** 2) / spread
        # the most that a row can move it: loss - rest * spread, each part of it at its largest
        apart, share = (squares - (y - y.mean()) ** 2).max(), min(1, rest)
        most = ((1 - share) * squares.max() + share * max(0, apart)) / spread
        assert most >= moves.max() - 1e-9
        low, high = by_largest(rest, moves.std(), most, len(own), middle=0)
        expected["r2"] = (1 - high, 1 - low)
        relative = (error / y).abs()
        expected["mape"] = by_largest(relative.mean(), relative.std(), relative.max(), len(own))
        below, middle, above = error.abs().quantile([0.3, 0.5, 0.7])
        factor = math.exp(Z * 1.25 * (above - below) / math.sqrt(len(own)) / middle)
        expected["median_absolute_error"] = (middle / factor, middle * factor)
        for metric, ends in expected.items():
            assert found[metric][month][1:3] == pytest.approx(ends, rel=1e-9), metric


def test_a_model_without_an_error_is_not_certain(warehouse: MonitoredWarehouse) -> None:
    """Of n rows without an error, as Wilson has it: n is that of the smaller side, of hits, or of all."""
    ten, forty = (n / (n + Z**2) for n in (10, 40))
    lows = {"roc_auc": ten, "average_precision": ten, "f1": 2 * ten / (1 + ten)}
    for metric, low in {**lows, "mcc": 2 * forty - 1, "accuracy": forty}.items():
        assert rows(warehouse, "flawless", metric)[0][:3] == pytest.approx((1, low, 1)), metric
    # exactly: the ends are not off by what rounding leaves
    assert {row[2] for row in rows(warehouse, "flawless", "accuracy")} == {1}
    assert {row[1] for row in rows(warehouse, "measured", "zero_share")} == {0}


@pytest.mark.parametrize("name", ["flawless", "rated", "measured"])
def test_nothing_depends_on_what_the_larger_of_a_null_is(name: str, warehouse: MonitoredWarehouse) -> None:
    """Snowflake and BigQuery say null; ECE has no variance where scores of 0 and 1 are all right."""
    (compiled,) = (warehouse.project.folder / "target" / "compiled").rglob(f"{name}.sql")
    ends = "select value, value_low, value_high from {} order by metric, window_start"
    with duckdb.connect(str(warehouse.project.database)) as connection:
        expected = connection.sql(ends.format(name)).df()
        strict = "case when a is not null and b is not null then case when a {} b then a else b end end"
        for function, sign in {"greatest": ">", "least": "<"}.items():
            connection.sql(f"create temp macro {function}(a, b) as {strict.format(sign)}")
        found = connection.sql(ends.format(f"({compiled.read_text()})")).df()
    pd.testing.assert_frame_equal(found, expected, rtol=1e-9, atol=1e-12)
    if name == "flawless":
        assert rows(warehouse, name, "ece")[0][:3] == (0, 0, 0)


def test_without_a_positive_nothing_is_known(warehouse: MonitoredWarehouse) -> None:
    """These are 0 by definition where no row is positive, or predicted as such."""
    for metric, low in {"recall": 0, "precision": 0, "f1": 0, "mcc": -1}.items():
        assert rows(warehouse, "flawless", metric)[1][:3] == pytest.approx((0, low, 1)), metric
    assert rows(warehouse, "flawless", "roc_auc")[1][:3] == (None, None, None)


def test_the_interval_of_a_share_is_wilsons(frame: pd.DataFrame, warehouse: MonitoredWarehouse) -> None:
    for metric, hits, among in (
        ("accuracy", lambda own: own["prediction"] == own["y"], lambda own: own["y"] >= 0),
        ("precision", lambda own: own["y"] == 1, lambda own: own["prediction"] == 1),
        ("recall", lambda own: own["prediction"] == 1, lambda own: own["y"] == 1),
        ("rejected_share", lambda own: own["y"] > 1, lambda own: own["y"] >= 0),
    ):
        for own, (_, low, high, _) in zip(months(frame), rows(warehouse, "rated", metric), strict=True):
            chosen = own[among(own)]
            found = stats.binomtest(int(hits(chosen).sum()), len(chosen)).proportion_ci(method="wilson")
            assert (low, high) == pytest.approx((found.low, found.high), rel=1e-9, abs=1e-12)


def test_the_interval_of_a_mean(frame: pd.DataFrame, warehouse: MonitoredWarehouse) -> None:
    for table, metric, of in (
        ("rated", "mean_score", lambda own: own["score"]),
        ("clustered", "mean_distance", lambda own: own["score"]),
        ("clustered", "mean_distance_of_1", lambda own: own["score"][own["prediction"] == 1]),
        ("measured", "bias", lambda own: own["value"] - own["truth"]),
    ):
        for own, (_, low, high, _) in zip(months(frame), rows(warehouse, table, metric), strict=True):
            values = of(own)
            half = Z * values.std() / math.sqrt(len(values))
            assert (low, high) == pytest.approx((values.mean() - half, values.mean() + half), rel=1e-9)


def test_the_interval_of_a_mean_of_losses(frame: pd.DataFrame, warehouse: MonitoredWarehouse) -> None:
    """By logarithm and Student's t; above, as if one label more had a loss 1.75 times the largest."""
    for table, metric, of in (
        ("rated", "brier", lambda own: (own["score"] - own["y"]) ** 2),
        ("measured", "mae", lambda own: (own["value"] - own["truth"]).abs()),
        ("measured", "mse", lambda own: (own["value"] - own["truth"]) ** 2),
        ("measured", "rmse", lambda own: (own["value"] - own["truth"]) ** 2),
    ):
        for own, (_, *ends, _) in zip(months(frame), rows(warehouse, table, metric), strict=True):
            losses, power = of(own), 0.5 if metric == "rmse" else 1
            expected = by_largest(losses.mean(), losses.std(), losses.max(), len(own))
            assert ends == pytest.approx([end**power for end in expected], rel=1e-9), metric


def test_calibration_is_judged_without_what_chance_adds(
    frame: pd.DataFrame, warehouse: MonitoredWarehouse
) -> None:
    for own, (value, low, _, _) in zip(months(frame), rows(warehouse, "rated", "ece"), strict=True):
        edges = [0.1, 0.2, 3 * 0.1, 0.4, 0.5, 6 * 0.1, 7 * 0.1, 0.8, 0.9]
        bins = own.groupby(np.searchsorted(edges, own["score"]))
        n = bins.size()
        spread = bins["score"].apply(lambda score: (score * (1 - score)).mean()) / n
        by_chance = (n * np.sqrt(spread * 2 / math.pi)).sum() / LABELS
        promised, found = bins["score"].mean(), bins["y"].mean()
        rate = (found * n + promised) / (n + 1)  # with a label more, as promised
        varying = np.maximum(spread, rate * (1 - rate) / n)
        folded = 2 / math.pi * varying**2 / (varying + (promised - found) ** 2)
        error = math.sqrt((n**2 * (varying - folded)).sum()) / LABELS
        expected = math.sqrt(max(0, max(0, value - Z * error) ** 2 - by_chance**2))
        assert low == pytest.approx(expected, rel=1e-9, abs=1e-12)
    failed = "select month(window_start), year(window_start) from main_dbt_test__audit.calibrated"
    assert warehouse.query(failed) == [(OFF + 1, 2020)]
    ((before,),) = warehouse.query("select count(*) from main_dbt_test__audit.calibrated_bare")
    assert before > COHORTS / 2  # without an interval, chance is not known


def test_an_area_is_below_registration_only_if_its_interval_is(warehouse: MonitoredWarehouse) -> None:
    ((certain,),) = warehouse.query("select count(*) from main_dbt_test__audit.below")
    ((lower,),) = warehouse.query("select count(*) from main_dbt_test__audit.below_bare")
    assert certain <= 2 < lower
    statuses = {
        (value < 0.8, high < 0.8): status for value, _, high, status in rows(warehouse, "rated", "roc_auc")
    }
    assert statuses[True, False] == "uncertain" and statuses[False, False] == "ok"


def test_intervals_of_clusters(frame: pd.DataFrame, warehouse: MonitoredWarehouse) -> None:
    for own, (_, *share, _), (value, low, high, _) in zip(
        months(frame),
        rows(warehouse, "clustered", "share_of_1"),
        rows(warehouse, "clustered", "entropy"),
        strict=True,
    ):
        ones = int(own["prediction"].sum())
        found = stats.binomtest(ones, len(own)).proportion_ci(method="wilson")
        assert share == pytest.approx([found.low, found.high], rel=1e-9)
        surprise = -np.log(np.where(own["prediction"] == 1, ones, len(own) - ones) / len(own))
        half = Z * surprise.std() / math.sqrt(len(own))
        assert (value, high - value, value - low) == pytest.approx((surprise.mean(), half, half), rel=1e-9)


def test_decay_has_to_be_certain_and_of_enough_labels(warehouse: MonitoredWarehouse) -> None:
    assert warehouse.query("select retrain from signals") == [(False,)]
    assert warehouse.query("select retrain, current_value from few") == [(None, None)]  # not judged
