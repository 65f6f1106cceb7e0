"""A version that scores is monitored, or the command says what it lacks: promotion, seeds, and profiles."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result
from sklearn.linear_model import LogisticRegression

from project import DbtProject
from scorehouse.cli.main import main
from scorehouse.registration.renew import learn_reference

pytestmark = pytest.mark.slow

LOAD = "dbt build --select tag:ml_risk+"
NO_REFERENCE = (
    "not the reference that the profile was made with, or archived: load the seeds, then build the profile"
)
FEATURES = """
    select i as id, date '2026-01-01' + cast(i % 90 as integer) as day,
        (hash(i) % 1000) / 1000e0 as a, (hash(i * 7 + 1) % 1000) / 1000e0 as b
    from range(2400) t (i)
"""
LABELS = "select id, cast(a + b > 1 as integer) as y from {{ ref('features') }}"
PERFORMANCE = {
    "risk_performance": "{'thresholds': {'accuracy': 0.5}}",
    "risk_performance_of_all": "{'thresholds': {'accuracy': 0.5}, 'include_training': true}",
}
CALIBRATIONS = {
    "risk_set_calibration": "set_calibration({}, classes=[0, 1], options={{'day': 'day'}})",
    "risk_calibration_table": "calibration_table({}, options={{'day': 'day'}})",
}
SEGMENTS = (
    "worst_segments(ref('risk_predictions'), [], 'error_rate', labels=ref('labels'), key='id', label='y', "
    "features=ref('features'), numbers=['a'], depth=1, options={'day': 'day'})"
)
SETTINGS = {
    "scorehouse_retrain": {
        "risk": {
            "training": "features",
            "function": "ml.t:f",
            "label": "y",
            "time": "day",
            "holdout": "2026-03-01",
        }
    }
}


def training(seed: int, rows: int = 2000) -> tuple[pd.DataFrame, pd.Series]:
    X = pd.DataFrame(np.random.default_rng(seed).random((rows, 2)).round(3), columns=["a", "b"])
    return X, (X["a"] + X["b"] > 1).astype(int)


def command(project: DbtProject, *arguments: object) -> Result:
    """The command `scorehouse` in the project's folder."""
    return CliRunner().invoke(main, [*map(str, arguments), "--project-dir", str(project.folder)])


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DbtProject]:
    project = DbtProject(tmp_path_factory.mktemp("versions") / "house", variables=SETTINGS)
    X, y = training(1)
    facts = {"task": "classification", "metrics": {"roc_auc": 0.99}, "trained_to": "2026-01-31"}
    project.register(LogisticRegression().fit(X, y), "risk", X, y, **facts)
    project.features(FEATURES)
    project.features(LABELS, name="labels")
    project.python_model("risk_predictions", "risk", key="id", passthrough=["day"])
    project.sql_model("risk_scores", "risk", key="id")
    made = command(project, "scaffold", "monitors", "risk", "--features", "features", "--key", "id", "--yes")
    assert f"{LOAD[:-1]} +risk_retraining" in made.output, made.output
    for name, options in PERFORMANCE.items():
        project.features(
            "{{ scorehouse.performance(ref('risk_predictions'), ref('labels'), key='id', label='y', "
            f"day='day', options={options}) }}}}",
            name=name,
        )
    read = "ref('risk_predictions'), ref('labels'), key='id', label='y'"
    for name, call in CALIBRATIONS.items():
        project.features(f"{{{{ scorehouse.{call.format(read)} }}}}", name=name)
    project.features(f"{{{{ scorehouse.{SEGMENTS} }}}}", name="risk_segments")
    project.build().check()
    assert project.query("select retrain, status, n_drifted from risk_retraining") == [
        (False, "not_needed", 0)
    ]
    yield project


def test_rows_of_the_training_days_are_no_performance(project: DbtProject) -> None:
    sql = "select month(window_start), metric, status, n_training, n_current, value is null from {} "
    metrics = "where metric in ('accuracy', 'labels_arrived') order by all"
    assert project.query(sql.format("risk_performance") + metrics) == [
        (1, "accuracy", "not_judged", 837, 0, True),
        (1, "labels_arrived", "not_judged", 837, 0, True),
        (2, "accuracy", "ok", 0, 756, False),
        (2, "labels_arrived", "info", 0, 756, False),
        (3, "accuracy", "ok", 0, 807, False),
        (3, "labels_arrived", "info", 0, 807, False),
    ]
    january = project.query(sql.format("risk_performance_of_all") + metrics)[0]
    assert january == (1, "accuracy", "ok", None, 837, False)


def test_nothing_is_calibrated_with_rows_of_the_training_days(project: DbtProject) -> None:
    assert project.query("select distinct n_labelled from risk_set_calibration") == [(756 + 807,)]
    assert project.query("select sum(n_labelled) from risk_calibration_table") == [(756 + 807,)]


def test_segments_are_compared_without_rows_of_the_training_days(project: DbtProject) -> None:
    assert project.query("select distinct n_current + n_reference from risk_segments") == [(756 + 807,)]


def promoted(project: DbtProject) -> Result:
    X, y = training(2, rows=1500)
    project.register(LogisticRegression(C=0.5).fit(X, y), "risk", X, y, alias=None, task="classification")
    return command(project, "promote", "risk", 2)


def test_a_promotion_loads_what_monitors_read_or_stops(project: DbtProject) -> None:
    said = promoted(project)
    assert f"next: {LOAD}\n" in said.output

    built = project.build("--select", "ml_risk+")
    assert built.statuses["risk_predictions"] == built.statuses["risk_scores"] == "error"
    for name in ("risk_predictions", "risk_scores"):
        assert "ml_risk__reference as in version control" in built.messages[name], built.messages
        assert f"run `{LOAD}`" in built.messages[name]
    assert built.statuses["risk_drift"] == "skipped"

    project.build("--select", "tag:ml_risk+").check()
    drift = project.query(
        "select distinct version, status from risk_drift where version = 2 and status = 'ok'"
    )
    assert drift == [(2, "ok")]
    rows = project.query("select version, retrain, status, not_judged from risk_retraining")
    assert rows == [(2, False, "not_needed", None)]
    project.build("--select", "risk_predictions+").check()  # what is loaded need not be selected


def test_a_profile_of_another_reference_is_made_again(project: DbtProject) -> None:
    newest = (
        "from risk_profiles where run_id in (select cast(scoring_run_id as varchar) from risk_predictions)"
    )
    before = project.query(f"select run_id, feature, kind, bin, segment {newest} order by all")
    X, _ = training(3, rows=1700)
    learn_reference("risk", X, version=2, project_dir=project.folder)
    project.build("--select", "ml_risk__reference", "risk_drift").check()
    rows = project.query("select distinct status, reason from risk_drift where version = 2 and feature = 'a'")
    assert {status for status, _ in rows} <= {"no_reference", "info"} and (
        "no_reference",
        NO_REFERENCE,
    ) in rows
    found = project.build("--select", "risk_retraining", "scorehouse_no_drift_risk_drift_")
    assert found.statuses["scorehouse_no_drift_risk_drift_"] == "warn"
    (verdict,) = project.query("select retrain, status, n_drifted, not_judged from risk_retraining")
    assert verdict == (None, "not_judged", None, "drift: no window judges this version")
    said = command(project, "export", "alerts", "--target", "dev", "--profiles-dir", project.folder)
    assert "Version 2 is not monitored" in said.output and LOAD in said.output
    retrained = command(project, "retrain", "risk", "--target", "dev", "--profiles-dir", project.folder)
    assert retrained.exit_code == 11, retrained.output
    assert "cannot judge risk version 2" in retrained.output and LOAD in retrained.output

    project.build("--select", "risk_profiles+").check()  # the predictions are still those of the run above
    assert project.query(f"select run_id, feature, kind, bin, segment {newest} order by all") == before
    sizes = project.query(f"select distinct reference_size {newest}")
    assert sizes == project.query("select sum(row_count) from ml_risk__reference where version = 2")
    assert project.query("select retrain, status from risk_retraining") == [(False, "not_needed")]


def test_a_monitor_without_its_seed_says_so_and_is_built_later(project: DbtProject) -> None:
    project.query("drop table risk_profiles; drop table ml_risk__reference")
    built = project.dbt("run", "--select", "risk_profiles", "risk_joint_drift", "risk_drift")
    assert set(built.statuses.values()) <= {"error", "skipped", "success"} and not built.success
    for name in ("risk_profiles", "risk_joint_drift"):
        assert "ml_risk__reference does not" in built.messages[name].replace('"', ""), built.messages
        assert f"run `{LOAD}`" in built.messages[name]
    project.build("--select", "tag:ml_risk+").check()
    assert project.query("select retrain, status from risk_retraining") == [(False, "not_needed")]
