"""What the scaffolds write for one ML model builds in dbt: predictions, mart, monitors and an exposure."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest
import yaml
from click.testing import CliRunner
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import roc_auc_score

from project import DbtProject
from retrained import retrain, scorehouse
from scorehouse.cli.main import main
from scorehouse.cli.project_files import with_settings
from scorehouse.errors import ConfigurationError

pytestmark = pytest.mark.slow

ROWS = 4000
FEATURES = (
    "select i as customer_id, ((i * 7919) % 1000 * {scale} + {shift}) / 100.0e0 as spend, "
    "(i * 31) % 40 as visits, "
    f"case when i % 2 = 0 then 'north' else 'south' end as region, "
    f"date '2025-{{month:02d}}-01' + (i % 28)::integer as seen_on from range({ROWS}) as t (i)"
)
LABELS = (
    "select customer_id, (hash(customer_id) % 1000 / 100.0e0 + spend > 10)::integer as churned, "
    "3 * spend + 0.5e0 * visits + hash(customer_id) % 100 / 10.0e0 as amount, seen_on + 1 as known_on "
    "from {{ ref('customers') }}"
)
OF_CUSTOMERS = ("--features", "customers", "--key", "customer_id")
COMMANDS = (
    (
        *("predictions", "churn", "--features", "customers", "--key", "customer_id"),
        *("--keep", "seen_on", "--keep", "region"),
    ),
    ("mart", "churn", "--key", "customer_id", "--keep", "region", "--bands", "0.3", "0.6"),
    (
        *("monitors", "churn", "--features", "customers", "--key", "customer_id"),
        *("--labels", "labels", "--label", "churned", "--label-days", "7"),
        *("--day", "seen_on", "--segment", "region"),
    ),
    (
        *("exposure", "retention_calls", "--table", "churn_mart", "--type", "application"),
        *("--owner", "CRM team", "--email", "crm@example.com"),
    ),
    ("predictions", "sales", *OF_CUSTOMERS, "--keep", "seen_on", "--keep", "region"),
    (
        *("monitors", "sales", *OF_CUSTOMERS, "--labels", "labels", "--label", "amount"),
        *("--day", "seen_on", "--segment", "region", "--training", "sales_predictions"),
        *("--calibrate-to", "2025-01-15"),
    ),
    (
        *("retraining", "churn", *OF_CUSTOMERS, "--labels", "labels", "--label", "churned"),
        *("--time", "seen_on"),
    ),
    (
        *("retraining", "sales", *OF_CUSTOMERS, "--labels", "labels", "--label", "amount"),
        *("--time", "known_on", "--event-time", "seen_on"),
    ),
)


def run(*arguments: str, code: int = 0) -> str:
    ended = CliRunner().invoke(main, arguments)
    assert ended.exit_code == code, (ended.output, ended.exception)
    return ended.output


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> DbtProject:
    """Trained on the rows that are scored, scaffolded, and built."""
    project = DbtProject(tmp_path_factory.mktemp("scaffolded") / "house")
    project.writes_files = True
    project.features(FEATURES.format(scale=1, shift=0, month=1), "customers")
    project.features(LABELS, "labels")
    project.build().check()
    names = ["customer_id", "spend", "visits", "churned", "amount", "seen_on"]
    rows = project.query(
        f"select {', '.join(names)} from customers join labels using (customer_id) order by 1"
    )
    frame = pd.DataFrame(rows, columns=names)
    X, y = frame[["spend", "visits"]], frame["churned"]
    estimator = LogisticRegression().fit(X, y)
    auc = float(roc_auc_score(y, estimator.predict_proba(X)[:, 1]))
    project.register(estimator, "churn", X, y, task="classification", metrics={"roc_auc": auc})
    line = LinearRegression().fit(X, frame["amount"])
    project.register(line, "sales", X, frame["amount"], task="regression", time=frame["seen_on"])
    for command in COMMANDS:
        run("scaffold", *command, "--yes", "--project-dir", str(project.folder))
    build = project.build().check()
    gates = {name: status for name, status in build.statuses.items() if name.endswith("_not_worse")}
    assert gates == {"churn_challenger_not_worse": "warn", "sales_challenger_not_worse": "warn"}
    return project


def properties(project: DbtProject) -> dict[str, dict[str, Any]]:
    documents = [yaml.safe_load(file.read_text()) for file in (project.folder / "models").rglob("*.yml")]
    return {entry["name"]: entry for document in documents for entry in document.get("models", [])}


@pytest.mark.slow
def test_every_column_is_described_and_every_description_has_its_column(built: DbtProject) -> None:
    found = properties(built)
    assert set(found) == {
        *("churn_predictions", "churn_mart", "churn_profiles", "churn_drift", "churn_performance"),
        *("churn_calibration", "churn_estimates", "churn_retraining", "churn_daily_drift"),
        *("sales_predictions", "sales_profiles", "sales_training_profiles", "sales_drift"),
        *(
            "sales_performance",
            "sales_calibration",
            "sales_estimates",
            "sales_interval_calibration",
            "sales_intervals",
        ),
        *(
            "sales_coverage",
            "sales_retraining",
            "sales_joint_drift",
            "sales_worst_segments",
            "sales_rejections",
        ),
        *("sales_watch", "churn_worst_segments", "churn_rejections", "sales_daily_drift"),
        *(f"{name}_{end}" for name in ("churn", "sales") for end in ("training_set", "shadow", "contest")),
    }
    for name in ("sales_intervals", "sales_training_set"):  # besides those of the predictions, and the labels
        assert {column["name"] for column in found[name]["columns"]} < set(built.columns(name))
        del found[name]
    for name, entry in found.items():
        described = [column["name"] for column in entry["columns"]]
        assert set(described) == set(built.columns(name)), name
        assert all(column["description"] for column in entry["columns"])


@pytest.mark.slow
def test_the_mart_bands_the_scores(built: DbtProject) -> None:
    bands = dict(built.query("select score_band, count(*) from churn_mart group by 1"))
    expected = dict(
        built.query(
            "select case when score >= 0.6 then 'high' when score >= 0.3 then 'medium' else 'low' end, "
            "count(*) from churn_predictions group by 1"
        )
    )
    assert bands == expected and sum(bands.values()) == ROWS and len(bands) == 3


@pytest.mark.slow
def test_the_exposure_ends_the_lineage(built: DbtProject) -> None:
    manifest = json.loads((built.folder / "target/manifest.json").read_text())
    (exposure,) = manifest["exposures"].values()
    assert exposure["depends_on"]["nodes"] == ["model.house.churn_mart"]
    assert exposure["owner"]["email"] == "crm@example.com"
    parents = manifest["parent_map"]
    assert "seed.house.ml_churn" in parents["model.house.churn_predictions"]
    assert "model.house.churn_predictions" in parents["model.house.churn_mart"]


@pytest.mark.slow
def test_what_registration_learned_is_in_the_monitors(built: DbtProject) -> None:
    """With `time`, windows are judged by days of training; without, rows as independent."""
    folder = built.folder / "models/ml/monitoring"
    said = {name: (folder / f"{name}_drift.sql").read_text() for name in ("churn", "sales")}
    assert "independent. If those of a day or a week are alike, register again" in said["churn"]
    assert "how much its days differ was learned" in said["sales"]
    assert "segment_reference=ref('sales_training_profiles')" in said["sales"]
    assert all("min_effect={'psi': 0.02" in text for text in said.values())
    reasons = dict(
        built.query("select segment, any_value(reason) from sales_drift where metric = 'psi' group by 1")
    )
    assert reasons["all"] == "compared with how much days of training differ, scaled to a month"
    assert reasons["region=north"].startswith("compared with")
    (estimated,) = built.query(
        "select value_low, value, value_high from sales_estimates "
        "where metric = 'estimated_mae' and segment = 'all' order by window_start"
    )[:1]
    assert estimated[0] < estimated[1] < estimated[2]
    covered = "select min(value), max(value) from sales_coverage where metric = 'coverage'"
    ((low, high),) = built.query(covered)
    assert 0.85 < low <= high <= 1


def test_monitors_leave_the_strategy_to_the_database(built: DbtProject) -> None:
    """delete+insert, which DuckDB has, is unknown to Spark and BigQuery."""
    texts = [file.read_text() for file in (built.folder / "models").rglob("*.sql")]
    incremental = [text for text in texts if "materialized='incremental'" in text]
    assert incremental and all("scorehouse.replace_windows()" in text for text in incremental)
    assert not any("incremental_strategy" in text for text in texts)


@pytest.mark.parametrize("period", ["day", "week"])
def test_windows_are_as_long_as_asked(built: DbtProject, tmp_path: Path, period: str) -> None:
    """Of everything that is judged by date: months alone keep what goes wrong grey until they have ended."""
    project = DbtProject.made(shutil.copytree(built.folder, tmp_path / "house"))
    shutil.rmtree(project.folder / "models/ml/monitoring")
    run("scaffold", *COMMANDS[2], "--period", period, "--yes", "--project-dir", str(project.folder))
    project.dbt("build", "--select", "models/ml/monitoring/*").check()
    days = {"day": 1, "week": 7}[period]
    for table in ("churn_drift", "churn_performance", "churn_estimates"):
        lengths = project.query(f"select distinct datediff('day', window_start, window_end) from {table}")
        assert lengths == [(days,)], table
    is_daily = (project.folder / "models/ml/monitoring/churn_daily_drift.sql").exists()
    assert is_daily == (period != "day")
    (newest,) = project.query("select max(window_start) from churn_performance where status <> 'immature'")
    assert newest[0] is not None


def test_the_report_judges_what_was_scaffolded(built: DbtProject, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    told = ("--database", str(built.database), "--project-dir", str(built.folder), "--output", str(page))
    run("report", "sales", *told)
    said = page.read_text().replace("<wbr>", "")
    assert "<b>Sequential alert</b>1 limit held" in said and "<b>Segments</b>none much worse" in said
    assert "spend and visits" in said and "certainly worse than all others" in said
    assert re.search(r"<b>dbt tests</b>[^<]* 1 not judged", said)
    assert "not_worse not judged: no version of sales has the alias challenger yet." in said
    assert "The dbt test sales_challenger_not_worse" not in said  # which would be an alert


@pytest.mark.slow
def test_the_monitors_are_quiet_until_the_features_move(built: DbtProject) -> None:
    assert built.query("select retrain, reasons from churn_retraining") == [(False, None)]
    (auc,) = built.query("select value from churn_performance where metric = 'roc_auc' and segment = 'all'")
    assert 0.8 < auc[0] < 1
    # within the range of training, beyond which another unit would be suspected and nobody asked to retrain
    built.features(FEATURES.format(scale=0.6, shift=380, month=2), "customers")
    ended = built.build()
    names = ("no_drift_churn_drift", "no_drift_sales_drift")
    drift = {name: status for name, status in ended.statuses.items() if any(one in name for one in names)}
    assert drift == {name: "warn" if "churn" in name else drift[name] for name in drift} and len(drift) == 2
    ((retrain, reasons),) = built.query("select retrain, reasons from churn_retraining")
    assert retrain and "drift of spend" in reasons
    months = built.query("select distinct month(window_start) from churn_profiles order by 1")
    assert months == [(1,), (2,)], "the profiles of a month that is scored no more are kept"


# the life that CI lives retrains a churn too
@pytest.mark.parametrize("name", ["sales", pytest.param("churn", marks=pytest.mark.soak)])
def test_what_was_scaffolded_retrains(name: str, built: DbtProject, tmp_path: Path) -> None:
    """The command that the scaffold prints trains a challenger, and the one that this prints promotes it."""
    project = built.copy(tmp_path / "house")
    file = project.folder / f"models/ml/retraining/_{name}_retraining.yml"
    file.write_text(re.sub(r"margin: 0\.0\d", "margin: 5", file.read_text()))
    ended = retrain(project, "--force", name=name)
    assert ended.returncode == 20, ended.stdout + ended.stderr
    assert f"gate: {name}_challenger_not_worse passed" in ended.stdout
    ((rows, newest),) = project.query(f"select n_rows, challenger_version from {name}_contest")
    assert 100 < rows < ROWS / 3 and newest == 2  # those that were held out, and none that it was trained on
    command = ended.stdout.strip().rpartition("promotes it by: scorehouse ")[2].split()
    assert scorehouse(project, *command, "--require", f"{name}_challenger_not_worse").returncode == 0
    project.dbt("seed", "--select", f"ml_{name}").check()
    project.dbt("run", "--select", f"{name}_shadow").check()
    gate = f"{name}_challenger_not_worse"
    assert project.dbt("test", "--select", gate).statuses[gate] == "warn"


def test_settings_of_a_retraining_join_those_that_are_there() -> None:
    """Lines are only added; an ML model that has settings keeps them."""
    entry = {"training": "t", "label": {"a b": "x"}}
    texts = [
        "name: shop\n",
        "name: shop\nvars: {}\n",
        "vars:\n  other: 1\n",
        "vars:\n    scorehouse_retrain: {}\n",
    ]
    texts += [
        "vars:\n  scorehouse_retrain:\n    old: {training: s}  # mine\n",
        "vars:\n  scorehouse:\n    scorehouse_retrain:\n      old: {}\n",
    ]
    for text in texts:
        changed = with_settings(text, "churn", entry, "call")
        before, after = (yaml.safe_load(each).get("vars") or {} for each in (text, changed))
        scoped = after.get("scorehouse", after)["scorehouse_retrain"]
        assert scoped.pop("churn") == entry
        assert scoped == before.get("scorehouse", before).get("scorehouse_retrain", {})
        assert all(line in changed for line in text.splitlines() if "{}" not in line)
    with pytest.raises(ConfigurationError, match="not written as a block"):
        with_settings("vars: {other: 1}\n", "churn", entry, "call")


def test_scaffolds_leave_what_is_there_and_tell_what_they_would_write(built: DbtProject) -> None:
    place = ("--project-dir", str(built.folder))
    for command in COMMANDS:
        assert "nothing to do" in run("scaffold", *command, "--yes", *place)
    folder = ("--folder", "models/other", "--json", "--dry-run")
    for command in COMMANDS:
        written = json.loads(CliRunner().invoke(main, ["scaffold", *command, *folder, *place]).stdout)
        assert written and all(change["change"] == "create" for change in written)
    assert not (built.folder / "models/other").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("mart", "churn", "--key", "id", "--bands", "0.7", "0.4"), "`high` must begin above `medium`"),
        (("mart", "churn", "--key", "id", "--bands", "0.7", "inf"), "the first of two finite numbers"),
        (("monitors", "churn", "--features", "f", "--key", "id", "--labels", "l"), "go together"),
        (
            ("monitors", "churn", "--features", "f", "--key", "id", "--training", "t"),
            "name them by --segment",
        ),
        (("monitors", "churn", "--features", "f", "--key", "id", "--period", "week"), "column by --day"),
        (("exposure", "calls", "--table", "t", "--owner", "o", "--email", "nobody"), "an address such as"),
    ],
)
def test_wrong_usage_says_what_was_expected(built: DbtProject, arguments: tuple[str, ...], said: str) -> None:
    told = run("scaffold", *arguments, "--yes", "--project-dir", str(built.folder), code=2)
    assert said in " ".join(told.split())


@pytest.mark.slow
def test_a_build_of_a_part_says_which_table_a_test_lacks(built: DbtProject, tmp_path: Path) -> None:
    part = built.copy(tmp_path / "part")
    with duckdb.connect(str(part.database)) as connection:
        (kind,) = connection.execute(
            "select table_type from information_schema.tables where table_name = 'churn_mart'"
        ).fetchall()[0]
        connection.execute(f"drop {'view' if kind == 'VIEW' else 'table'} churn_mart")
    said = part.dbt("build", "--select", "churn_predictions").messages
    told = [text for text in said.values() if "this test is about several tables" in text]
    assert told and all("churn_mart is not built yet" in text for text in told)
    assert "`dbt build --select +churn_mart`" in told[0] and "--indirect-selection buildable" in told[0]
    part.dbt("build", "--select", "churn_predictions", "--indirect-selection", "buildable").check()
    part.dbt("build", "--select", "churn_mart").check()


@pytest.mark.slow
def test_a_monitor_says_which_table_it_lacks(built: DbtProject, tmp_path: Path) -> None:
    part = built.copy(tmp_path / "part")
    with duckdb.connect(str(part.database)) as connection:
        connection.execute("drop table churn_predictions")
    said = part.dbt("run", "--select", "churn_rejections").messages["churn_rejections"]
    assert "this model reads other tables, and churn_predictions is not built yet" in said
    assert "`dbt build --select +churn_predictions`" in said and "Catalog Error" not in said


def test_what_is_scaffolded_depends_on_task_and_target(empty_project: Path) -> None:
    from scorehouse import register

    frame = pd.DataFrame({"spend": np.arange(60.0)})
    estimator = LogisticRegression().fit(frame, np.arange(60) % 3)
    register(estimator, "plan", frame, np.arange(60) % 3, task="classification", project_dir=empty_project)
    told = run("scaffold", *("monitors", "plan", "--features", "f", "--key", "id", "--labels", "l"),
               *("--label", "y", "--yes"), code=2)  # fmt: skip
    said = " ".join(told.split())
    assert "plan version 1 has 3 classes, and performance is scaffolded only for two classes" in said
    assert "leave --labels and --label out for the other monitors" in said
    hook = "set local jit = off; set local enable_nestloop = off"
    words = ("scaffold", "monitors", "plan", "--features", "f", "--key", "id", "--dry-run")
    assert hook not in run(*words)
    (empty_project / "dbt_project.yml").write_text("name: scorehouse\nprofile: shop\n")
    target = {"type": "postgres", "host": "db", "dbname": "d", "schema": "s"}
    profiles = {"shop": {"target": "pg", "outputs": {"pg": target}}}
    (empty_project / "profiles.yml").write_text(yaml.safe_dump(profiles))
    assert run(*words).count(hook) > 2, "each monitor has it"


def test_of_many_lines_the_first_are_shown_and_all_by_dry_run(empty_project: Path) -> None:
    from scorehouse import register

    frame = pd.DataFrame({"spend": np.arange(60.0)})
    register(
        LinearRegression().fit(frame, frame.spend),
        "plan",
        frame,
        task="regression",
        project_dir=empty_project,
    )
    unlabelled = run("scaffold", *("monitors", "plan", "--features", "f", "--key", "id", "--dry-run"))
    assert "limits={'drifted_outputs': 1}" in unlabelled and "name: n_drifted_outputs" in unlabelled
    words = (
        "scaffold",
        "monitors",
        "plan",
        "--features",
        "f",
        "--key",
        "id",
        "--labels",
        "l",
        "--label",
        "y",
    )
    whole = run(*words, "--dry-run").splitlines()
    shown = run(*words, "--yes").splitlines()
    files = [line for line in whole if line.startswith("+++ ")]
    assert "drifted_outputs" not in "".join(whole)
    assert len(whole) > 400 and len(shown) < 250
    assert sorted(line for line in shown if line.startswith("+++ ")) == sorted(files)
    assert "--dry-run shows everything" in shown[-3] + shown[-2]
    written = [empty_project / line.removeprefix("+++ b/") for line in files]
    added = [line for line in whole if line.startswith("+") and not line.startswith("+++ ")]
    assert sum(len(file.read_text().splitlines()) for file in written) == len(added)
