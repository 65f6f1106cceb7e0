"""Versions side by side in one row: the same predictions as in rows of their own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from click.testing import CliRunner
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from project import DbtProject, registered_kernel
from rescoring import execute, register_version, training
from scorehouse import promote
from scorehouse.cli.main import main
from scorehouse.program.sql.compile import compile_sql
from scorehouse.program.sql.compiled import CompiledSql, Together, together

pytestmark = pytest.mark.slow

ALIASES = ["champion", "challenger", "second"]
CHALLENGERS = ALIASES[1:]
COUNTS = ("rows_new", "rows_changed", "rows_stale", "rows_unchanged", "rows_vanished", "rows_left")


def make_project(folder: Path, rows: int = 300) -> DbtProject:
    """A champion, a challenger of the same features, and a second one that reads only the first of them."""
    project = DbtProject(folder)
    register_version(project, 0)
    register_version(project, 3, alias="challenger", threshold=0.4)
    frame, labels = training(1)
    project.register(
        LogisticRegression().fit(frame[["a"]], labels), "toy", frame[["a"]], labels,
        task="classification", alias="second",
    )  # fmt: skip
    project.features("select * from raw_rows")
    execute(
        project,
        "create table raw_rows as select i as id, random() * 10 as a, random() * 10 as b, i % 2 as part "
        f"from range({rows}) as t(i)",
        "update raw_rows set a = null where id = 0",
        "update raw_rows set b = null where id in (1, 2)",  # only the second takes these
    )
    return project


def table(project: DbtProject, name: str, door: str = "sql_model", **arguments: Any) -> None:
    getattr(project, door)(name, "toy", key="id", **{"alias": ALIASES, "layout": "wide", **arguments})


def differences(project: DbtProject, wide: str, long: str) -> list[Any]:
    """Rows of which the two tables tell different things, of any version."""
    names = ("prediction", "score", "reject_reason", "model_version")
    parts = []
    for alias in ALIASES:
        suffix = "" if alias == "champion" else f"__{alias}"
        columns = ", ".join(f'"{name}{suffix}" as {name}' for name in names)
        parts.append(f"select id, '{alias}' as model_alias, {columns} from {wide}")
    told = " union all ".join(parts)
    kept = f"select id, model_alias, {', '.join(names)} from {long}"
    return project.query(f"(({told}) except all ({kept})) union all (({kept}) except all ({told}))")


@pytest.mark.parametrize(("door", "asked"), [("sql_model", "auto"), ("python_model", "estimator")])
def test_the_versions_predict_as_they_do_in_rows_of_their_own(door: str, asked: str, tmp_path: Path) -> None:
    project = make_project(tmp_path / "p")
    table(project, "wide", door, backend=asked, passthrough=["part"])
    table(project, "long", door, backend=asked, layout="long")
    project.build().check()
    assert differences(project, "wide", "long") == []
    assert project.query("select count(*), count(distinct id), count(part) from wide") == [(300, 300, 300)]
    only_second = "select id from wide where row_status = 'rejected' and reject_reason__second is null"
    assert project.query(f"{only_second} order by id") == [(1,), (2,)]
    wide, long = ({run["alias_asked"]: run for run in project.runs(name)} for name in ("wide", "long"))
    backend = "sql" if asked == "auto" else "estimator"
    for alias, rejected in (("champion", 3), ("challenger", 3), ("second", 1)):
        run = wide[alias]
        assert (run["rows_in"], run["rows_rejected"], run["backend"]) == (300, rejected, backend)
        for name in ("rows_scored", "reject_reasons", "score_min", "score_max", "model_digest", "is_live"):
            assert run[name] == long[alias][name], (alias, name)
        assert run["score_mean"] == pytest.approx(long[alias]["score_mean"], rel=1e-12)
    assert len({run["run_id"] for run in wide.values()}) == 3
    assert len({run["input_fingerprint"] for run in wide.values()}) == 1  # they share the row


def test_a_version_whose_backend_is_another_takes_part(tmp_path: Path) -> None:
    project = make_project(tmp_path / "p")
    frame, labels = training(4)
    forest = RandomForestClassifier(5, random_state=0).fit(frame, labels)
    project.register(forest, "toy", frame, labels, task="classification", alias="second")
    table(project, "wide")
    table(project, "long", layout="long")
    project.build().check()
    assert {run["backend"] for run in project.runs("wide")} == {"sql", "native"}
    assert differences(project, "wide", "long") == []


def test_a_row_is_scored_again_when_any_version_asks_for_it(tmp_path: Path) -> None:
    project = make_project(tmp_path / "p")
    table(project, "wide", rescore={"rule": "changed", "vanished": "delete"})
    table(project, "long", layout="long")
    project.build().check()
    execute(
        project,
        "update raw_rows set b = b + 1 where id = 7",  # the second does not read b, and shares the row
        "delete from raw_rows where id = 8",
        "insert into raw_rows values (900, 1, 2, 0)",
    )
    project.build().check()
    assert differences(project, "wide", "long") == []
    for run in project.runs("wide")[-3:]:
        assert [run[name] for name in COUNTS] == [1, 1, 0, 298, 1, 0]
        assert run["rows_in"] == 2
    promote("toy", 1, alias="second", project_dir=project.folder)
    project.build().check()
    assert differences_of_columns(project) == 0
    assert project.runs("wide")[-1]["rows_stale"] == 300
    assert project.query("select distinct model_version, model_version__second from wide") == [(1, 1)]
    project.build().check()
    assert project.runs("wide")[-1]["rows_unchanged"] == 300


def differences_of_columns(project: DbtProject) -> int:
    """Rows in which champion and second, now the same version, differ."""
    return project.query(
        "select count(*) from wide where (prediction, score, reject_reason) is distinct from "
        "(prediction__second, score__second, reject_reason__second)"
    )[0][0]


def test_a_budget_and_decisions(tmp_path: Path) -> None:
    project = make_project(tmp_path / "p")
    table(project, "wide", rescore={"max_rows": 200}, decision={"threshold": 0.5})
    project.build().check()
    assert [run["rows_left"] for run in project.runs("wide")] == [100, 100, 100]
    project.build().check()
    assert project.query("select count(*), count(score__challenger) from wide") == [(300, 297)]
    wrong = "select count(*) from wide where decision is distinct from if(score >= 0.5, 'yes', 'no')"
    assert project.query(f"{wrong} and score is not null") == [(0,)]


def test_comparisons_read_both_layouts_alike(tmp_path: Path) -> None:
    project = make_project(tmp_path / "p")
    table(project, "wide", passthrough=["part"])
    table(project, "long", layout="long", passthrough=["part"])
    project.write("models/labels.sql", "select id, a > 5 as y from raw_rows where a is not null")
    for name in ("wide", "long"):
        project.write(
            f"models/versions_of_{name}.sql",
            f"{{{{ scorehouse.compare_versions(ref('{name}'), key='id', segments=['part']) }}}}",
        )
        project.write(
            f"models/metric_of_{name}.sql",
            f"{{{{ scorehouse.compare_metric(ref('{name}'), ref('labels'), key='id', label='y') }}}}",
        )
    given = {"labels": "ref('labels')", "key": "id", "label": "y", "challenger": "second", "margin": 0.9}
    asked = {"not_worse_passes": given, "not_worse_fails": {**given, "min_rows": 10_000}}
    tests = [
        {"scorehouse.challenger_not_worse": {"name": name, "arguments": arguments}}
        for name, arguments in asked.items()
    ]
    document = {"version": 2, "models": [{"name": "wide", "data_tests": tests}]}
    project.write("models/schema.yml", yaml.safe_dump(document))
    project.dbt("seed").check()
    project.dbt("run").check()
    for kind in ("versions_of", "metric_of"):
        rows = {name: project.query(f"select * from {kind}_{name} order by all") for name in ("wide", "long")}
        assert len(rows["long"]) > 1
        for got, wanted in zip(rows["wide"], rows["long"], strict=True):
            for one, other in zip(got, wanted, strict=True):
                assert one == (pytest.approx(other, rel=1e-9) if isinstance(other, float) else other)
    tested = project.dbt("test")
    assert tested.statuses["not_worse_passes"] == "pass", tested.messages
    assert tested.statuses["not_worse_fails"] == "fail", tested.messages


def test_a_wide_run_can_be_replayed(tmp_path: Path) -> None:
    project = make_project(tmp_path / "p")
    table(project, "wide")
    project.build().check()
    execute(
        project, "update wide set score__second = 0 where id = 5", "update features set b = 3 where id = 6"
    )
    places = ["--database", str(project.database), "--project-dir", str(project.folder)]
    for run in project.runs("wide"):
        ended = CliRunner().invoke(main, ["replay", str(run["run_id"]), *places, "--json"])
        found = json.loads(ended.stdout)
        differs = int(run["alias_asked"] == "second")
        assert (found["rows_in_table"], found["rows_gone"], found["rows_different"]) == (300, 1, differs)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"layout": "flat"}, "layout has 'flat'"), ({"layout": "wide", "group": "part"}, "ranks")],
)
def test_what_cannot_be_laid_out(arguments: dict[str, Any], message: str, tmp_path: Path) -> None:
    project = make_project(tmp_path / "p", rows=5)
    frame, labels = training(0)
    for alias in ALIASES:
        project.register(
            LogisticRegression(C=len(alias)).fit(frame, labels), "ranks", frame, labels,
            task="ranking", alias=alias,
        )  # fmt: skip
    name = "ranks" if "group" in arguments else "toy"
    project.sql_model("wide", name, key="id", alias=ALIASES, passthrough=["part"], **arguments)
    assert message in project.build().messages["wide"]


def test_what_versions_share_is_computed_once(tmp_path: Path) -> None:
    compiled = []
    for number in (0, 3):
        frame, labels = training(number)
        kernel = registered_kernel(
            tmp_path, LogisticRegression().fit(frame, labels), frame, labels, task="classification"
        )
        compiled.append(compile_sql(kernel.estimator, kernel.version, kernel.signature, "duckdb"))
    one, both = together(compiled[:1]), together(compiled)
    assert together([compiled[0]] * 2).program.steps == one.program.steps
    assert sum(map(made, compiled)) > made(both) > made(one)
    rows = "(select i as id, i / 7.0e0 as a, if(i = 3, null, 70.0e0 / (i + 1)) as b from range(99) as t(i))"
    names = ("prediction", "score", "reject_reason")
    for number, alone in enumerate(compiled):
        columns = ", ".join(f'"{name}:{number}"' for name in names)
        joined = duckdb.sql(f"select id, {columns} from ({both.render(rows, ['id'])}) order by id").fetchall()
        own = f"select id, {', '.join(names)} from ({alone.render(rows, ['id'])}) order by id"
        assert joined == duckdb.sql(own).fetchall()


def made(backend: CompiledSql | Together) -> int:
    """Columns that the steps of a program make."""
    return sum(len(step.made) for step in backend.program.steps)
