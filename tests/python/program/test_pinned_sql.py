"""Compiled SQL is pinned: a macro that was changed scores nowhere, and check names it in every dialect."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from churn import FEATURES, classifier, training
from project import EVERY_DATABASE, DbtProject

MACROS = "macros/ml/churn.sql"
SEED, YAML = "seeds/ml/churn/ml_churn.csv", "seeds/ml/churn/_ml_churn.yml"
SCORED = "models/scored.sql"
KEPT = (MACROS, SEED, YAML, SCORED)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> DbtProject:
    """Two versions whose SQL was proven, and a table that the champion's SQL scores."""
    project = DbtProject(tmp_path_factory.mktemp("pinned") / "house", variables=EVERY_DATABASE)
    project.features(FEATURES)
    estimator, X = classifier(), training()
    for threshold, alias in ((0.5, "champion"), (0.25, "challenger")):
        project.register(estimator, "churn", X, task="classification", threshold=threshold, alias=alias)
    project.write(SCORED, "select * from {{ scorehouse.predict('churn', ref('features')) }}")
    project.build().check()
    shutil.copy(project.database, project.folder / "sound.duckdb")
    for number, path in enumerate(KEPT):
        shutil.copy(project.folder / path, project.folder / f"sound_{number}")
    return project


@pytest.fixture
def project(built: DbtProject) -> Iterator[DbtProject]:
    yield built
    shutil.copy(built.folder / "sound.duckdb", built.database)
    for number, path in enumerate(KEPT):
        shutil.copy(built.folder / f"sound_{number}", built.folder / path)


def scorehouse(project: DbtProject, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("scorehouse")), *arguments]
    return subprocess.run(command, cwd=project.folder, capture_output=True, text=True)


def change(project: DbtProject, path: str, old: str, new: str) -> None:
    text = (project.folder / path).read_text()
    assert old in text, text
    project.write(path, text.replace(old, new, 1))


def change_a_number(project: DbtProject, target: str) -> None:
    """Change one number in what version 1 gives on one target."""
    text = (project.folder / MACROS).read_text()
    start = text.index(f'"{target}"')
    place = text.index("1.0", start)
    assert place < text.index("end of version 1")
    project.write(MACROS, text[:place] + "1.5" + text[place + 3 :])


def refused(project: DbtProject, *words: str) -> None:
    before = project.content("scored")
    ended = project.dbt("run", "--select", "scored")
    assert not ended.success
    for word in words:
        assert word in ended.messages["scored"], ended.messages
    assert project.content("scored") == before


@pytest.mark.slow
def test_sql_that_was_changed_does_not_score(project: DbtProject) -> None:
    change_a_number(project, "duckdb")
    refused(
        project,
        "scorehouse_predict__churn__v1 is not the SQL that was proven",
        "run `scorehouse compile churn`",
    )
    checked = scorehouse(project, "check")
    assert checked.returncode == 1
    assert re.search(
        r"churn +1 +champion +FAULT\n +its compiled SQL in churn.sql has the sha256", checked.stdout
    )


@pytest.mark.slow
@pytest.mark.parametrize("target", EVERY_DATABASE["scorehouse_compiled_sql"]["dialects"][1:])  # not DuckDB
def test_check_looks_at_every_dialect(project: DbtProject, target: str) -> None:
    change_a_number(project, target)
    faults = {
        item["version"]: item["faults"] for item in json.loads(scorehouse(project, "check", "--json").stdout)
    }
    assert "its compiled SQL in churn.sql has the sha256" in faults[1][0]
    assert faults[2] == []


@pytest.mark.slow
def test_what_was_compared_is_what_runs(project: DbtProject) -> None:
    """A macro that gives the proven text when it is looked at, and another when it scores."""
    text = (project.folder / MACROS).read_text()
    head = "{% macro scorehouse_predict__churn__v1(relation, keep, columns, decision) %}\n"
    evil = head + "{%- if 'features' in relation | string %}select 1 as id, true as prediction{%- endif %}\n"
    before = project.content("scored")
    project.write(MACROS, text.replace(head, evil))
    project.dbt("run", "--select", "scored")
    assert project.content("scored") == before
    assert scorehouse(project, "check").returncode == 1


@pytest.mark.slow
def test_an_alias_that_was_moved_in_the_table_or_the_csv_alone(project: DbtProject) -> None:
    project.query("update ml_churn set aliases = case version when 1 then 'challenger' else 'champion' end")
    said = "version 1 has aliases 'challenger' in the table and 'champion' in version control"
    refused(project, said, "dbt seed --select tag:ml_churn")
    change(project, SEED, ",1,champion,", ",1,,")
    change(project, SEED, ",2,challenger,", ",2,challenger|champion,")
    project.dbt("seed", "--select", "ml_churn").check()
    refused(project, "version 1 has aliases '' in the table and 'champion' in version control")
    checked = scorehouse(project, "check")
    assert (checked.returncode, "version 1, aliases: ['champion'] (expected: [])" in checked.stdout) == (
        1,
        True,
    )
    assert scorehouse(project, "promote", "churn", "2", "--alias", "champion").returncode == 0
    assert scorehouse(project, "check").returncode == 0
    project.dbt("run", "--select", "scored").check()
    assert project.query("select count(*) from scored where prediction and score < 0.5")[0][0] > 0


def test_a_version_that_is_not_registered(project: DbtProject) -> None:
    text = (project.folder / MACROS).read_text()
    ninth = text[text.index("{#- version 2") :].replace("__v2", "__v9").replace("version 2", "version 9")
    project.write(MACROS, text + ninth)
    project.write(
        "models/ninth.sql", "select * from {{ scorehouse.predict('churn', ref('features'), version=9) }}"
    )
    try:
        ended = project.dbt("run", "--select", "ninth")
    finally:
        (project.folder / "models/ninth.sql").unlink()
    assert "version 9 is not registered" in ended.messages["ninth"]


@pytest.mark.slow
def test_a_yaml_that_pins_nothing_does_not_score(project: DbtProject) -> None:
    """Whoever changes a macro could take its pin away as well: what is not pinned is not run."""
    change_a_number(project, "duckdb")
    text = (project.folder / YAML).read_text()
    for pinned in (r"          sql:\n(            .*\n)+", r"    meta:\n(      .*\n)+"):
        assert re.search(pinned, text)
        project.write(YAML, re.sub(pinned, "", text))
        refused(
            project,
            "it is not recorded which SQL of version 1 was proven",
            "Expected: its digest in the YAML",
        )


@pytest.mark.slow
def test_class_columns_that_were_changed_in_one_place(project: DbtProject) -> None:
    project.query("""update ml_churn set class_columns = '{"score": false}' where version = 1""")
    refused(project, "version 1 has class_columns '{\"score\": false}' in the table and '{\"score\": true}'")
    project.dbt("seed", "--select", "ml_churn").check()
    change(project, YAML, '{"score": true}', '{"score": false}')
    refused(project, "version 1 has class_columns '{\"score\": true}' in the table")
    assert "version 1, class_columns" in scorehouse(project, "check").stdout


@pytest.mark.slow
def test_class_columns_are_those_of_the_registry_that_was_compared(project: DbtProject) -> None:
    each = "'{{ column }} is {{ label }}'"
    columns = "scorehouse.class_columns('churn' ARGUMENTS).items()"
    told = f"select {{% for column, label in {columns} %}}{each}{{% endfor %}} as x"
    for arguments in ("", ", alias='challenger'", ", version=1"):
        project.write(SCORED, told.replace("ARGUMENTS", arguments))
        project.dbt("run", "--select", "scored").check()
        assert project.query("select x from scored") == [("score is True",)]
        with duckdb.connect(project.database) as connection:
            connection.execute("update ml_churn set sha256 = 'other' where version = 1")
        refused(
            project,
            "scorehouse.class_columns('churn'): the table",
            "differs from the registry in version control",
        )
        project.dbt("seed", "--select", "ml_churn").check()
    project.write(SCORED, told.replace("ARGUMENTS", ", alias='nobody'"))
    refused(project, "scorehouse.class_columns(alias='nobody')", "the aliases are challenger, champion")
