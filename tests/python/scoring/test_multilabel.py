"""Several labels through the doors: columns, monitors, challengers, rows that change, and the service."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from click.testing import CliRunner
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, precision_score, roc_auc_score
from sklearn.multioutput import MultiOutputClassifier

from project import DbtProject
from rescoring import execute
from scorehouse import load
from scorehouse.cli.main import main

pytestmark = pytest.mark.slow
ROWS, TASK, LABELS = 2_000, "multilabel_classification", ("late", "lost")
COLUMNS = ["prediction_late", "score_late", "prediction_lost", "score_lost"]
PARCELS = """select i as id, date '2025-01-01' + (i % 60)::integer as day,
    case when i % 100 > 0 then hash(i) % 1000 / 100e0 end as weight, hash(i + 7) % 1000 / 100e0 as distance,
    case when i % 2 = 0 then 'north' else 'south' end as region from range({rows}) as t(i)"""
TRUTH = """select id, (weight + hash(id + 1) % 100 / 20e0 > 8)::integer as came_late,
    (distance + weight / 3 + hash(id + 2) % 100 / 20e0 > 10.5)::integer as was_lost
    from {{ ref('features') }} where weight is not null"""
UNSCORED = """{{ scorehouse.performance(ref('parcels_predictions'), ref('truth'), key='id', label='came_late',
    day='day', options={'prediction': 'prediction_late', 'score': 'prediction_late'}) }}"""
# Each feature has the values that it had, but together with others: no feature drifts, one output does.
MOVED = {
    "moved": "select * replace (coalesce(9.99 - weight + id / 1e7, distance) as distance) "
    "from {{ ref('features') }}",
    "moved_predictions": "{{ scorehouse.scored('parcels', key='id') }} select * from {{ ref('moved') }}",
    "moved_profiles": """{{ scorehouse.profile(ref('moved_predictions'), ref('ml_parcels__reference'),
        ref('moved'), key='id', signature=ref('ml_parcels__signature')) }}""",
    "moved_drift": "{{ scorehouse.drift(ref('moved_profiles'), ref('ml_parcels__reference')) }}",
    "moved_retraining": """{{ scorehouse.retraining_signals(
        ref('ml_parcels'), drift=ref('moved_drift'), limits={'drifted_outputs': 1}) }}""",
}
MONITORS = (
    *("monitors", "parcels", "--features", "features", "--key", "id", "--day", "day"),
    *("--labels", "truth", "--label", "late=came_late", "--label", "lost=was_lost"),
)
PREDICTED = "select * from {{ scorehouse.predict('parcels', relation=ref('features'), keep=['id']) }}"


def run(*arguments: str) -> str:
    ended = CliRunner().invoke(main, arguments)
    assert ended.exit_code == 0, (ended.output, ended.exception)
    return ended.output


def training(project: DbtProject) -> tuple[pd.DataFrame, pd.DataFrame]:
    names = ["weight", "distance", "came_late", "was_lost"]
    sql = f"select {', '.join(names)} from features join truth using (id) order by id"
    frame = pd.DataFrame(project.query(sql), columns=names)
    return frame[names[:2]], frame[names[2:]]


def line_of(X: pd.DataFrame, Y: pd.DataFrame) -> Any:
    return MultiOutputClassifier(LogisticRegression()).fit(X, Y)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> DbtProject:
    """A linear champion, a forest as challenger, tables through both doors, and all that is scaffolded."""
    project = DbtProject(tmp_path_factory.mktemp("labels") / "house")
    execute(project, f"create table raw_rows as {PARCELS.format(rows=ROWS)}")
    project.features("select * from raw_rows")
    project.features(TRUTH, "truth")
    project.build("--select", "features", "truth").check()
    X, Y = training(project)
    line = line_of(X, Y)
    forest = RandomForestClassifier(5, max_depth=4, random_state=0).fit(X, Y)
    scores = np.array(line.predict_proba(X))[:, :, 1]
    metrics = {f"roc_auc_{name}": roc_auc_score(Y.iloc[:, i], scores[i]) for i, name in enumerate(LABELS)}
    facts: dict[str, Any] = {"task": TASK, "outputs": LABELS}
    project.register(line, "parcels", X, Y, metrics=metrics, **facts)
    project.register(forest, "parcels", X, Y, **facts, alias="challenger")
    project.python_model("wide", "parcels", key="id", alias=["champion", "challenger"], layout="wide")
    project.python_model("by_trees", "parcels", key="id", alias="challenger", backend="native")
    late = {"score": "score_late", "bands": {"calm": 0.0, "alarm": 0.5}}
    project.python_model("decided", "parcels", key="id", rescore="changed", decision=late)
    project.python_model("explained", "parcels", key="id", alias="challenger", reasons=1)
    added_up = {"name": "explained", "data_tests": ["scorehouse.reasons_add_up"]}
    project.write("models/_tests.yml", yaml.safe_dump({"version": 2, "models": [added_up]}))
    project.write("models/predicted.sql", PREDICTED)
    project.write("models/unscored_performance.sql", UNSCORED)
    for name, sql in MOVED.items():
        project.features(sql, name)
    kept = ("--features", "features", "--key", "id", "--keep", "day", "--keep", "region")
    for command in (
        ("predictions", "parcels", *kept),
        ("mart", "parcels", "--key", "id", "--keep", "region"),
        MONITORS,
    ):
        run("scaffold", *command, "--yes", "--project-dir", str(project.folder))
    project.build().check()
    return project


def test_each_label_has_two_columns_and_every_row_is_there_once(built: DbtProject) -> None:
    assert list(built.columns("parcels_predictions"))[:7] == ["id", "day", "region", *COLUMNS]
    types = built.columns("parcels_predictions")
    assert [types[name] for name in COLUMNS] == ["BIGINT", "DOUBLE", "BIGINT", "DOUBLE"]
    X, Y = training(built)
    line = line_of(X, Y)
    labels, scores = line.predict(X), np.array(line.predict_proba(X))[:, :, 1]
    for table in ("parcels_predictions", "decided", "wide", "parcels_mart", "predicted"):
        counts = "select count(*), count(distinct id), count(prediction_late), count(score_lost)"
        assert built.query(f"{counts} from {table}") == [(ROWS, ROWS, ROWS - 20, ROWS - 20)]
        sql = f"select {', '.join(COLUMNS)} from {table} where row_status = 'scored' order by id"
        found = np.array(built.query(sql))
        assert np.array_equal(found[:, [0, 2]], labels), table
        np.testing.assert_allclose(found[:, [1, 3]], scores.T, rtol=1e-9, err_msg=table)
        reasons = f"select distinct reject_reason from {table} where row_status = 'rejected'"
        assert built.query(reasons) == [("null:weight",)]
    (logged,) = built.runs("parcels_predictions")
    assert (logged["backend"], logged["rows_in"], logged["rows_rejected"]) == ("sql", ROWS, 20)
    assert built.query("select distinct band from decided where score_late >= 0.5") == [("alarm",)]


def test_challengers_stand_beside_the_champion(built: DbtProject) -> None:
    assert built.runs("by_trees")[0]["backend"] == "native"
    same = """select count(*) from wide join by_trees as trees using (id)
        where wide.prediction_late__challenger = trees.prediction_late
        and abs(wide.score_lost__challenger - trees.score_lost) < 1e-9"""
    assert built.query(same) == [(ROWS,)]  # trees take rows without a weight


def test_each_label_has_reasons(built: DbtProject) -> None:
    for name, feature in zip(LABELS, ("weight", "distance"), strict=True):
        off = f"max(abs(reason_total__{name} - score_{name}))"
        sql = f"""select count(*), {off}, any_value(reason_unit__{name}),
            avg((reason_1__{name} = '{feature}')::integer) from explained"""
        ((count, off, unit, share),) = built.query(sql)
        assert (count, unit) == (ROWS, "probability") and off < 1e-9 and share > 0.9


def test_a_label_that_drifts_alone_is_a_reason_to_retrain(built: DbtProject) -> None:
    found = built.query("select reasons, n_drifted, n_drifted_outputs from moved_retraining")
    assert found == [("drift of output lost", 0, 1)]
    assert built.query("select n_drifted from parcels_retraining") == [(0,)]


def test_the_monitors_of_each_label_equal_scikit_learn(built: DbtProject) -> None:
    wanted = [*COLUMNS, "came_late", "was_lost"]
    rows = built.query(
        f"select {', '.join(wanted)} from parcels_predictions join truth using (id) "
        "where month(day) = 1 order by id"
    )
    frame = pd.DataFrame(rows, columns=wanted)
    for name, label in zip(LABELS, wanted[4:], strict=True):
        found = dict(
            built.query(
                f"select metric, value from parcels_{name}_performance where segment = 'all' "
                f"and window_start = '2025-01-01' and feature = 'prediction_{name}'"
            )
        )
        truth, score = frame[label], frame[f"score_{name}"]
        assert found["roc_auc"] == pytest.approx(roc_auc_score(truth, score), rel=1e-9)
        assert found["brier"] == pytest.approx(brier_score_loss(truth, score), rel=1e-9)
        assert found["precision"] == pytest.approx(precision_score(truth, frame[f"prediction_{name}"]))
        estimated = built.query(f"select distinct feature from parcels_{name}_estimates")
        assert estimated == [(f"prediction_{name}",)]
    judged = """select count(*) from unscored_performance as by_label
        join parcels_late_performance as by_score using (version, segment, window_start, metric)
        where segment = 'all' and by_label.value = by_score.value
        and metric in ('accuracy', 'precision', 'recall', 'f1')"""
    windows = "select 4 * count(distinct window_start) from unscored_performance where segment = 'all'"
    assert built.query(judged) == built.query(windows)
    drifting = "select distinct feature from parcels_drift where part = 'output' order by 1"
    assert built.query(drifting) == [(column,) for column in sorted(COLUMNS)]
    signals = "select metric, reference_value is not null, current_value is not null from parcels_retraining"
    assert built.query(signals) == [("roc_auc", True, True)]


def test_only_changed_rows_are_scored_again(built: DbtProject, tmp_path: Path) -> None:
    project = built.copy(tmp_path / "twin")
    execute(project, "update raw_rows set weight = weight + 1 where id in (1, 2, 3)")
    unnamed = "{{ scorehouse.performance(ref('decided'), ref('truth'), key='id', label='came_late') }}"
    project.write("models/judged.sql", unnamed)
    ended = project.build("--select", "features", "decided", "judged")
    last = project.runs("decided")[-1]
    assert (last["rows_changed"], last["rows_unchanged"]) == (3, ROWS - 3)
    rows = project.query(
        "select weight, distance, score_late, score_lost from decided join features using (id) where id < 4 "
        "and id > 0 order by id"
    )
    frame = pd.DataFrame(rows, columns=["weight", "distance", "late", "lost"])
    scores = np.array(line_of(*training(built)).predict_proba(frame[["weight", "distance"]]))[:, :, 1]
    np.testing.assert_allclose(frame[["late", "lost"]], scores.T, rtol=1e-9)
    # a table of labels is not judged as if it had one
    assert "options: {prediction: prediction_late, score: score_late}" in ended.messages["judged"]


def test_the_commands_and_the_service_show_the_labels(
    built: DbtProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(built.folder)
    shown = json.loads(run("show", "parcels", "--json"))
    assert shown["outputs"] == {f"prediction_{name}": name for name in LABELS}
    assert "late in prediction_late, lost in prediction_lost" in run("show", "parcels")
    model = load("parcels@champion", project_dir=built.folder)
    (answer,) = model.predict([{"weight": 9.0, "distance": 1.0}])
    assert (answer["prediction_late"], answer["prediction_lost"]) == (1, 0)
    (missing,) = model.predict([{"weight": None, "distance": 1.0}])
    assert missing["reject_reason"] == "null:weight" and missing["score_late"] is None
    reasons = model.explain({"weight": 9.0, "distance": 1.0}, top=1, output="lost")
    assert (reasons["reason_1"], reasons["reason_unit"]) == ("distance", "log-odds")
    told = run(
        "explain",
        "parcels",
        "--key",
        "1",
        "--target",
        "dev",
        "--table",
        "parcels_predictions",
        "--output",
        "lost",
    )
    assert "prediction_late" in told and "what moved the output lost" in told and "log-odds" in told
    assert "the decision would be another one" in told and ": late" in told
