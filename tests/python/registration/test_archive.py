"""Old versions laid to rest: what leaves the project, what still works, and how they come back."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from project import DbtProject
from scorehouse.cli.main import main
from scorehouse.errors import ArtifactError, RegistryError
from scorehouse.registration import archive as archiving
from scorehouse.registration.archive import FILE, archive, bring_back
from scorehouse.registration.check_project import check_project
from scorehouse.registration.promote import promote
from scorehouse.registry.seeds import ModelSeeds
from small_churn import X, Y, churn, classifier

FEATURES = """select range as id, cast(range % 40 as double) as age, range % 7 as visits,
    date '2026-01-01' + cast(range // 500 as integer) as day
from range({{ var('rows', 1000) }})"""
PROFILE = "scorehouse.profile(ref('scores'), ref('ml_churn__reference'), ref('features'), key='id'"
MODELS = {
    "by_run": f"{{{{ config(materialized='incremental', **scorehouse.replace_windows('run_id')) }}}}"
    f"{{{{ {PROFILE}) }}}}",
    "by_day": f"{{{{ config(materialized='incremental', **scorehouse.replace_windows()) }}}}"
    f"{{{{ {PROFILE}, day='day') }}}}",
    "drift": "{{ scorehouse.drift(ref('by_run'), ref('ml_churn__reference')) }}",
    "drift_by_day": "{{ scorehouse.drift(ref('by_day'), ref('ml_churn__reference'), window='day') }}",
    "pinned": "select * from {{ scorehouse.predict(\n    'churn', ref('features'), version=5\n) }}",
}
SCHEMA = """version: 2
models:
  - {name: drift, description: of churn, data_tests: [scorehouse.no_drift]}
"""


def printed(folder: Path) -> None:
    (folder / "dbt_project.yml").write_text("vars: {scorehouse_compiled_sql: {dialects: [duckdb]}}\n")


def texts(folder: Path) -> dict[str, str]:
    """The text that a registration writes, by path."""
    files = [*(folder / "seeds").rglob("*.*"), *(folder / "macros").rglob("*.sql")]
    return {str(file.relative_to(folder)): file.read_text() for file in files}


def versions_in(project: DbtProject, table: str) -> set[int]:
    return {row[0] for row in project.query(f"select distinct version from {table}")}


@pytest.mark.slow
def test_a_year_of_versions(project: DbtProject) -> None:
    def command(*words: object, code: int = 0) -> str:
        ended = CliRunner().invoke(main, [*map(str, words), "--project-dir", str(project.folder)])
        assert ended.exit_code == code, ended.output
        return ended.output

    for number in range(1, 13):
        alias = {1: "champion", 7: "challenger"}.get(number)
        project.register(classifier(number), "churn", X, Y, task="classification", alias=alias)
    project.features(FEATURES)
    project.sql_model("scores", "churn", key="id", rescore="new", passthrough=["day"])
    for name, sql in MODELS.items():
        project.write(f"models/{name}.sql", sql)
    project.write("models/_models.yml", SCHEMA)
    project.build().check()
    command("promote", "churn", 12)
    project.build("--vars", "{rows: 2000}").check()
    before = texts(project.folder)

    command("archive", "churn", "--dry-run")
    assert texts(project.folder) == before
    done = json.loads(command("archive", "churn", "--json"))
    assert [one["version"] for one in done] == [1, 2, 3, 4, 6, 8, 9, 10, 11], "not what alias or pin reach"
    sizes = {path: len(text) / len(before[path]) for path, text in texts(project.folder).items()}
    assert sizes["macros/ml/churn.sql"] < 0.3 and sizes["seeds/ml/churn/ml_churn__reference.csv"] < 0.3
    assert sizes["seeds/ml/churn/ml_churn.csv"] == sizes["seeds/ml/churn/ml_churn__signature.csv"] == 1
    assert "12 versions of 1 ML model, no fault" in command("check", "--certify")
    assert re.search(r"aliases +archived", command("show", "churn/1"))
    assert not re.search(r"aliases +archived", command("show", "churn/5"))
    listed = json.loads(command("list", "--json"))
    assert [one["version"] for one in listed if one["is_archived"]] == [one["version"] for one in done]

    project.build("--vars", "{rows: 2500}").check()
    assert project.query("select model_version, count(*) from scores group by 1 order by 1") == [
        (1, 1000),
        (12, 1500),
    ]
    assert versions_in(project, "by_run") == {1, 12}, "its runs were counted before"
    (verdicts,) = project.query(
        "select list(distinct reason) from drift where version = 1 and status <> 'info'"
    )
    assert "or archived" in verdicts[0][0]
    database = ("--database", project.database)
    first = next(run["run_id"] for run in project.runs("scores") if run["model_version"] == 1)
    assert "rows different: 0" in command("replay", first, *database)
    command("evidence", "pack", "churn/1", "--output", project.folder / "pack", *database)

    for words in (("promote", "churn", 1), ("compile", "churn", "--version", 1)):
        assert "run `scorehouse archive churn 1 --undo`" in command(*words, code=1)
    assert "churn version 2" not in command("compile", "churn")
    project.write("models/pinned.sql", MODELS["pinned"].replace("5", "3"))
    said = project.dbt("run", "--select", "pinned").messages["pinned"]
    assert "run `scorehouse archive churn 3 --undo`, since it is archived" in said
    project.writes_files = True  # also dbt's log
    project.dbt("run", "--select", "by_day", "--full-refresh").check()
    log = (project.folder / "logs/dbt.log").read_text()
    assert "note: profile leaves out the rows of churn version 1, which is archived" in log

    command("archive", "churn", *range(1, 12), "--undo")
    command("promote", "churn", 1)
    project.build("--vars", "{rows: 3000}").check()
    assert project.query("select count(*) from scores where model_version = 1") == [(1500,)]
    assert versions_in(project, "drift_by_day") == {1, 12}


@pytest.mark.slow
def test_what_comes_back_is_what_left(empty_project: Path) -> None:
    printed(empty_project)
    for number in range(1, 4):
        churn(number, alias="champion" if number == 3 else None)
    before = texts(empty_project)
    assert [one.version.version for one in archive("churn")] == [1, 2]
    assert archive("churn") == [] and "__v1(" not in (empty_project / "macros/ml/churn.sql").read_text()
    assert [one.version.version for one in bring_back("churn", [1, 3, 2])] == [1, 2]
    assert texts(empty_project) == before
    assert not any(found.faults or found.warnings for found in check_project(empty_project))


@pytest.mark.slow
def test_a_kill_loses_nothing(empty_project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever step it falls on, the same command finishes the work, and undo brings back all."""
    printed(empty_project)
    churn(1)
    churn(2, alias="champion")
    before = texts(empty_project)

    def killed(*arguments: Any) -> None:
        raise KeyboardInterrupt

    for step in ("write", "write_rows", "drop_macros", "write_card"):
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(archiving, step, killed)
            archive("churn")
        archive("churn")
        assert not any(found.faults or found.warnings for found in check_project(empty_project, load=False))
        assert "__v1(" not in (empty_project / "macros/ml/churn.sql").read_text()
        for cut in ("write_text", "write_card"):
            with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
                patch.setattr(archiving, cut, killed)
                bring_back("churn", [1])
        bring_back("churn", [1])
        assert texts(empty_project) == before


PINS = [
    ("models/a.sql", "{{ scorehouse.scored('churn', key='id', version=[1, 2]) }}", [1, 2]),
    ("models/a.py", "score(dbt, session, model=dbt.ref('ml_churn'), version = 1)", [1]),
    ("models/a.py", "score(dbt, session, model=dbt.ref('ml_churn'), version=(1, 2))", [1, 2]),
    ("models/a.py", "score(dbt, session, model=dbt.ref('ml_churn'), version=[\n  1,  # old\n])", [1]),
    ("analyses/a.sql", "{{ scorehouse.predict('churn', ref('f'),\nversion=2) }}", [2]),
    ("models/a.yml", "version: 2\nmodels: [{name: churn, config: {version: 1}}]", [1]),
    ("models/a.sql", "{{ scorehouse.predict('other', ref('f'), version=1) }}", []),
    ("models/a.sql", "select * from churn where model_version = 1", []),
    ("seeds/a.yml", "churn: {version: 1}", []),
]


def test_pins(empty_project: Path) -> None:
    for number in range(1, 4):
        churn(number, alias="champion" if number == 3 else None, program=False)
    for path, text, pins in PINS:
        file = empty_project / path
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
        left = [one.version.version for one in archive("churn", dry_run=True)]
        assert left == [number for number in (1, 2) if number not in pins], text
        for number in pins:
            with pytest.raises(RegistryError, match=f"churn version {number} is in use: {path} names it"):
                archive("churn", [number])
        file.unlink()


@pytest.mark.parametrize("pin", ["version=var('churn_version')", "version=newest", "'version': newest()"])
def test_a_computed_pin_may_be_of_any_version(pin: str, empty_project: Path) -> None:
    churn(1, program=False)
    churn(2, alias="champion", program=False)
    (empty_project / "models").mkdir(exist_ok=True)
    (empty_project / "models/a.sql").write_text(f"{{{{ scorehouse.scored('churn', key='id', {pin}) }}}}")
    with pytest.raises(RegistryError, match=r"models/a\.sql computes the version that it uses"):
        archive("churn")
    assert [one.version.version for one in archive("churn", [1])] == [1]


@pytest.mark.slow
def test_no_sql_comes_back_but_the_proven(empty_project: Path) -> None:
    """Behind the mark of a section's end, `check` would not see it either."""
    printed(empty_project)
    one = churn(1)
    churn(2, alias="champion")
    macros, evil = empty_project / "macros/ml/churn.sql", "{% macro generate_schema_name() %}{% endmacro %}"
    text = macros.read_text()
    macros.write_text(text.replace("select", "select\n", 1))
    with pytest.raises(RegistryError, match="churn version 1 is not the SQL that was proven"):
        archive("churn")
    macros.write_text(text)
    archive("churn")
    file = (empty_project / one.artifact).with_name(FILE)
    held = json.loads(gzip.decompress(file.read_bytes()))
    for sql in (held["sql"] + evil, evil, 5):
        file.write_bytes(gzip.compress(json.dumps({**held, "sql": sql}).encode()))
        assert "is damaged" in check_project(empty_project)[0].faults[0]
        with pytest.raises(ArtifactError, match="is damaged"):
            bring_back("churn", [1])
    assert evil not in macros.read_text()


def test_an_archived_version_is_not_registered_again(empty_project: Path) -> None:
    """It would come back with its reference and without its SQL, and the next archive would lose that."""
    churn(1, program=False)
    churn(2, alias="champion", program=False)
    archive("churn")
    with pytest.raises(RegistryError, match="run `scorehouse archive churn 1 --undo`"):
        churn(1, alias="champion", program=False)
    assert 1 in ModelSeeds(empty_project, "churn").archived()


def test_refusals(empty_project: Path) -> None:
    churn(1, alias="champion", program=False)
    churn(2, program=False)
    assert archive("churn") == [], "the newest is about to be promoted"
    with pytest.raises(RegistryError, match="it has the alias champion"):
        archive("churn", [2, 1])
    archive("churn", [2])
    with pytest.raises(RegistryError, match="churn version 2 is archived"):
        promote("churn", 2)
    (version,) = [one for one in ModelSeeds(empty_project, "churn").versions() if one.version == 2]
    file = (empty_project / version.artifact).with_name(FILE)
    others = json.loads(gzip.decompress(file.read_bytes()))
    others["reference"][0]["version"] = "1"
    for data in (b"", b"no archive", file.read_bytes()[:-9], gzip.compress(json.dumps(others).encode())):
        file.write_bytes(data)
        with pytest.raises(ArtifactError, match="is damaged"):
            bring_back("churn", [2])
    file.unlink()
    (fault,) = check_project(empty_project)[1].faults
    assert "has no rows of this version, and its archive" in fault and "is missing" in fault
