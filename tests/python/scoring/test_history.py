"""Prediction histories: appended once a key and as-of date, backfilled in slices, joined with late labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sklearn.linear_model import LogisticRegression

from project import DbtProject
from rescoring import execute, found, last_run, make_history, register_version, training


@pytest.mark.slow
@pytest.mark.parametrize("door", ["python_model", "sql_model"])
def test_an_as_of_date_is_scored_once(door: str, tmp_path: Path) -> None:
    project = make_history(tmp_path / "p", door=door)
    project.build().check()
    assert found(project) == (80, 0, 0, 0, 0)
    before = project.content("scores")
    register_version(project, 1)  # what was live then stays
    execute(project, "update raw_rows set a = a + 1")
    project.build("--full-refresh").check()
    assert last_run(project)["rows_in"] == 0
    assert project.content("scores") == before
    execute(
        project,
        "delete from raw_rows",
        "insert into raw_rows select i, 1, 1, date '2024-01-05' from range(20) t(i)",
    )
    project.build().check()
    assert found(project)[:2] == (20, 0)
    assert project.query("select count(*), count(distinct (id, day)) from scores") == [(100, 100)]
    assert project.query("select model_version, count(*) from scores group by all order by 1") == [
        (1, 80),
        (2, 20),
    ]


@pytest.mark.slow
def test_a_history_ranks_within_a_date_and_only_once(tmp_path: Path) -> None:
    project = make_history(tmp_path / "p", days=2)
    frame, labels = training(0)
    project.register(LogisticRegression().fit(frame, labels), "rank", frame, labels, task="ranking")
    project.python_model("scores", "rank", key="id", as_of="day", group="b", passthrough=["b"])
    execute(project, "update raw_rows set b = id % 2")
    project.build().check()
    ranks = "select count(*), max(rank) from scores group by day, b order by all"
    assert project.query(ranks) == [(10, 10)] * 4
    before = project.content("scores")
    execute(
        project, "insert into raw_rows select id, a, b, '2024-01-03' from raw_rows where day = '2024-01-01'"
    )
    project.build().check()
    assert found(project)[:2] == (20, 0)
    assert set(before) < set(project.content("scores"))


@pytest.mark.slow
def test_an_as_of_date_may_be_given_as_a_value(tmp_path: Path) -> None:
    project = make_history(tmp_path / "p", days=1)
    project.sql_model("scores", "toy", key="id", as_of="2024-03-01")
    (tmp_path / "p" / "python_models" / "scores.py").unlink()
    execute(project, "alter table raw_rows drop day")
    project.build().check()
    project.sql_model("scores", "toy", key="id", as_of="2024-03-02")
    for _ in range(2):
        project.build().check()
    assert project.columns("scores")["as_of"] == "DATE"
    assert project.query("select as_of::varchar, count(*) from scores group by all order by 1") == [
        ("2024-03-01", 20),
        ("2024-03-02", 20),
    ]


@pytest.mark.slow
def test_the_as_of_date_may_be_part_of_the_key(tmp_path: Path) -> None:
    project = make_history(tmp_path / "p", days=2, key=["day", "id"], decision={"top_n": 3})
    project.build().check()
    decided = "select day::varchar, count(*) from scores where decision = 'yes' group by all order by 1"
    assert project.query(decided) == [("2024-01-01", 3), ("2024-01-02", 3)]


def backfill(project: DbtProject, text: str) -> Any:
    return project.build("--select", "scores", "--vars", f"{{scorehouse_backfill: {text}}}")


@pytest.mark.slow
def test_a_backfill_goes_in_slices_that_can_be_stopped(tmp_path: Path) -> None:
    project = make_history(tmp_path / "p", days=10, max_rejected_share=0.0)
    execute(project, "update raw_rows set a = null where day = '2024-01-06'")  # stops the third slice
    project.build("--exclude", "scores").check()
    window = "{from: 2024-01-01, to: 2024-01-09, slice_days: 2}"
    assert not backfill(project, window).success
    runs = project.runs("scores")
    assert [(r["slice_from"], r["slice_to"], r["status"], r["rows_in"]) for r in runs] == [
        ("2024-01-01", "2024-01-03", "success", 40),
        ("2024-01-03", "2024-01-05", "success", 40),
        ("2024-01-05", "2024-01-07", "failed", 40),
    ]
    done = project.content("scores")
    assert len(done) == 80
    execute(project, "update raw_rows set a = 1 where a is null", "update features set a = 1 where a is null")
    backfill(project, window).check()
    runs = project.runs("scores")[3:]
    assert [run["rows_in"] for run in runs] == [0, 0, 40, 40, 20]
    assert runs[-1]["slice_to"] == "2024-01-10"
    assert set(done) < set(project.content("scores"))
    assert project.query("select count(*), max(day)::varchar from scores") == [(180, "2024-01-09")]


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    [
        "7",
        "{from: 2024-01-01}",
        "{from: 2024-02-01, to: 2024-01-01}",
        "{from: 2024-1-1, to: 2024-01-02}",
        "{from: 2024-01-01, to: 2024-01-02, slice_days: 0}",
        "{from: 2024-01-01, to: 2024-01-02, slices: 2}",
    ],
)
def test_a_window_that_cannot_be_used(text: str, shared: DbtProject) -> None:
    build = backfill(shared, text)
    assert "variable scorehouse_backfill" in build.messages.get("scores", build.problem)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> DbtProject:
    project = make_history(tmp_path_factory.mktemp("shared") / "p", days=1)
    project.build().check()
    return project


@pytest.mark.slow
def test_a_backfill_is_for_histories(tmp_path: Path) -> None:
    project = make_history(tmp_path / "p", days=1, as_of=None)
    project.build("--exclude", "scores").check()
    message = backfill(project, "{from: 2024-01-01, to: 2024-01-02}").messages["scores"]
    assert "as_of does not name a column" in message


@pytest.mark.slow
def test_a_history_is_not_rescored(shared: DbtProject) -> None:
    shared.python_model("scores", "toy", key="id", as_of="day", rescore="changed")
    assert "appended to and never rescored" in shared.build("--select", "scores").messages["scores"]


@pytest.mark.slow
def test_late_labels_meet_the_score_that_was_live(tmp_path: Path) -> None:
    project = make_history(tmp_path / "p", days=3)
    project.build().check()
    execute(
        project,
        "create table raw_labels as select * from (values (0, timestamp '2024-01-02 12:00', 1), "
        "(1, timestamp '2024-01-01', 0), (2, timestamp '2023-12-31', 1), (99, timestamp '2024-01-03', 1)) "
        "as t(id, happened_at, churned)",
    )
    project.write("models/labels.sql", "select * from raw_labels")
    call = "scorehouse.live_predictions(ref('scores'), ref('labels'), key='id', as_of='day', "
    project.write("models/joined.sql", f"{{{{ {call} label_time='happened_at') }}}}")
    project.write("models/near.sql", f"{{{{ {call} label_time='happened_at', max_age_days=0.25) }}}}")
    project.build().check()
    rows = "select id, churned, day::varchar, score is not null from {} order by id"
    assert project.query(rows.format("joined")) == [
        (0, 1, "2024-01-02", True),
        (1, 0, "2024-01-01", True),
        (2, 1, None, False),
        (99, 1, None, False),
    ]
    assert project.query(rows.format("near"))[0] == (0, 1, None, False)
