"""Several outputs through the door: a column for each, its monitors, challengers, and rows that change."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from click.testing import CliRunner
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import Ridge
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error
from sklearn.multioutput import MultiOutputRegressor

from project import DbtProject
from rescoring import execute
from scorehouse import load
from scorehouse.cli.main import main

pytestmark = pytest.mark.slow
ROWS, TASK, OUTPUTS = 2_000, "multioutput_regression", ("week_1", "week_2")
COLUMNS = {f"prediction_{name}": name for name in OUTPUTS}
SHOPS = """select i as id, date '2025-01-01' + (i % 60)::integer as day,
    case when i % 100 > 0 then hash(i) % 1000 / 100e0 end as price, hash(i + 7) % 1000 / 100e0 as stock,
    case when i % 2 = 0 then 'north' else 'south' end as region from range({rows}) as t(i)"""
LABELS = """select id, 3 * price + hash(id + 1) % 100 / 20e0 as units_1,
    1000 * stock + hash(id + 2) % 1000 as units_2 from {{ ref('features') }} where price is not null"""
MONITORS = (
    *("monitors", "demand", "--features", "features", "--key", "id", "--day", "day", "--segment", "region"),
    *("--labels", "labels", "--label", "week_1=units_1", "--label", "week_2=units_2"),
)
COMPARED = """{{{{ scorehouse.compare_metric(ref('contestants'), ref('labels'), key='id', label='{label}',
    metric='mae', settings={{'score': '{column}', 'replicates': 20}}) }}}}"""


BROKEN = "select * replace (reason_rest__week_2 + 1e0 as reason_rest__week_2) from {{ ref('explained') }}"
FAILS = {
    "scorehouse.reasons_add_up": {"name": "broken_reasons", "config": {"error_if": "<1", "warn_if": "<1"}}
}
ADDED_UP = [
    {"name": "explained", "data_tests": ["scorehouse.reasons_add_up"]},
    {"name": "moved", "data_tests": ["scorehouse.reasons_add_up"]},
    {"name": "broken", "data_tests": [FAILS]},
]


def run(*arguments: str, code: int = 0) -> str:
    ended = CliRunner().invoke(main, arguments)
    assert ended.exit_code == code, (ended.output, ended.exception)
    return ended.output


def training(project: DbtProject) -> tuple[pd.DataFrame, pd.DataFrame]:
    sql = "select price, stock, units_1, units_2 from features join labels using (id) order by id"
    frame = pd.DataFrame(project.query(sql), columns=["price", "stock", "units_1", "units_2"])
    return frame[["price", "stock"]], frame[["units_1", "units_2"]]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> DbtProject:
    """A linear champion, a challenger of trees, both tables of both, and all that is scaffolded."""
    project = DbtProject(tmp_path_factory.mktemp("outputs") / "house")
    execute(project, f"create table raw_rows as {SHOPS.format(rows=ROWS)}")
    project.features("select * from raw_rows")
    project.features(LABELS, "labels")
    project.build("--select", "features", "labels").check()
    X, Y = training(project)
    line, trees = Ridge().fit(X, Y), MultiOutputRegressor(HistGradientBoostingRegressor(max_iter=5)).fit(X, Y)
    facts: dict[str, Any] = {"task": TASK, "outputs": OUTPUTS}
    found = line.predict(X)
    metrics = {
        f"mae_{name}": mean_absolute_error(Y.iloc[:, i], found[:, i]) for i, name in enumerate(OUTPUTS)
    }
    project.register(line, "demand", X, Y, metrics=metrics, **facts)
    project.register(trees, "demand", X, Y, **facts, alias="challenger")
    both = {"key": "id", "alias": ["champion", "challenger"]}
    project.sql_model("contestants", "demand", **both)
    project.python_model("wide", "demand", **both, layout="wide")
    project.python_model("by_estimator", "demand", key="id", backend="estimator")
    project.python_model("fresh", "demand", key="id", rescore="changed", passthrough=["region"])
    project.python_model("explained", "demand", key="id", reasons=2)
    where = {"score": "prediction_week_1", "at_least": 20.0}
    project.sql_model("moved", "demand", key="id", reasons={"top": 1, "output": "week_2", "where": where})
    project.write("models/broken.sql", BROKEN)
    project.write("models/_tests.yml", yaml.safe_dump({"version": 2, "models": ADDED_UP}))
    for label, column in zip(("units_1", "units_2"), COLUMNS, strict=True):
        project.write(f"models/contest_{label}.sql", COMPARED.format(label=label, column=column))
    kept = ("--features", "features", "--key", "id", "--keep", "day", "--keep", "region")
    for command in (
        ("predictions", "demand", *kept),
        ("mart", "demand", "--key", "id", "--keep", "region"),
        MONITORS,
    ):
        run("scaffold", *command, "--yes", "--project-dir", str(project.folder))
    project.build().check()
    return project


def test_each_output_has_a_column_and_every_row_is_there_once(built: DbtProject) -> None:
    assert list(built.columns("demand_predictions"))[:5] == ["id", "day", "region", *COLUMNS]
    assert set(built.columns("demand_predictions").items()) >= {(name, "DOUBLE") for name in COLUMNS}
    X, Y = training(built)
    expected = Ridge().fit(X, Y).predict(X)
    for table in ("demand_predictions", "by_estimator", "fresh", "wide", "demand_mart"):
        counts = "select count(*), count(distinct id), count(prediction_week_1), count(prediction_week_2)"
        assert built.query(f"{counts} from {table}") == [(ROWS, ROWS, ROWS - 20, ROWS - 20)]
        rows = built.query(
            f"select prediction_week_1, prediction_week_2 from {table} where "
            "row_status = 'scored' order by id"
        )
        np.testing.assert_allclose(rows, expected, rtol=1e-9)
        reasons = f"select distinct reject_reason from {table} where row_status = 'rejected'"
        assert built.query(reasons) == [("null:price",)]
    (logged,) = built.runs("demand_predictions")
    assert (logged["backend"], logged["rows_in"], logged["rows_rejected"]) == ("sql", ROWS, 20)
    assert logged["score_mean"] is None  # no single column is the score


def test_challengers_stand_beside_the_champion(built: DbtProject) -> None:
    versions = "select model_alias, count(*), count(prediction_week_2) from contestants group by 1 order by 1"
    assert built.query(versions) == [("challenger", ROWS, ROWS), ("champion", ROWS, ROWS - 20)]
    same = """select count(*) from wide join contestants using (id) where model_alias = 'challenger'
        and wide.prediction_week_1__challenger = contestants.prediction_week_1
        and wide.prediction_week_2__challenger = contestants.prediction_week_2"""
    assert built.query(same) == [(ROWS,)]
    X, Y = training(built)
    line = Ridge().fit(X, Y).predict(X)
    for place, label in enumerate(("units_1", "units_2")):
        (found,) = built.query(f"select live_value, challenger_value, n_rows from contest_{label}")
        assert found[0] == pytest.approx(mean_absolute_error(Y[label], line[:, place]), rel=1e-9)
        assert found[1] > 0 and found[2] == ROWS - 20


def test_the_monitors_of_each_output_equal_scikit_learn(built: DbtProject) -> None:
    rows = built.query(
        "select prediction_week_1, prediction_week_2, units_1, units_2 from demand_predictions "
        "join labels using (id) where month(day) = 1 order by id"
    )
    values = np.array(rows)
    measures = {"mae": mean_absolute_error, "rmse": root_mean_squared_error, "r2": r2_score}
    for place, (column, name) in enumerate(COLUMNS.items()):
        found = dict(
            built.query(
                f"select metric, value from demand_{name}_performance where segment = 'all' "
                f"and window_start = '2025-01-01' and feature = '{column}'"
            )
        )
        for metric, measure in measures.items():
            assert found[metric] == pytest.approx(measure(values[:, 2 + place], values[:, place]), rel=1e-9)
        covered = built.query(
            f"select avg((units_{place + 1} between prediction_low and prediction_high)::integer) "
            f"from demand_{name}_intervals join labels using (id) where month(day) = 1"
        )
        told = f"select value from demand_{name}_coverage where metric = 'coverage' and segment = 'all'"
        assert built.query(f"{told} and window_start = '2025-01-01'")[0] == pytest.approx(covered[0])
        estimated = built.query(f"select distinct feature from demand_{name}_estimates")
        assert estimated == [(column,)]
    drifting = "select distinct feature from demand_drift where part = 'output' order by 1"
    assert built.query(drifting) == [(column,) for column in COLUMNS]
    signals = "select metric, reference_value is not null, current_value is not null from demand_retraining"
    assert built.query(signals) == [("mae", True, True)]


def test_each_output_has_reasons_that_add_up_to_it(built: DbtProject) -> None:
    X, Y = training(built)
    line = Ridge().fit(X, Y)
    for place, name in enumerate(OUTPUTS):
        rows = built.query(
            f"select reason_1__{name}, reason_1_contribution__{name}, reason_base__{name}, "
            f"reason_total__{name}, prediction_{name} from explained where row_status = 'scored' order by id"
        )
        assert len(rows) == ROWS - 20
        moved = line.coef_[place] * (X - X.mean()).to_numpy()
        first = np.abs(moved).argmax(axis=1)
        assert [row[0] for row in rows] == [list(X)[column] for column in first]
        np.testing.assert_allclose([row[1] for row in rows], moved[np.arange(len(X)), first], rtol=1e-6)
        np.testing.assert_allclose([row[3] for row in rows], [row[4] for row in rows], rtol=1e-9)
    none = "select count(reason_total__week_1) from explained where row_status = 'rejected'"
    assert built.query(none) == [(0,)]
    named = "select count(*), count(reason_total), count(*) filter (prediction_week_1 >= 20) from moved"
    (counts,) = built.query(named)
    assert counts[1] == counts[2] and 0 < counts[1] < counts[0] == ROWS
    assert built.query("select distinct reason_1 from moved where reason_1 is not null") == [("stock",)]
    assert "reason_1__week_1" not in built.columns("moved")


def test_only_changed_rows_are_scored_again(built: DbtProject, tmp_path: Path) -> None:
    project = built.copy(tmp_path / "twin")
    execute(project, "update raw_rows set stock = stock + 1 where id in (1, 2, 3)")
    project.build("--select", "features", "fresh").check()
    last = project.runs("fresh")[-1]
    assert (last["rows_changed"], last["rows_unchanged"]) == (3, ROWS - 3)
    X, Y = training(built)
    rows = project.query(
        "select price, stock, prediction_week_1, prediction_week_2 from fresh join features "
        "using (id) where id in (1, 2, 3) order by id"
    )
    frame = pd.DataFrame(rows, columns=["price", "stock", *COLUMNS])
    np.testing.assert_allclose(frame[list(COLUMNS)], Ridge().fit(X, Y).predict(frame[["price", "stock"]]))
    # the same estimator with other names of its outputs is another version, with other columns
    project.register(Ridge().fit(X, Y), "demand", X, Y, task=TASK, outputs=["soon", "later"])
    changed = project.build("--select", "tag:ml_demand", "fresh")
    assert not changed.success
    assert "prediction_soon" in changed.messages["fresh"]
    both = project.build("--select", "contestants")
    assert "versions with the same task and outputs in one scan" in both.messages["contestants"]


def test_what_there_is_not_for_several_outputs_is_refused_in_words(built: DbtProject, tmp_path: Path) -> None:
    project = built.copy(tmp_path / "twin")
    project.python_model("explained", "demand", key="id", reasons={"top": 2, "output": "week_9"})
    project.python_model("decided", "demand", key="id", decision={"bands": {"many": 5.0}})
    project.write(
        "models/judged.sql",
        "{{ scorehouse.performance(ref('demand_predictions'), ref('labels'), key='id', label='units_1', "
        "task='regression') }}",
    )
    ended = project.build("--select", "explained", "decided", "judged")
    assert "reasons are asked for the output 'week_9'" in ended.messages["explained"]
    assert (
        "decision names columns that the prediction table will not have: score" in (ended.messages["decided"])
    )
    assert "such as prediction_week_1, prediction_week_2" in ended.messages["judged"]
    assert "options: {prediction: prediction_week_1}" in ended.messages["judged"]


def test_the_commands_and_the_service_show_the_outputs(
    built: DbtProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(built.folder)
    assert "week_1 in prediction_week_1, week_2 in prediction_week_2" in run("show", "demand")
    assert json.loads(run("show", "demand", "--json"))["outputs"] == COLUMNS
    assert TASK in run("list")
    told = run("explain", "demand", "--key", "1", "--target", "dev", "--table", "demand_predictions")
    assert "prediction_week_1" in told and "what moved the output week_1" in told
    answer = load("demand@champion", project_dir=built.folder).predict([{"price": 1.0, "stock": 2.0}])
    assert set(COLUMNS) <= set(answer[0])
    page = tmp_path / "report.html"
    run("report", "demand", "--target", "dev", "--output", str(page))
    text = page.read_text().replace("<wbr>", "")
    assert "Mean absolute error of week_1" in text and "output week_2" in text
    wrong = CliRunner().invoke(main, ["scaffold", *MONITORS[:-1], "week_9=units_2"])
    assert wrong.exit_code == 2 and "OUTPUT=COLUMN" in wrong.output and "week_1, week_2" in wrong.output
