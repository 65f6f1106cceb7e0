"""Few labels and the scores of all rows, in one sequence: as in plain Python, without alarms, and sooner."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from monitoring.warehouse import MonitoredWarehouse

pytestmark = pytest.mark.slow

DAYS, ROWS, MODELS = 60, 300, 20
LIMIT = {"accuracy": 0.939, "positive_rate": 0.343}
BETS = [0.005 * 1.6**number for number in range(12)]


def drawn(rises: bool) -> pd.DataFrame:
    """Calibrated, sharp scores of models at their limits; a twenty-fifth of the labels is there.

    Where it `rises`, the second half has more rows with high scores.
    """
    draw = np.random.default_rng(3 + rises)
    model, day = (one.ravel() for one in np.meshgrid(range(MODELS), range(DAYS), indexing="ij"))
    model, day = (np.repeat(one, ROWS) for one in (model, day))
    late = (day >= DAYS // 2) & rises
    kind = draw.random(len(day))
    sure = np.where(late, 0.42, 0.3)
    score = np.where(kind < sure, 0.97, np.where(kind < sure + 0.1, 0.4, 0.02))
    frame = pd.DataFrame({"model_name": np.char.add("m", model.astype(str)), "score": score})
    frame["id"], frame["prediction"] = np.arange(len(day)), (score >= 0.5).astype(int)
    frame["day"] = np.datetime64("2026-01-01", "us") + day.astype("timedelta64[D]")
    frame["y"] = (draw.random(len(day)) < score).astype(float)
    return frame.assign(known=draw.random(len(day)) < 0.04)


FRAMES = {"stays": drawn(False), "rises": drawn(True), "all_known": drawn(False).assign(known=True)}


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> MonitoredWarehouse:
    warehouse = MonitoredWarehouse(tmp_path_factory.mktemp("powered") / "house")
    head = "1 as model_version, 'scored' as row_status, timestamp '2025-12-31' as scored_at"
    for name, frame in FRAMES.items():
        warehouse.table(name, f"select * exclude (y, known), {head} from frame", frame=frame)
        warehouse.table(f"{name}_labels", "select id, y from frame where known", frame=frame)
        given = f"source('raw', '{name}'), source('raw', '{name}_labels'), key='id', label='y', day='day'"
        warehouse.model(
            f"{name}_powered",
            f"{{{{ scorehouse.prediction_powered_monitor({given}, limits={LIMIT}) }}}}",
        )
        warehouse.model(
            f"{name}_performance",
            f"{{{{ scorehouse.performance({given}, period='day', maturity={{'share': 0}}) }}}}",
        )
        warehouse.model(
            f"{name}_labels_alone",
            f"{{{{ scorehouse.sequential_monitor(ref('{name}_performance'), limits={LIMIT}) }}}}",
        )
    test = {"scorehouse.no_sequential_alert": {"name": "powered", "config": {"severity": "warn"}}}
    warehouse.tests({"version": 2, "models": [{"name": "rises_powered", "data_tests": [test]}]})
    warehouse.build().check()
    return warehouse


def test_equals_plain_python(warehouse: MonitoredWarehouse) -> None:
    found = warehouse.query(
        "select window_start, value, value_low, value_high, e_value, n_current, n_scored from rises_powered "
        "where ml_model = 'm3' and metric = 'accuracy' order by window_start"
    )
    frame, bets = FRAMES["rises"], np.array(BETS)
    costs, wealth = -np.log(1 - bets) - bets, []
    for (day, rows), row in zip(frame[frame.model_name == "m3"].groupby("day"), found, strict=True):
        promise = np.where(rows.prediction == 1, rows.score, 1 - rows.score)
        wrong = ((rows.prediction == rows.y).to_numpy(float) - promise)[rows.known]
        squares, n, mean = float((wrong**2).sum()), len(wrong), promise.mean()
        half = min((costs * squares + math.log(480)) / (bets * n))
        beyond = -(wrong + mean - LIMIT["accuracy"]) / (1 + max(0, mean - LIMIT["accuracy"]))
        wealth.append(np.log(1 + np.outer(beyond, bets)).sum(axis=0) - (bets * n) ** 2 / (8 * len(rows)))
        evidence = 1 / (len(wealth) + 1)
        for begun in range(len(wealth)):
            weight = (begun + 1) * (begun + 2)
            evidence += float(np.exp(sum(wealth[begun:])).mean()) / weight
        value = mean + wrong.mean()
        assert row[0] == day.to_pydatetime()
        assert row[1:5] == pytest.approx(
            (value, max(0, value - half), min(1, value + half), evidence), rel=1e-9
        )
        assert row[5:] == (n, len(rows))


def first_alerts(warehouse: MonitoredWarehouse, table: str, metric: str) -> list[int]:
    """Of each model: days from the rise until the first alert; those that are left where there is none."""
    found = warehouse.query(
        f"select datediff('day', date '2026-01-01', min(alert_since)::date) from {table} "
        f"where metric = '{metric}' group by ml_model order by ml_model"
    )
    return [(DAYS if day is None else day) - DAYS // 2 for (day,) in found]


def test_models_at_their_limit_raise_no_alert(warehouse: MonitoredWarehouse) -> None:
    for name in ("stays", "all_known"):  # the scores of few rows may promise too much by chance
        days = [first_alerts(warehouse, f"{name}_powered", metric) for metric in LIMIT]
        assert sum(min(both) < DAYS // 2 for both in zip(*days, strict=True)) <= 0.05 * MODELS
    # the interval of each of 60 days holds, at once, for 95 % of the models and more
    ((held,),) = warehouse.query(
        "select avg(held::int) from (select bool_and(0.939 between value_low and value_high) as held "
        "from stays_powered where metric = 'accuracy' group by ml_model)"
    )
    assert held >= 0.95


def test_a_change_that_scores_show_is_seen_in_half_the_time(warehouse: MonitoredWarehouse) -> None:
    powered, alone = (
        np.median(first_alerts(warehouse, f"rises_{name}", "positive_rate"))
        for name in ("powered", "labels_alone")
    )
    assert powered <= alone / 2
    assert warehouse.project.dbt("test", "--select", "powered").statuses["powered"] == "warn"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("limits={'mae': 3}", "prediction_powered_monitor(limits='mae')"),
        ("limits={'accuracy': 7}", "prediction_powered_monitor(limits=7)"),
        ("limits={}", "prediction_powered_monitor(limits={})"),
        ("limits={'accuracy': 0.7}, options={'weight': 'w'}", "one of the keys design_effect"),
    ],
)
def test_refuses(given: str, said: str, warehouse: MonitoredWarehouse, tmp_path: Path) -> None:
    project = warehouse.project.copy(tmp_path / "house")
    call = f"source('raw', 'stays'), source('raw', 'stays_labels'), key='id', label='y', {given}"
    project.write("models/wrong.sql", f"{{{{ scorehouse.prediction_powered_monitor({call}) }}}}")
    assert said in project.dbt("compile", "--select", "wrong").problem
