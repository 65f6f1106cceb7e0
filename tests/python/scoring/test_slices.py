"""A full build in slices: a run that is stopped anywhere is resumed exactly, or starts from the beginning."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from disturbed_runs import Server, restore
from project import DbtProject
from rescoring import execute, last_run, make_project, register_version
from scorehouse.engines.duckdb import slices
from scorehouse.engines.duckdb.counted import CountedBatches
from scorehouse.errors import ConfigurationError
from scorehouse.scoring.options import ScoreOptions

pytestmark = pytest.mark.slow

ROWS, SLICE = 1000, 150  # seven slices
SLICED = {"rescore": {"rule": "all", "slice_rows": SLICE}}
AUDIT = "scoring_run_id, scored_at"
LOGGED = ("rows_in", "rows_scored", "rows_rejected", "reject_reasons", "input_fingerprint", "write_mode")
LOGGED += ("score_min", "score_mean", "score_max")


def make(folder: Path, **arguments: Any) -> DbtProject:
    """1,000 rows, some rejected, with an old table that was scored in one piece."""
    project = make_project(folder, ROWS)
    execute(project, "update raw_rows set a = null where id % 97 = 0", "update raw_rows set b = b + 1")
    project.python_model("scores", "toy", key="id", passthrough="part", **SLICED | arguments)
    return project


def content(project: DbtProject) -> list[Any]:
    return project.query(f"select * exclude ({AUDIT}) from scores order by id")


def stop(project: DbtProject, monkeypatch: pytest.MonkeyPatch, after: int) -> str:
    """Fail the run after some slices; the message of its row."""
    write, left = CountedBatches.write, iter(range(after))

    def stopped(self: CountedBatches, *arguments: Any, **options: Any) -> None:
        if next(left, None) is None:
            raise OSError("stopped")
        write(self, *arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(CountedBatches, "write", stopped)
        return project.build().messages["scores"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Any], dict[str, Any]]:
    """The content and the row of the run log of a run that nothing stops."""
    project = make(tmp_path_factory.mktemp("whole") / "p")
    project.build().check()
    return content(project), last_run(project)


def check_like(project: DbtProject, whole: tuple[list[Any], dict[str, Any]], resumed: int) -> None:
    run = last_run(project)
    assert content(project) == whole[0]
    assert {name: run[name] for name in LOGGED} == {name: whole[1][name] for name in LOGGED}
    assert (run["status"], run["rows_resumed"]) == ("success", resumed)
    assert project.query("select distinct scoring_run_id from scores") == [(run["run_id"],)]
    assert project.query(
        "select table_name, comment from duckdb_tables() where table_name like 'scores%'"
    ) == [("scores", None)]


@pytest.mark.parametrize("backend", ["sql", "matrix", "estimator"])
def test_slices_give_what_one_piece_gives(backend: str, tmp_path: Path) -> None:
    project = make(tmp_path / "p", backend=backend)
    project.build().check()
    sliced, run = content(project), last_run(project)
    columns = project.columns("scores")
    project.python_model("scores", "toy", key="id", passthrough="part", backend=backend)
    project.build().check()
    one = last_run(project)
    assert (sliced, columns) == (content(project), project.columns("scores"))
    assert run["rows_in"] == ROWS > run["rows_rejected"] > 0
    assert run["score_mean"] == pytest.approx(one["score_mean"], rel=1e-15)
    assert all(run[name] == one[name] for name in LOGGED if name != "score_mean")
    assert (run["backend"], run["rows_resumed"]) == (backend, 0)


@pytest.mark.parametrize("step", [8, pytest.param(4, marks=pytest.mark.soak)])
def test_a_run_that_is_killed_anywhere_is_resumed(
    step: int, whole: tuple[list[Any], dict[str, Any]], tmp_path: Path
) -> None:
    project = make(tmp_path / "p")
    saved, output = tmp_path / "saved.duckdb", tmp_path / "output.txt"
    restore(project.database, saved, save=True)
    old = content(project)
    places = ["--project-dir", str(project.folder), "--profiles-dir", str(project.folder)]
    arguments = ["--quiet", "run", "--select", "features", "scores", *places]
    resumed = set()
    with Server() as server:
        assert server.run(arguments, output) == 0, output.read_text()
        for statement in range(32, 80, step):
            restore(project.database, saved)
            killed = server.run(arguments, output, end_before=statement) < 0
            done = 0
            if killed:
                assert content(project) in (old, whole[0])  # it may have ended before the command
                if project.query("from duckdb_tables() where table_name = 'scores__scorehouse_new'"):
                    ((done,),) = project.query("select count(*) from scores__scorehouse_new")
                assert server.run(arguments, output) == 0, output.read_text()
            check_like(project, whole, done)
            resumed.add(done)
    assert len(resumed) > 16 // step and max(resumed) == ROWS


def test_a_run_that_fails_twice_keeps_its_slices(
    whole: tuple[list[Any], dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make(tmp_path / "p")
    for after in (2, 3):
        assert "stopped" in stop(project, monkeypatch, after)
    project.build().check()
    check_like(project, whole, 5 * ROWS // 7)
    runs = project.runs("scores")
    assert [run["status"] for run in runs] == ["success", "failed", "failed", "success"]
    assert len({run["run_id"] for run in runs}) == 4


@pytest.mark.parametrize("within", [False, True])
def test_another_run_at_the_same_time_is_refused(
    within: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make(tmp_path / "p")
    old = project.content("scores")
    write, read, comment = (
        CountedBatches.write,
        slices._state,
        "comment on table scores__scorehouse_new is '{}'",
    )
    number = iter(range(99))

    def disturbed(self: CountedBatches, session: Any, **options: Any) -> None:
        if next(number) == 2:
            with session.cursor() as other:
                other.execute(comment)
        write(self, session, **options)

    def changed(session: Any, record: Any) -> Any:
        if next(number) == 2:
            session.execute(comment)
        return read(session, record)

    with monkeypatch.context() as patch:
        if within:
            patch.setattr(CountedBatches, "write", disturbed)
        else:
            patch.setattr(slices, "_state", changed)
        message = project.build().messages["scores"]
    assert ("onflict" if within else "one run of a prediction table at a time") in message
    assert project.content("scores") == old
    project.build().check()
    assert last_run(project)["rows_in"] == ROWS


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("insert into raw_rows by name select null as id", "1 of 1,001 feature rows have a NULL in the key"),
        ("insert into raw_rows from raw_rows where id = 600", "600 (2 times)"),
        ("alter table raw_rows alter id type varchar", "the first column of the key, 'id', is string"),
        ("update raw_rows set id = id - 900 where id < 500", ""),
        (
            "update raw_rows set id = case when id < 999 then id - 9223372036854775808 else "
            "9223372036854775807 end",
            "",
        ),
        ("delete from raw_rows", ""),
    ],
)
def test_keys(statement: str, told: str, tmp_path: Path) -> None:
    project = make(tmp_path / "p")
    old = project.content("scores")
    execute(project, statement.replace("id type", "id set data type"))
    ended = project.build()
    if told:
        assert told in ended.messages["scores"]
        assert project.content("scores") == old
    else:
        ended.check()
        assert project.query("select count(*) from scores") == project.query("select count(*) from raw_rows")


def test_a_raised_limit_of_rejected_rows_keeps_the_slices(tmp_path: Path) -> None:
    project = make(tmp_path / "p", max_rejected_share=0.001)
    assert "rows were rejected" in project.build().messages["scores"]
    project.python_model("scores", "toy", key="id", passthrough="part", max_rejected_share=0.5, **SLICED)
    project.build().check()
    assert last_run(project)["rows_resumed"] == ROWS


def test_a_full_rebuild_leaves_no_slices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = make(tmp_path / "p")
    stop(project, monkeypatch, 3)
    project.python_model("scores", "toy", key="id")
    project.build().check()
    assert last_run(project)["rows_resumed"] == 0
    tables = "select table_name from duckdb_tables() where table_name like 'scores%'"
    assert project.query(tables) == [("scores",)]


def test_a_full_refresh_starts_from_the_beginning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = make(tmp_path / "p")
    stop(project, monkeypatch, 3)
    project.build("--full-refresh").check()
    assert last_run(project)["rows_resumed"] == 0 and last_run(project)["rows_in"] == ROWS


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"rescore": {"slice_rows": 9}}, "the rule 'changed' and slice_rows"),
    ({"as_of": "day", **SLICED}, "the rule 'new' and slice_rows"),
    ({"alias": ["champion", "challenger"], **SLICED}, "together with several versions"),
    ({"decision": {"top_n": 3}, **SLICED}, "together with several versions, a group or top_n"),
]


@pytest.mark.parametrize(("arguments", "told"), REFUSED)
def test_what_slices_cannot_do_is_refused(arguments: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        ScoreOptions.checked("test", key="id", **arguments)


def test_dbts_own_table_has_no_slices(tmp_path: Path) -> None:
    project = make(tmp_path / "p")
    project.python_model("scores", "toy", key="id", config="materialized='table'", **SLICED)
    assert "rescore has slice_rows, and the prediction table is" in project.build().messages["scores"]


CHANGES = {
    "another content of the features": "update raw_rows set a = a + 1 where id = 3",
    "another feature table": "delete from raw_rows where id = 999",
}


@pytest.mark.parametrize("told", [*CHANGES, "another version", "another configuration"])
def test_a_change_starts_from_the_beginning(
    told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    project = make(tmp_path / "p")
    stop(project, monkeypatch, 3)
    if told in CHANGES:
        execute(project, CHANGES[told])
    elif told == "another version":
        register_version(project, 1)
    else:
        project.python_model("scores", "toy", key="id", **SLICED)
    project.build().check()
    assert last_run(project)["rows_resumed"] == 0
    sliced = content(project)
    execute(project, "drop table scores")
    project.build().check()
    assert content(project) == sliced
