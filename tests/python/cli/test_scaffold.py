"""`scorehouse scaffold tests`: what it writes runs in dbt, passes on good rows, and finds the bad ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from click.testing import CliRunner, Result
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from project import Build, DbtProject
from scorehouse.cli.main import main
from scorehouse.cli.scaffold_tests import _whole

pytestmark = pytest.mark.slow

PLANS = ["it's", "{{ braces }}", "{{{ env_var('HOME') }}}", "plain", "ü"]
GOOD = (
    "select 1 as id, 5.5e0 as amount, 3 as visits, 'it''s' as plan, true as active\n"
    "union all select 2, 0.5e0, 0, '{{ '{{' }} braces }}', false\n"
    "union all select 3, 9.5e0, 9, 'ü', false\n"
    "union all select 4, 9.6e0, 9, 'ü', false"  # one row may exceed the range of training by chance
)
BAD = (
    "select 4 as id, null::double as amount, 3 as visits, 'plain' as plan, true as active\n"
    "union all select 5, 99e0, 3, 'plain', true\n"
    "union all select 6, 5e0, -1, 'plain', true\n"
    "union all select 7, 5e0, 3, null, true\n"
    "union all select 8, 5e0, 3, 'it', true\n"
    "union all select 9, 5e0, 3, 'plain', null\n"
    "union all select 10, 'nan'::double, 3, 'plain', true\n"
    "union all select i, 99e0, -1, 'plain', true from range(11, 14) as more (i)"
)
# beginning of a test's name -> how it ends on the bad rows, and how many of them it finds
FOUND = {
    "scorehouse_feature_not_null_features_active": ("fail", "1"),
    "scorehouse_feature_not_null_features_amount": ("fail", "1"),
    "scorehouse_feature_not_null_features_plan": ("fail", "1"),
    "scorehouse_feature_in_categories_features_plan": ("fail", "1"),
    "scorehouse_feature_in_range_features_amount": ("warn", "5"),
    "scorehouse_feature_in_range_features_visits": ("warn", "4"),
}


@pytest.fixture
def registered(project: DbtProject) -> DbtProject:
    random = np.random.default_rng(0)
    X = pd.DataFrame(
        {
            "amount": np.linspace(0.5, 9.5, 80),
            "visits": np.arange(80) % 10,
            "plan": random.choice(PLANS, 80),
            "active": random.random(80) > 0.5,
        }
    )
    encode = make_column_transformer(
        (OneHotEncoder(), ["plan"]), (StandardScaler(), ["amount", "visits", "active"])
    )
    estimator = make_pipeline(encode, LogisticRegression()).fit(X, X["amount"] > 5)
    project.register(estimator, "churn", X, task="classification")
    return project


def scaffold(project: DbtProject, *options: str) -> Result:
    where = ["--project-dir", str(project.folder)]
    return CliRunner().invoke(main, ["scaffold", "tests", "churn", "--table", "features", *where, *options])


def run_tests(project: DbtProject, features: str) -> Build:
    project.features(features)
    project.dbt("run", "--select", "features").check()
    return project.dbt("test", "--select", "features")


def test_what_is_written_runs_both_ways(registered: DbtProject) -> None:
    file = registered.folder / "models" / "_features.yml"
    assert scaffold(registered, "--output", str(file)).exit_code == 0
    good = run_tests(registered, GOOD)
    statuses = {name: status for name, status in good.statuses.items() if "on-run" not in name}
    assert len(statuses) == 15 and set(statuses.values()) == {"pass"}, good.messages
    bad = run_tests(registered, BAD)
    found = {name: status for name, status in bad.statuses.items() if status in ("fail", "warn", "error")}
    assert len(found) == len(FOUND), found
    for beginning, (status, count) in FOUND.items():
        (name,) = (name for name in found if name.startswith(beginning))
        assert found[name] == status
        assert f"Got {count} result" in bad.messages[name]


@pytest.mark.parametrize("keys", [("id",), ("id", "plan")])
def test_a_key_that_is_there_twice_or_null_stops_the_build(
    registered: DbtProject, keys: tuple[str, ...]
) -> None:
    file = registered.folder / "models" / "_features.yml"
    options = [word for key in keys for word in ("--key", key)]
    assert scaffold(registered, "--output", str(file), *options).exit_code == 0
    once = "select 1 as id, 5.5e0 as amount, 3 as visits, 'plain' as plan, true as active"
    both = (once, once.replace("'plain'", "'ü'"))  # a key of two columns differs
    bad = (*both, once, once.replace("1 as id", "null::int as id"))

    def found(rows: tuple[str, ...]) -> dict[str, str]:
        built = run_tests(registered, "\nunion all ".join(rows))
        names = [name for name in built.statuses if name.startswith(("unique_", "not_null_features_id"))]
        return {name.partition("_features_")[0]: built.messages[name] for name in names}

    assert len(found((once,))) == 2
    whole = found(both)["unique"]
    assert ("Got 1 result" in whole) is (len(keys) == 1), whole
    said = found(bad)
    assert "Got 1 result" in said["unique"] and "Got 1 result" in said["not_null"], said


def test_a_key_of_several_columns_is_tested_where_names_are_quoted_so(
    registered: DbtProject, capsys: pytest.CaptureFixture[str]
) -> None:
    twice = yaml.safe_load(scaffold(registered, "--key", "id", "--key", "id", "--key", "PLAN").output)
    (table,) = twice["models"]
    assert table["data_tests"] == [{"unique": {"arguments": {"column_name": "concat(id, chr(31), plan)"}}}]
    assert sorted(column["name"] for column in table["columns"]) == [
        "active",
        "amount",
        "id",
        "plan",
        "visits",
    ]
    assert _whole(["id", "Day"], "postgres") == 'concat(id, chr(31), "Day")'
    assert _whole(["id", "Day"], "bigquery") == ""  # which reads a text there
    assert "no test that id, Day are unique together is written for bigquery" in capsys.readouterr().err


def test_types_are_found_even_in_an_empty_table(registered: DbtProject) -> None:
    file = registered.folder / "models" / "_features.yml"
    scaffold(registered, "--output", str(file))
    empty = run_tests(
        registered,
        "select 1 as id, time '12:00' as amount, 1::uhugeint as visits, 5 as plan, 1 as active where false",
    )
    names = ("amount", "visits", "plan", "active")
    found = {name for name, status in empty.statuses.items() if status == "error"}
    assert {name.partition("features_")[2].partition("_")[0] for name in found if "has_type" in name} == set(
        names
    )
    says_nothing_raw(empty)
    file.write_text(file.read_text().replace("severity: error", "severity: warn"))
    warned = registered.dbt("test", "--select", "features,test_name:feature_has_type")
    assert [status for name, status in warned.statuses.items() if "has_type" in name] == ["warn"] * 4


def says_nothing_raw(build: Build) -> None:
    """Errors are in our words, not the database's."""
    for name, status in build.statuses.items():
        if status == "error":
            said = build.messages[name]
            assert "Expected: " in said and "What to do: " in said and "Binder" not in said, said


def test_a_column_renamed_or_retyped_upstream_is_named(registered: DbtProject) -> None:
    file = registered.folder / "models" / "_features.yml"
    scaffold(registered, "--output", str(file))
    changed = run_tests(
        registered,
        "select 1 as id, 'much' as amount, 3 as visits_of_month, 5 as plan, true as active",
    )
    says_nothing_raw(changed)
    messages = [text for name, text in changed.messages.items() if changed.statuses[name] == "error"]
    for words, count in {
        ("amount of features is varchar", "a number"): 1,
        ("features has no column visits", "visits_of_month"): 3,
        ("plan of features is integer", "a string"): 2,
    }.items():
        assert sum(all(each in text for each in words) for text in messages) == count, messages
    assert len(messages) == 6


def test_a_wrong_type_is_no_error_of_a_test_that_warns(registered: DbtProject) -> None:
    file = registered.folder / "models" / "_features.yml"
    scaffold(registered, "--output", str(file), "--severity", "warn", "--range-severity", "warn")
    texts = "select 1 as id, 'much' as amount, '99' as visits, 7 as plan, 'yes' as active"
    ended = run_tests(registered, texts)
    found = {
        (name.split("_features_")[0].removeprefix("scorehouse_feature_"), column): status
        for name, status in ended.statuses.items()
        for column in ("amount", "visits", "plan", "active")
        if f"_features_{column}_" in name and status != "pass"
    }
    wrong = {("has_type", column): "warn" for column in ("amount", "visits", "plan", "active")}
    wrong |= {("in_range", column): "warn" for column in ("amount", "visits")}
    assert found == wrong | {("in_categories", "plan"): "warn"}, ended.messages


def test_types_that_dbt_cannot_look_up_are_found(project: DbtProject) -> None:
    """Of an ephemeral model, with `where` or without, of a file, and of a table that was never built."""
    (project.folder / "rows.csv").write_text("amount,plan\n1.5,basic\n")
    early = "{{ config(materialized='ephemeral') }} select 1.5e0 as amount, 'basic' as plan"
    lines: list[dict[str, Any]] = []
    project.write("models/early.sql", early)
    project.features(early.partition("}} ")[2], name="never")
    typed, has_type = {"type": "double"}, "scorehouse.feature_has_type"
    for column in ("amount", "plan", "nosuch"):
        whole = {has_type: {"arguments": typed}}
        part = {
            has_type: {"arguments": typed, "name": f"part_{column}", "config": {"where": "plan is not null"}}
        }
        lines.append({"name": column, "data_tests": [whole, part]})
    lines[0]["data_tests"] += [
        {"scorehouse.feature_not_null": {"arguments": typed}},
        {"scorehouse.feature_in_range": {"arguments": {"min_value": 2}}},
        {"scorehouse.feature_in_categories": {"arguments": {**typed, "values": [1.5]}}},
    ]
    document = {
        "version": 2,
        "models": [
            {"name": "early", "columns": lines},
            {"name": "never", "columns": [{"name": "amount", "data_tests": lines[0]["data_tests"][:1]}]},
        ],
        "sources": [
            {
                "name": "files",
                "tables": [
                    {
                        "name": "rows",
                        "config": {"meta": {"external_location": "rows.csv"}},
                        "columns": [
                            {"name": line["name"], "data_tests": line["data_tests"][:1]} for line in lines
                        ],
                    }
                ],
            }
        ],
    }
    project.write("models/_models.yml", yaml.safe_dump(document))
    ended = project.dbt("test").statuses
    assert {
        name.removeprefix("scorehouse_"): status for name, status in ended.items() if "on-run" not in name
    } == {
        "feature_has_type_early_amount__double": "pass",
        "feature_has_type_early_plan__double": "fail",
        "feature_has_type_early_nosuch__double": "error",
        "part_amount": "pass",
        "part_plan": "fail",
        "part_nosuch": "error",
        "feature_not_null_early_amount__double": "pass",
        "feature_in_range_early_amount__2": "fail",
        "feature_in_categories_early_amount__double__1_5": "pass",
        "feature_has_type_never_amount__double": "error",
        "source_feature_has_type_files_rows_amount__double": "pass",
        "source_feature_has_type_files_rows_plan__double": "fail",
        "source_feature_has_type_files_rows_nosuch__double": "error",
    }


def test_severities(registered: DbtProject) -> None:
    text = scaffold(registered, "--severity", "warn", "--range-severity", "error").output
    (model,) = yaml.safe_load(text)["models"]
    severities: dict[str, set[str]] = {}
    for column in model["columns"]:
        for test in column["data_tests"]:
            ((name, body),) = test.items()
            severities.setdefault(name, set()).add(body["config"]["severity"])
    assert severities == {
        "scorehouse.feature_has_type": {"warn"},
        "scorehouse.feature_in_range": {"error"},
        "scorehouse.feature_not_null": {"warn"},
        "scorehouse.feature_plausible": {"warn"},
        "scorehouse.feature_in_categories": {"warn"},
    }


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--alias", "nobody"], "no version of ML model 'churn' has the alias 'nobody'"),
        (["--version", "7"], "has no version 7"),
    ],
)
def test_refused(registered: DbtProject, options: list[str], says: str) -> None:
    ended = scaffold(registered, *options)
    assert ended.exit_code == 1 and says in ended.output


def test_nothing_is_overwritten(registered: DbtProject, tmp_path: Path) -> None:
    file = tmp_path / "mine.yml"
    file.write_text("mine")
    ended = scaffold(registered, "--output", str(file))
    assert ended.exit_code == 1 and "exists" in ended.output and file.read_text() == "mine"


WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("feature_in_range", {}, "(min_value=null): got null"),
    ("feature_in_range", {"min_value": "0"}, "(min_value='0'): got the string '0'"),
    ("feature_in_range", {"min_value": 2, "max_value": 1}, "at most max_value, which is 1"),
    ("feature_in_range", {"min_value": 0, "allow_nan": "no"}, "(allow_nan='no'): got the string 'no'"),
    ("feature_has_type", {"type": "int"}, "(type='int'): got the string 'int'"),
    ("feature_plausible", {"type": "double"}, "(max_missing=null): got null"),
    ("feature_plausible", {"type": "string", "min_value": 0}, "(min_value=0): got 0"),
    ("feature_plausible", {"type": "double", "mean": 5}, "both mean, other than 0, and deviation"),
]


def test_wrong_arguments(project: DbtProject, capsys: pytest.CaptureFixture[str]) -> None:
    for test, arguments, says in WRONG:
        given = {"model": "t", "column_name": "c", **arguments}
        assert not project.operation(f"scorehouse.test_{test}", **given)
        message = capsys.readouterr().out
        assert f"scorehouse.{test}(" in message and says in message
