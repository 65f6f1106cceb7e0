"""What a drift table says of the tails, of small changes that are certain, and of many features at once."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from monitoring.warehouse import MonitoredWarehouse

pytestmark = pytest.mark.slow

HEAD = "'m' as model_name, 1 as model_version, timestamp '2026-01-01' as scored_at"
ROWS, TRAINING = 2000, 4000


def drawn(rows: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "x": rng.normal(10, 2, rows),
            "waited": rng.exponential(3, rows),
            "site": np.char.add("s", rng.zipf(1.6, rows).astype(str)).astype(object),
            "colour": rng.choice(["red", "green", "blue"], rows, p=[0.6, 0.3, 0.1]).astype(object),
            "since": rng.choice(pd.date_range("2020-01-01", periods=300).strftime("%Y-%m-%d"), rows),
            "empty": np.full(rows, np.nan),
        }
    )


def changed(run: str, frame: pd.DataFrame) -> pd.DataFrame:
    some = np.arange(len(frame))
    if run == "higher":
        frame["x"] += 0.4  # 0.2 standard deviations
    elif run == "much higher":
        frame["x"] += 1.2
    elif run == "wider":
        frame["x"] = 10 + 1.5 * (frame["x"] - 10)
    elif run == "gaps":
        frame.loc[some % 50 == 0, "x"] = np.nan
    elif run == "many gaps":
        frame.loc[some % 10 == 0, "x"] = np.nan
    elif run == "absurd":
        frame.loc[7, "x"] = 1e9
    elif run == "outside":
        frame.loc[some % 50 == 0, "waited"] = 60.0
    elif run == "new":
        frame.loc[some % 200 == 0, "colour"] = "black"
    elif run == "tail":
        frame.loc[some % 10 == 0, "site"] = "s0"
    elif run == "filled":
        frame["empty"] = 1.5
    elif run == "frozen":
        frame["x"] = 10.0
    elif run == "later":
        frame["since"] = "2021-06-01"
    return frame


# By run: the feature, the metric and the status that it must get. Of the runs `same`, nothing.
FOUND = {
    "higher": ("x", "mean_shift", "small_drift"),
    "much higher": ("x", "mean_shift", "drift"),
    "wider": ("x", "spread_shift", "drift"),
    "gaps": ("x", "missing_share", "small_drift"),
    "many gaps": ("x", "missing_share", "drift"),
    "absurd": ("x", "extreme_value", "drift"),
    "outside": ("waited", "out_of_range_share", "drift"),
    "new": ("colour", "unseen_share", "small_drift"),
    "tail": ("site", "unseen_share", "drift"),
    "filled": ("empty", "filled_share", "drift"),
    "frozen": ("x", "constant_value", "drift"),
    "later": ("since", "psi", "not_compared"),
}
SAME = [f"same {number}" for number in range(40)]
PROFILE = "{{{{ scorehouse.profile(source('raw', '{}'), source('raw', 'ml_{}__reference'), signature=source('raw', 'ranges')) }}}}"  # noqa: E501


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MonitoredWarehouse]:
    warehouse = MonitoredWarehouse(tmp_path_factory.mktemp("verdicts") / "house")
    training = drawn(TRAINING, 0)
    warehouse.table("training", "from frame", frame=training)
    warehouse.reference("ml_m__reference", {(1, "feature"): "from raw.training"})
    warehouse.table(
        "ranges",
        "select 1 as version, 'x' as feature, min(x) as minimum, max(x) as maximum from raw.training "
        "union all select 1, 'waited', min(waited), max(waited) from raw.training",
    )
    frames = [
        changed(run, drawn(ROWS, number + 1)).assign(scoring_run_id=run)
        for number, run in enumerate([*FOUND, *SAME])
    ]
    warehouse.table("scored", f"select *, {HEAD} from frame", frame=pd.concat(frames))
    drift = "{{{{ scorehouse.drift(ref('{}'), source('raw', 'ml_{}__reference'){}) }}}}"
    warehouse.model("profiles", PROFILE.format("scored", "m"))
    warehouse.model("drift", drift.format("profiles", "m", ""))
    warehouse.model(
        "strict", drift.format("profiles", "m", ", min_effect={'mean_shift': none, 'x': {'psi': 0}}")
    )
    warehouse.build().check()
    yield warehouse


@pytest.mark.parametrize("run", FOUND)
def test_a_change_is_named(run: str, warehouse: MonitoredWarehouse) -> None:
    feature, metric, status = FOUND[run]
    assert warehouse.query(
        f"select status from drift where run_id = '{run}' and feature = '{feature}' and metric = '{metric}'"
    ) == [(status,)]
    others = warehouse.query(
        f"select distinct feature from drift where run_id = '{run}' and status in ('drift', 'small_drift')"
    )
    assert {name for (name,) in others} <= {feature}


def test_chance_is_not(warehouse: MonitoredWarehouse) -> None:
    ((alarmed, judged),) = warehouse.query(
        "select count(distinct run_id) filter (where status in ('drift', 'small_drift')), "
        "count(distinct run_id) from drift where run_id like 'same%'"
    )
    assert (alarmed, judged) == (0, len(SAME))


def test_a_long_tail_is_judged(warehouse: MonitoredWarehouse) -> None:
    rows = warehouse.query("select status, value from drift where feature = 'site' and metric = 'psi'")
    assert {status for status, _ in rows} <= {"ok", "drift", "small_drift"}
    ((share, expected),) = warehouse.query(
        "select avg(value), avg(threshold) - 0.01 from drift "
        "where feature = 'site' and metric = 'unseen_share' and run_id like 'same%'"
    )
    assert share == pytest.approx(expected, abs=0.005) and share > 0.01


def excess(x: float, m: float, y: float, n: float) -> float:
    """Chernoff's limit for the upper tail of the hypergeometric distribution, from both margins."""
    if x * n <= y * m:
        return 0.0

    def divergence(a: float, b: float) -> float:
        parts = [(a, b), (1 - a, 1 - b)]
        return sum(p * math.log(p / q) for p, q in parts if p > 0)

    k, total = x + y, m + n
    return max(m * divergence(x / m, k / total), k * divergence(x / k, m / total))


def test_p_of_missing_values_is_a_limit_of_the_exact_one(warehouse: MonitoredWarehouse) -> None:
    rows = warehouse.query(
        "select p_value, value * n_current, n_current, n_reference from drift "
        "where metric = 'missing_share' and feature = 'x' and value > 0"
    )
    assert len(rows) == 2
    for p, missing, n, reference in rows:
        assert p == pytest.approx(math.exp(-excess(missing, n, 0, reference)), rel=1e-9, abs=0)
        assert p >= stats.hypergeom.sf(round(missing) - 1, n + reference, round(missing), n)


def test_p_of_unseen_values(warehouse: MonitoredWarehouse) -> None:
    counts = drawn(TRAINING, 0)["site"].value_counts()
    once, twice = int((counts == 1).sum()), int((counts == 2).sum())
    for p, unseen, n in warehouse.query(
        "select p_value, value * n_current, n_current from drift "
        "where metric = 'unseen_share' and feature = 'site'"
    ):
        effect = 1 + 2 * twice / (once * (1 + TRAINING / n))
        expected = math.exp(-excess(unseen, n, once, TRAINING) / effect)
        assert p == pytest.approx(expected, rel=1e-9, abs=1e-300)


def test_p_of_values_outside_the_range(warehouse: MonitoredWarehouse) -> None:
    rows = warehouse.query(
        "select p_value, value * n_current, n_current from drift "
        "where metric = 'out_of_range_share' and feature = 'waited'"
    )
    assert len(rows) == len(FOUND) + len(SAME)
    for p, outside, n in rows:
        expected = stats.nbinom.sf(round(outside) - 1, 2, TRAINING / (TRAINING + n)) if outside else 1.0
        assert p == pytest.approx(expected, rel=1e-9, abs=1e-300)


def test_a_new_maximum_is_expected_as_often_as_it_comes() -> None:
    """2 / (n + 1) of all rows are outside the range of n others: counted for 50 training sets of 100 rows."""
    rng = np.random.default_rng(1)
    shares = [((new < old.min()) | (new > old.max())).mean() for old, new in rng.normal(size=(2000, 2, 100))]
    assert np.mean(shares) == pytest.approx(2 / 101, rel=0.1)


def test_p_of_shifts(warehouse: MonitoredWarehouse) -> None:
    training = drawn(TRAINING, 0)["x"].to_numpy()
    edges = np.quantile(training, np.arange(1, 10) / 10)
    for number, run in enumerate(["higher", "much higher", "wider"]):
        window = changed(run, drawn(ROWS, number + 1))["x"].to_numpy()
        found: dict[str, tuple[Any, ...]] = {
            metric: rest
            for metric, *rest in warehouse.query(
                f"select metric, value, p_value, standard_error from drift where run_id = '{run}' and "
                "feature = 'x' and metric in ('mean_shift', 'spread_shift')"
            )
        }
        deviation = training.std()
        shift = (window.mean() - training.mean()) / deviation
        spread = max(window.std(), deviation) ** 2
        error = math.sqrt(spread / ROWS + deviation**2 / TRAINING) / deviation
        expected = (abs(shift), 2 * stats.norm.sf(abs(shift) / error), error)
        assert found["mean_shift"] == pytest.approx(expected, rel=1e-9, abs=1e-300)
        p, q = (
            np.bincount(np.searchsorted(edges, values), minlength=10) / len(values)
            for values in (training, window)
        )
        score = (np.cumsum(p) - p / 2 - 0.5) ** 2
        variance = p @ score**2 - (p @ score) ** 2
        z = abs((q - p) @ score) / math.sqrt(variance * (1 / ROWS + 1 / TRAINING))
        expected = (abs(math.log(window.std() / deviation)), 2 * stats.norm.sf(z))
        assert found["spread_shift"][:2] == pytest.approx(expected, rel=1e-9, abs=1e-300)


def test_q_is_that_of_benjamini_and_hochberg(warehouse: MonitoredWarehouse) -> None:
    for run in ("higher", "same 3", "new"):
        rows = warehouse.query(
            f"select p_value, q_value from drift where run_id = '{run}' and q_value is not null"
        )
        expected = stats.false_discovery_control([1.0 if p is None else p for p, _ in rows])
        assert [q for _, q in rows] == pytest.approx(list(expected), rel=1e-9, abs=1e-300)


def test_the_least_effect_is_the_users(warehouse: MonitoredWarehouse) -> None:
    rows = warehouse.query("select metric, status from strict where run_id = 'higher' and feature = 'x'")
    assert dict(rows)["mean_shift"] == "ok" and dict(rows)["psi"] == "small_drift"
