"""The generic dbt tests find the rows that they should find, and no others.

A small foreign project that installs the tests as a package is built and tested once; every test there has
a name, stores the rows that it found, and is a case here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from dbt.contracts.graph.manifest import Manifest

from generic_tests import EXPECTED, GENERIC_TESTS, dbt, install
from project import DbtProject

# Test, its arguments, and how the error begins and goes on.
REFUSED: list[tuple[str, dict[str, Any], str, str]] = [
    (
        "one_prediction_per_row",
        {"features": "t", "key": "id"},
        "(features='t'): got the string 't'",
        "ref('c",
    ),
    ("one_prediction_per_row", {"key": "id"}, "(features=?): got nothing", "Expected: a relation"),
    ("predictions_registered", {"registry": "ml_churn"}, "(registry='ml_churn')", "ref('ml_churn')"),
    ("predictions_by_alias", {"registry": {"a": 1}}, "(registry={...})", "Expected: a relation"),
    ("rejected_share_below", {}, "(max_share=?): got nothing", "a number from 0 to 1"),
    ("rejected_share_below", {"max_share": "some"}, "(max_share='some'): got the string", "such as 0.01"),
    ("rejected_share_below", {"max_share": 5}, "(max_share=5): got 5", "a number from 0 to 1"),
    ("rejected_share_below", {"max_share": True}, "(max_share=True)", "a number from 0 to 1"),
    ("rejected_share_below", {"max_share": float("nan")}, "(max_share=nan)", "a number from 0 to 1"),
    ("rejected_share_below", {"max_share": 0, "group_by": []}, "(group_by=[])", "a list of such names"),
    ("rejected_share_below", {"max_share": 0, "group_by": ["a", 1]}, "(group_by=['a', 1])", "a list of such"),
    ("score_in_range", {}, "(columns=null): got null", "the test on one column"),
    (
        "score_in_range",
        {"columns": ["a"], "column_name": "a"},
        "(columns=['a'])",
        "either the test on one column",
    ),
    ("score_in_range", {"columns": ["a", " "]}, "(columns=['a', ' '])", "a list of such names"),
    ("score_in_range", {"columns": "a", "min_value": "0"}, "(min_value='0')", "`min_value: null`"),
    ("score_in_range", {"columns": "a", "min_value": 2}, "(min_value=2)", "at most max_value, which is 1"),
    ("score_in_range", {"columns": "a", "max_value": float("inf")}, "(max_value=inf)", "a finite number"),
    ("class_scores_sum_to_one", {"columns": {"a": 1}}, "(columns={...})", "a list of such names"),
    ("class_scores_sum_to_one", {"tolerance": -1}, "(tolerance=-1)", "a finite number not below 0"),
    ("class_scores_sum_to_one", {"model": "(select 1 as a) as t"}, "(columns=null)", "only a"),
    ("columns_not_null", {"columns": []}, "(columns=[])", "a list of such names"),
    ("columns_not_null", {"columns": "a", "except": "b"}, "(except='b')", "keep one of the two lists"),
    ("columns_not_null", {"model": "(select 1 as a) as t", "except": "b"}, "(except=['b'])", "correct b"),
    ("teacher_agrees", {"key": "id"}, "(gap=?): got nothing", "such as 0.1"),
    ("teacher_agrees", {"key": "id", "gap": 0.1, "max_share": 2}, "(max_share=2)", "a number from 0 to 1"),
    ("teacher_agrees", {"key": "id", "gap": 0.1, "teacher": ""}, "(teacher='')", "the alias of a version"),
    ("predictions_fresh", {"max_age_hours": None}, "(max_age_hours=null)", "from 0 to 1000000"),
    ("predictions_fresh", {"max_age_hours": 1, "timestamp_column": ["a"]}, "(timestamp_column=['a'])", "one"),
    ("predictions_fresh", {"max_age_hours": 1, "require_rows": "false"}, "(require_rows='false')", "true or"),
]


@dataclass(frozen=True)
class ProjectWithTests:
    """A built foreign project: how dbt ended each test, and where the failing rows are."""

    folder: Path
    manifest: Manifest
    outcomes: dict[str, tuple[str, int]]

    def found(self, test: str, columns: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(self.folder / "house.duckdb") as connection:
            return connection.sql(f"select {columns} from main_dbt_test__audit.{test}").fetchall()


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProjectWithTests]:
    folder = install(tmp_path_factory.mktemp("generic") / "project")
    parsed = dbt(folder, "parse")
    assert parsed.success, parsed.exception
    # In one `dbt build`, what stands behind a failing test would be skipped.
    built = dbt(folder, "build", "--exclude-resource-type", "test", manifest=parsed.result)
    assert built.success, built.exception
    tested = dbt(folder, "test", manifest=parsed.result)
    assert not [test.message for test in tested.result if test.status not in ("pass", "fail")]
    outcomes = {test.node.name: (str(test.status), test.failures) for test in tested.result}
    yield ProjectWithTests(folder, parsed.result, outcomes)


def test_every_case_ran(project: ProjectWithTests) -> None:
    assert project.outcomes.keys() == EXPECTED.keys()


@pytest.mark.parametrize("case", EXPECTED)
def test_finds_exactly(case: str, project: ProjectWithTests) -> None:
    columns, rows = EXPECTED[case]
    assert sorted(project.found(case, columns), key=repr) == sorted(rows, key=repr)
    names = columns.split(", ")
    counted = sum(row[names.index("n_rejected")] for row in rows) if "n_rejected" in names else len(rows)
    assert project.outcomes[case] == ("fail" if rows else "pass", counted)


def test_each_test_passes_once_and_fails_once(project: ProjectWithTests) -> None:
    kinds: dict[str, set[str]] = {}
    for node in project.manifest.nodes.values():
        if node.resource_type == "test":
            kinds.setdefault(node.test_metadata.name, set()).add(project.outcomes[node.name][0])
    written = {path.stem for path in GENERIC_TESTS.glob("[!_]*.sql")}
    assert kinds == {name: {"pass", "fail"} for name in written}


@pytest.mark.parametrize(
    ("test", "arguments", "begins", "goes_on"), REFUSED, ids=[case[0] + case[2] for case in REFUSED]
)
def test_refuses(
    test: str,
    arguments: dict[str, Any],
    begins: str,
    goes_on: str,
    project: ProjectWithTests,
    capsys: pytest.CaptureFixture[str],
) -> None:
    given = yaml.safe_dump({"model": "any_table", **arguments})
    operation = ("run-operation", f"scorehouse.test_{test}", "--args", given)
    assert not dbt(project.folder, *operation, manifest=project.manifest).success
    message = capsys.readouterr().out
    assert f"scorehouse.{test}{begins}" in message
    assert goes_on in message.partition(begins)[2]


def test_refuses_while_parsing(tmp_path: Path) -> None:
    folder = install(tmp_path / "project")
    wrong = {"scorehouse.rejected_share_below": {"arguments": {"max_share": 5}}}
    models = {"models": [{"name": "good", "data_tests": [wrong]}]}
    (folder / "models" / "_models.yml").write_text(yaml.safe_dump(models))
    result = dbt(folder, "parse")
    assert "scorehouse.rejected_share_below(max_share=5): got 5." in str(result.exception)


def test_every_argument_is_described(project: ProjectWithTests) -> None:
    macros = [m for m in project.manifest.macros.values() if m.package_name == "scorehouse"]
    assert not [m.name for m in macros if m.name.startswith("test_") and not m.description]
    public = [m for m in macros if m.name.startswith("test_")]
    assert not [(m.name, a.name) for m in public for a in m.arguments if not (a.type and a.description)]


@pytest.mark.parametrize("settings", ["", "\n          config: {limit: 5}"])
def test_a_table_that_is_not_there_is_no_success(tmp_path: Path, settings: str) -> None:
    """Its columns are not known, so there is none to count the NULLs of."""
    project = DbtProject(tmp_path / "house")
    project.write("models/counted.sql", "select 1 as a")
    test = f"\n      - scorehouse.columns_not_null:\n          arguments: {{}}{settings}"
    project.write("models/counted.yml", f"models:\n  - name: counted\n    data_tests:{test}\n")
    tested = project.dbt("test")
    assert not tested.success
    assert "counted does not exist" in str(tested.messages)
    project.build().check()
