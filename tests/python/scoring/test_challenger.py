"""Champion and challengers in one scan, their comparison, and promotion as a dbt test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

from challengers import BOTH, labelled, make_project
from project import DbtProject
from rescoring import execute, last_run, register_version, training
from scorehouse import promote
from scorehouse.registry.program_facts import UNDATED

pytestmark = pytest.mark.slow


def test_versions_that_spell_a_feature_differently_are_refused(tmp_path: Path) -> None:
    project = make_project(tmp_path / "p")
    before = project.query("select * from scores order by all")
    frame, labels = training(1)
    frame = frame.rename(columns={"a": "A"})
    model = LogisticRegression().fit(frame, labels)
    project.register(model, "toy", frame, labels, task="classification", alias="challenger")
    project.build("--select", "ml_toy").check()
    told = project.build("--select", "scores").messages["scores"]
    assert "the feature 'a' of one version is spelled 'A' in another" in told
    assert project.query("select * from scores order by all") == before


@pytest.mark.parametrize("door", ["python_model", "sql_model"])
def test_each_version_scores_each_row(door: str, tmp_path: Path) -> None:
    project = make_project(tmp_path / "p", door=door)
    for number, version in enumerate([1, 2]):
        project.python_model(f"alone_{version}", "toy", key="id", version=version, passthrough=["part"])
        project.build("--select", f"alone_{version}").check()
        columns = "id, part, prediction, score, row_status, reject_reason, model_version, model_digest"
        where = f"where model_alias = '{BOTH[number]}'"
        assert project.query(f"select {columns} from scores {where} order by id") == project.query(
            f"select {columns} from alone_{version} order by id"
        )
    assert project.query("select model_alias, is_live, count(*) from scores group by all order by 1") == [
        ("challenger", False, 400),
        ("champion", True, 400),
    ]
    runs = project.runs("scores")
    assert {(run["alias_asked"], run["is_live"], run["rows_in"], run["rows_rejected"]) for run in runs} == {
        ("champion", True, 400, 1),
        ("challenger", False, 400, 1),
    }
    assert len({run["parent_run_id"] for run in runs}) == 1
    runs_of_rows = "scores join scorehouse_run_log using (model_digest)"
    used = f"select count(*) from {runs_of_rows} where run_id = scoring_run_id"
    assert project.query(used) == [(800,)]


def test_a_new_challenger_leaves_the_champions_rows(tmp_path: Path) -> None:
    project = make_project(tmp_path / "p", rescore={"rule": "changed", "vanished": "delete"})
    before = project.query("select * from scores where is_live order by all")
    register_version(project, 4, alias="challenger")
    project.build().check()
    counts = {run["alias_asked"]: (run["rows_in"], run["rows_stale"]) for run in project.runs("scores")[2:]}
    assert counts == {"champion": (0, 0), "challenger": (400, 400)}
    assert project.query("select * from scores where is_live order by all") == before
    project.python_model(
        "scores", "toy", key="id", alias=["champion", "second"], passthrough=["part"],
        rescore={"rule": "changed", "vanished": "delete"},
    )  # fmt: skip
    register_version(project, 5, alias="second")
    project.build().check()
    assert project.query("select distinct model_alias from scores order by 1") == [("champion",), ("second",)]
    execute(project, "update raw_rows set b = 1 where id < 7")
    project.build().check()
    assert [run["rows_in"] for run in project.runs("scores")[-2:]] == [7, 7]


def test_each_version_ranks_the_groups_that_it_touched(tmp_path: Path) -> None:
    """Where a new challenger scores every row, a changed row still has the champion rank its whole group."""
    project = DbtProject(tmp_path / "p")
    arguments = {"key": "id", "alias": BOTH, "group": "part", "passthrough": ["part"]}
    for seed, alias in ((0, "champion"), (3, "challenger"), (1, "challenger")):
        frame, labels = training(seed)
        model = LogisticRegression().fit(frame, labels)
        project.register(model, "rank", frame, labels, task="ranking", alias=alias)
        if seed == 3:
            project.features("select * from raw_rows")
            project.python_model("scores", "rank", rescore="changed", **arguments)
            project.python_model("fresh", "rank", **arguments)
            execute(
                project,
                "create table raw_rows as select i as id, i % 10 / 1.0e0 as a, i % 7 / 1.0e0 as b, "
                "i % 4 as part from range(40) as t(i)",
            )
            project.build().check()
            execute(project, "update raw_rows set a = 9.7 where id = 0")
    project.build().check()
    assert [run["rows_in"] for run in project.runs("scores")[2:]] == [10, 40]
    ranks = "select id, model_alias, rank from {} order by all"
    assert project.query(ranks.format("scores")) == project.query(ranks.format("fresh"))


def test_a_version_that_holds_both_aliases_scores_once(tmp_path: Path) -> None:
    project = make_project(tmp_path / "p")
    promote("toy", 1, alias="both", project_dir=project.folder)
    project.python_model("scores", "toy", key="id", alias=["champion", "both"], passthrough=["part"])
    project.build().check()
    assert project.query("select distinct model_alias, model_version from scores") == [("champion", 1)]


def test_versions_with_other_outputs_are_refused(tmp_path: Path) -> None:
    project = make_project(tmp_path / "p")
    frame, labels = training(0)
    model = RandomForestClassifier(5).fit(frame, labels + (frame["b"] > 9).astype(int))
    project.register(model, "toy", frame, labels, task="classification", alias="challenger")
    message = project.build().messages["scores"]
    assert "versions with the same task and outputs in one scan" in message


def comparison(project: DbtProject, **arguments: Any) -> None:
    text = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
    project.write(
        "models/compared.sql", f"{{{{ scorehouse.compare_versions(ref('scores'), key='id', {text}) }}}}"
    )


def test_comparison_equals_pandas(tmp_path: Path) -> None:
    project = make_project(tmp_path / "p")
    comparison(project, segments=["part"], threshold=0.6)
    project.build().check()
    frame = pd.DataFrame(
        project.query("select id, part, model_alias, prediction, score from scores"),
        columns=["id", "part", "alias", "prediction", "score"],
    )
    wide = frame.pivot(index="id", columns="alias", values=["prediction", "score"])
    parts = frame.drop_duplicates("id").set_index("id")["part"]
    got = project.query(
        "select * exclude (ml_model, model_alias, live_version, challenger_version) from compared"
    )
    assert {row[:2] for row in got} == {("all", "all"), ("part", "0"), ("part", "1")}
    for segment, value, rows, both, *numbers in got:
        part = wide if segment == "all" else wide[parts == int(value)]
        live, other = part["score"]["champion"].astype(float), part["score"]["challenger"].astype(float)
        assert (rows, both) == (len(part), live.notna().sum())
        agreement = (part["prediction"]["champion"] == part["prediction"]["challenger"])[live.notna()].mean()
        shift = other - live
        expected = [
            agreement, live.corr(other, method="spearman"),
            shift.mean(), shift.abs().mean(), shift.abs().max(),
            ((live < 0.6) & (other >= 0.6)).sum(), ((live >= 0.6) & (other < 0.6)).sum(),
        ]  # fmt: skip
        np.testing.assert_allclose(np.array(numbers, dtype=float), np.array(expected, dtype=float), rtol=1e-9)


@pytest.mark.parametrize("metric", ["roc_auc", "brier", "log_loss", "rmse", "mae"])
def test_the_difference_equals_scikit_learn(metric: str, with_labels: DbtProject) -> None:
    project = with_labels
    settings = "settings={'score': 'score'}"
    project.write(
        "models/compared.sql",
        "{{ scorehouse.compare_metric(ref('scores'), ref('labels'), key='id', label='happened', "
        f"metric='{metric}', {settings}) }}}}",
    )
    project.build("--select", "labels", "compared").check()
    (row,) = project.query(
        "select n_rows, live_value, challenger_value, difference, "
        "difference_low, difference_high, n_replicates, guess_value "
        "from compared"
    )
    pairs = project.query(
        "select happened, max(score) filter (is_live), max(score) filter (not is_live) from scores "
        "join labels using (id) where happened is not null and score is not null group by id, happened"
    )
    truth, live, other = (np.array(column) for column in zip(*pairs, strict=True))
    of = {
        "roc_auc": roc_auc_score,
        "brier": brier_score_loss,
        "log_loss": log_loss,
        "rmse": lambda y, s: float(np.sqrt(np.mean((y - s) ** 2))),
        "mae": lambda y, s: float(np.mean(np.abs(y - s))),
    }[metric]
    sign = 1 if metric == "roc_auc" else -1
    expected = [of(truth, live), of(truth, other), sign * (of(truth, other) - of(truth, live))]
    np.testing.assert_allclose(row[1:4], expected, rtol=1e-9, atol=1e-12)
    assert row[0] == len(truth) and row[6] == 200
    guess = 0.5 if metric == "roc_auc" else of(truth, np.full(len(truth), truth.mean()))
    assert row[7] == pytest.approx(guess, rel=1e-9)
    # the interval is that of a bootstrap with multinomial weights, but for chance
    generator = np.random.default_rng(1)
    drawn = []
    for _ in range(1000):
        rows = generator.integers(0, len(truth), len(truth))
        drawn.append(sign * (of(truth[rows], other[rows]) - of(truth[rows], live[rows])))
    low, high = np.quantile(drawn, [0.025, 0.975])
    assert abs(row[4] - low) < 0.3 * (high - low) and abs(row[5] - high) < 0.3 * (high - low)


@pytest.fixture(scope="module")
def with_labels(tmp_path_factory: pytest.TempPathFactory) -> DbtProject:
    project = make_project(tmp_path_factory.mktemp("shared") / "p", rows=1500)
    labelled(project)
    return project


def declare(project: DbtProject, **arguments: Any) -> None:
    values = {"labels": "ref('labels')", "key": "id", "label": "happened", **arguments}
    gate = {"name": "gate", "arguments": values, "config": {"store_failures": True}}
    test = {"scorehouse.challenger_not_worse": gate}
    models = [{"name": "scores", "data_tests": [test]}]
    project.write("models/_models.yml", yaml.safe_dump({"version": 2, "models": models}))


def test_promotion_is_a_dbt_test(with_labels: DbtProject) -> None:
    project = with_labels
    project.dbt("run", "--select", "labels").check()
    declare(project, margin=0.5)
    project.writes_files = True
    assert project.dbt("test", "--select", "scores").statuses["gate"] == "pass"
    project.writes_files = False
    logged = (project.folder / "logs/dbt.log").read_text()
    for version in (1, 2):
        assert "note: " + "; ".join(UNDATED).format(f"toy version {version}") in logged
    for arguments, problem in [
        ({"margin": 0, "metric": "brier"}, "worse"),
        ({"min_rows": 5000, "margin": 1}, "too_few_rows"),
        ({"margin": 1, "floor": 0.99}, "below_floor"),
        ({"margin": 9, "metric": "log_loss", "floor": 0.01}, "below_floor"),
    ]:
        declare(project, **arguments)
        assert project.dbt("test", "--select", "scores").statuses["gate"] == "fail"
        rows = project.query("select problem, n_rows, difference, margin from main_dbt_test__audit.gate")
        assert [row[0] for row in rows] == [problem]
        assert rows[0][2] is not None
    declare(project, challenger="nobody", margin=1)
    assert project.dbt("test", "--select", "scores").statuses["gate"] == "warn"
    assert not_judged(project) == "no version of toy has the alias nobody yet"
    declare(project, metric="gini")
    assert "one of roc_auc, log_loss" in str(project.dbt("test", "--select", "scores"))
    declare(project, settings={"replicate": 5})
    assert "only the keys score, positive" in str(project.dbt("test", "--select", "scores"))


def not_judged(project: DbtProject) -> str:
    """What the gate says that it lacks."""
    ((problem, said),) = project.query("select problem, not_judged from main_dbt_test__audit.gate")
    assert problem == "not_judged"
    return str(said)


@pytest.mark.parametrize("layout", ["long", "wide"])
def test_a_build_before_the_first_challenger(layout: str, tmp_path: Path) -> None:
    """The champion scores alone and nothing is judged; then the challenger comes, and no table is rebuilt."""
    project = DbtProject(tmp_path / "p")
    frame, numbers = training(0)
    labels = pd.Series(np.where(numbers > 0, " >50K", " <=50K"))
    model = LogisticRegression().fit(frame, labels)
    project.register(model, "toy", frame, labels, task="classification", alias="champion")
    project.features("select * from raw_rows")
    asked = {"key": "id", "alias": BOTH, "layout": layout, "rescore": "changed"}
    project.sql_model("scores", "toy", **asked)
    execute(
        project,
        "create table raw_rows as select i as id, random() * 10 as a, random() * 10 as b "
        "from range(400) as t(i)",
        "create table raw_labels as select id, if(a + sin(id * 7) * 2 > 5, '>50K', '<=50K') as happened "
        "from raw_rows",
    )
    project.write("models/labels.sql", "select * from raw_labels")
    relations = "ref('scores'), ref('labels'), key='id', label='happened'"
    project.write("models/contest.sql", f"{{{{ scorehouse.compare_metric({relations}) }}}}")
    project.write("models/shifts.sql", "{{ scorehouse.compare_versions(ref('scores'), key='id') }}")
    declare(project, margin=0.5, registry="ref('ml_toy')")
    assert project.build().statuses["gate"] == "warn"
    assert not_judged(project) == "no version of toy has the alias challenger yet"
    assert project.query("select count(*), count(score) from scores") == [(400, 400)]
    assert project.query("select count(*) from contest union all select count(*) from shifts") == [(0,), (0,)]
    columns = project.columns("scores")

    other = LogisticRegression(C=1e-3).fit(frame, labels)
    project.register(other, "toy", frame, labels, task="classification", alias="challenger")
    assert project.build().check().statuses["gate"] == "pass"
    assert project.columns("scores") == columns
    (row,) = project.query("select n_rows, live_value, challenger_value from contest")
    rows = project.query("select a, b, happened from raw_rows join raw_labels using (id) order by id")
    X = pd.DataFrame(rows, columns=["a", "b", "happened"])
    truth = X.pop("happened") == ">50K"
    expected = [roc_auc_score(truth, each.predict_proba(X)[:, 1]) for each in (model, other)]
    assert row == (400, *map(pytest.approx, expected))

    promote("toy", 2, project_dir=project.folder)
    assert project.build().check().statuses["gate"] == "warn"
    assert not_judged(project) == "version 2 of toy has the alias challenger, and is the live version itself"
    assert project.query("select count(*) from contest union all select count(*) from shifts") == [(0,), (0,)]


def test_the_gate_rests_while_the_challenger_is_the_live_version(tmp_path: Path) -> None:
    project = make_project(tmp_path / "p")
    labelled(project)
    project.dbt("run", "--select", "labels").check()
    promote("toy", 2, project_dir=project.folder)
    project.build("--exclude", "resource_type:test").check()
    assert project.query("select distinct model_version, model_alias from scores") == [(2, "champion")]
    for arguments, said in [
        ({}, "version 2 of toy has the alias challenger, and is the live version itself"),
        ({"registry": "ref('ml_toy')", "challenger": "nobody"}, "no version of toy has the alias nobody yet"),
    ]:
        declare(project, **arguments)
        assert project.dbt("test", "--select", "gate").statuses["gate"] == "warn", arguments
        assert not_judged(project) == said
    # the next challenger is judged again
    register_version(project, 1, alias="challenger")
    project.build("--exclude", "resource_type:test").check()
    declare(project, registry="ref('ml_toy')", min_rows=5000)
    assert project.dbt("test", "--select", "gate").statuses["gate"] == "fail"
    assert project.query("select problem from main_dbt_test__audit.gate") == [("too_few_rows",)]


def test_a_run_under_a_budget_of_two_versions(tmp_path: Path) -> None:
    project = make_project(tmp_path / "p", rescore={"rule": "changed", "max_rows": 300})
    assert last_run(project)["rows_left"] == 100
    project.build().check()
    assert last_run(project)["rows_left"] == 0
    assert project.query("select count(*), count(distinct (id, model_alias)) from scores") == [(800, 800)]
