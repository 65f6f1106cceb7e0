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
from project import DbtProject

MACROS = "macros/ml/churn.sql"
SEED, YAML = "seeds/ml/churn/ml_churn.csv", "seeds/ml/churn/_ml_churn.yml"
SCORED = "models/scored.sql"
KEPT = (MACROS, SEED, YAML, SCORED)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> DbtProject:
    """Two versions whose SQL was proven, and a table that the champion's SQL scores."""
    project = DbtProject(tmp_path_factory.mktemp("pinned") / "house")
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
def house(built: DbtProject) -> Iterator[DbtProject]:
    yield built
    shutil.copy(built.folder / "sound.duckdb", built.database)
    for number, path in enumerate(KEPT):
        shutil.copy(built.folder / f"sound_{number}", built.folder / path)


def scorehouse(house: DbtProject, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("scorehouse")), *arguments]
    return subprocess.run(command, cwd=house.folder, capture_output=True, text=True)


def change(house: DbtProject, path: str, old: str, new: str) -> None:
    text = (house.folder / path).read_text()
    assert old in text, text
    house.write(path, text.replace(old, new, 1))


def flip_the_threshold(house: DbtProject, target: str) -> None:
    """Change one number in what version 1 gives on one target."""
    text = (house.folder / MACROS).read_text()
    start = text.index(f'"{target}"')
    place = text.index("0.5", start)
    assert place < text.index("end of version 1")
    house.write(MACROS, text[:place] + "0.1" + text[place + 3 :])


def refused(house: DbtProject, *words: str) -> None:
    before = house.content("scored")
    ended = house.dbt("run", "--select", "scored")
    assert not ended.success
    for word in words:
        assert word in ended.messages["scored"], ended.messages
    assert house.content("scored") == before


def test_sql_that_was_changed_does_not_score(house: DbtProject) -> None:
    flip_the_threshold(house, "duckdb")
    refused(
        house, "scorehouse_predict__churn__v1 is not the SQL that was proven", "run `scorehouse prove churn`"
    )
    checked = scorehouse(house, "check")
    assert checked.returncode == 1
    assert re.search(
        r"churn +1 +champion +FAULT\n +its compiled SQL in churn.sql has the sha256", checked.stdout
    )


@pytest.mark.parametrize("target", ["postgres", "snowflake", "bigquery", "redshift", "databricks"])
def test_check_looks_at_every_dialect(house: DbtProject, target: str) -> None:
    flip_the_threshold(house, target)
    faults = {
        item["version"]: item["faults"] for item in json.loads(scorehouse(house, "check", "--json").stdout)
    }
    assert "its compiled SQL in churn.sql has the sha256" in faults[1][0]
    assert faults[2] == []


def test_what_was_compared_is_what_runs(house: DbtProject) -> None:
    """A macro that gives the proven text when it is looked at, and another when it scores."""
    text = (house.folder / MACROS).read_text()
    head = "{% macro scorehouse_predict__churn__v1(relation, keep, columns) %}\n"
    evil = head + "{%- if 'features' in relation | string %}select 1 as id, true as prediction{%- endif %}\n"
    before = house.content("scored")
    house.write(MACROS, text.replace(head, evil))
    house.dbt("run", "--select", "scored")
    assert house.content("scored") == before
    assert scorehouse(house, "check").returncode == 1


def test_an_alias_that_was_moved_in_the_table_or_the_csv_alone(house: DbtProject) -> None:
    house.query("update ml_churn set aliases = case version when 1 then 'challenger' else 'champion' end")
    said = "version 1 has aliases 'challenger' in the table and 'champion' in version control"
    refused(house, said, "dbt seed --select ml_churn")
    change(house, SEED, ",1,champion,", ",1,,")
    change(house, SEED, ",2,challenger,", ",2,challenger|champion,")
    house.dbt("seed", "--select", "ml_churn").check()
    refused(house, "version 1 has aliases '' in the table and 'champion' in version control")
    checked = scorehouse(house, "check")
    assert (checked.returncode, "version 1, aliases: ['champion'] (expected: [])" in checked.stdout) == (
        1,
        True,
    )
    assert scorehouse(house, "promote", "churn", "2", "--alias", "champion").returncode == 0
    assert scorehouse(house, "check").returncode == 0
    house.dbt("run", "--select", "scored").check()
    assert house.query("select count(*) from scored where prediction and score < 0.5")[0][0] > 0


def test_a_version_that_is_not_registered(house: DbtProject) -> None:
    text = (house.folder / MACROS).read_text()
    ninth = text[text.index("{#- version 2") :].replace("__v2", "__v9").replace("version 2", "version 9")
    house.write(MACROS, text + ninth)
    house.write(
        "models/ninth.sql", "select * from {{ scorehouse.predict('churn', ref('features'), version=9) }}"
    )
    try:
        ended = house.dbt("run", "--select", "ninth")
    finally:
        (house.folder / "models/ninth.sql").unlink()
    assert "version 9 is not registered" in ended.messages["ninth"]


def test_a_version_of_an_earlier_release_scores_once_prove_has_pinned_it(house: DbtProject) -> None:
    """Its row has no pin and its YAML no facts: both are named, and `prove` writes them."""
    seed, yaml = house.folder / SEED, house.folder / YAML
    seed.write_text(
        re.sub(r'""macro"": \{.*?\}, (?="")|, ""macro"": \{""md5"": \{.*?\}.*?\}', "", seed.read_text())
    )
    assert "macro" not in seed.read_text()
    yaml.write_text(re.sub(r"    meta:\n.*?(?=    column_types)", "", yaml.read_text(), flags=re.S))
    assert "scorehouse:" not in yaml.read_text()
    house.dbt("seed", "--select", "ml_churn").check()
    refused(house, "it is not recorded which SQL of version 1 was proven", "run `scorehouse prove churn`")
    checked = scorehouse(house, "check")
    assert (checked.returncode, checked.stdout.count("run `scorehouse prove churn`")) == (0, 3)
    assert scorehouse(house, "prove", "churn").returncode == 0
    assert "scorehouse prove" not in scorehouse(house, "check").stdout
    house.dbt("seed", "--select", "ml_churn").check()
    house.dbt("run", "--select", "scored").check()
    flip_the_threshold(house, "duckdb")
    house.dbt("seed", "--select", "ml_churn").check()
    refused(house, "is not the SQL that was proven")


def test_a_yaml_that_pins_nothing_does_not_score(house: DbtProject) -> None:
    """Whoever changes a macro could take its pin away as well: what is not pinned is not run."""
    flip_the_threshold(house, "duckdb")
    text = (house.folder / YAML).read_text()
    for pinned in (r"          sql:\n(            .*\n)+", r"    meta:\n(      .*\n)+"):
        assert re.search(pinned, text)
        house.write(YAML, re.sub(pinned, "", text))
        refused(
            house, "it is not recorded which SQL of version 1 was proven", "Expected: its digest in the YAML"
        )


def test_class_columns_that_were_changed_in_one_place(house: DbtProject) -> None:
    house.query("""update ml_churn set class_columns = '{"score": false}' where version = 1""")
    refused(house, "version 1 has class_columns '{\"score\": false}' in the table and '{\"score\": true}'")
    house.dbt("seed", "--select", "ml_churn").check()
    change(house, YAML, '{"score": true}', '{"score": false}')
    refused(house, "version 1 has class_columns '{\"score\": true}' in the table")
    assert "version 1, class_columns" in scorehouse(house, "check").stdout


def test_class_columns_are_those_of_the_registry_that_was_compared(house: DbtProject) -> None:
    each = "'{{ column }} is {{ label }}'"
    columns = "scorehouse.class_columns('churn' ARGUMENTS).items()"
    told = f"select {{% for column, label in {columns} %}}{each}{{% endfor %}} as x"
    for arguments in ("", ", alias='challenger'", ", version=1"):
        house.write(SCORED, told.replace("ARGUMENTS", arguments))
        house.dbt("run", "--select", "scored").check()
        assert house.query("select x from scored") == [("score is True",)]
        with duckdb.connect(house.database) as connection:
            connection.execute("update ml_churn set sha256 = 'other' where version = 1")
        refused(
            house,
            "scorehouse.class_columns('churn'): the table",
            "differs from the registry in version control",
        )
        house.dbt("seed", "--select", "ml_churn").check()
    house.write(SCORED, told.replace("ARGUMENTS", ", alias='nobody'"))
    refused(house, "scorehouse.class_columns(alias='nobody')", "the aliases are challenger, champion")
