"""The generic dbt tests find the rows that they should find, and no others.

A small foreign project that installs the tests as a package is built and tested once; every test there has
a name, stores the rows that it found, and is a case here.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from dbt.cli.main import dbtRunner, dbtRunnerResult
from dbt.contracts.graph.manifest import Manifest

from project import REPOSITORY, SUPPORT

PROJECT = SUPPORT / "generic_tests"
MACROS = REPOSITORY / "macros"
GENERIC_TESTS = MACROS / "generic_tests"
RUN = "00000000-0000-0000-0000-00000000000"

# Name of the test in _models.yml -> the columns to compare, and the rows in any order.
EXPECTED: dict[str, tuple[str, list[tuple[Any, ...]]]] = {
    "rows_with_a_null_key": ("problem", []),
    "rows_by_a_key_that_is_not_unique": (
        "region, n_features, n_predictions, problem",
        [("north", 2, 2, "duplicated"), ("south", 2, 2, "duplicated")],
    ),
    "rows_of_an_empty_table": (
        "customer_id, n_features, n_predictions, problem",
        [(1, 1, 0, "missing"), (2, 1, 0, "missing"), (3, 1, 0, "missing"), (None, 1, 0, "missing")],
    ),
    "rows_lost_and_doubled": (
        "customer_id, region, n_features, n_predictions, problem",
        [
            (1, "north", 1, 2, "duplicated"),
            (2, "north", 1, 0, "missing"),
            (None, "south", 1, 0, "missing"),
            (9, "south", 0, 1, "orphan"),
        ],
    ),
    "rows_with_orphans_allowed": (
        "customer_id, n_features, n_predictions, problem",
        [(1, 1, 2, "duplicated"), (2, 1, 0, "missing"), (None, 1, 0, "missing")],
    ),
    "range_below_a_column": ("problem", []),
    "range_of_several_columns": ("problem", []),
    "range_open_above": ("problem", []),
    "range_broken": (
        "customer_id, score_column, score_value, problem",
        [
            (2, "score", None, "null"),
            (3, "score", "nan", "not_finite"),
            (4, "score", "inf", "not_finite"),
            (5, "score", "-inf", "not_finite"),
            (6, "score", "-0.25", "below_min"),
            (7, "score", "1.25", "above_max"),
            (9, "score", "0.5", "score_on_rejected_row"),
            (10, "score", "nan", "score_on_rejected_row"),
            (11, "score", None, "null"),
        ],
    ),
    "sum_of_all_classes": ("problem", []),
    "sum_within_a_wide_tolerance": ("problem", []),
    "sum_of_named_columns": ("customer_id, score_sum, problem", [(1, 0.5, "sum_is_not_one")]),
    "sum_broken": (
        "customer_id, problem",
        [
            (2, "null"),
            (3, "not_finite"),
            (4, "not_finite"),
            (5, "sum_is_not_one"),
            (6, "sum_is_not_one"),
            (9, "null"),
        ],
    ),
    "share_at_the_limit": ("n_rows", []),
    "share_of_none": ("n_rows", []),
    "share_of_an_empty_table": ("n_rows", []),
    "share_above_the_limit": (
        "n_rows, n_rejected, rejected_share, max_share, most_frequent_reason",
        [(4, 1, 0.25, 0.2, "null_feature")],
    ),
    "share_by_group": (
        "region, n_rows, n_rejected, rejected_share, max_share, most_frequent_reason",
        [("south", 4, 3, 0.75, 0.25, "unseen_category"), (None, 2, 1, 0.5, 0.25, None)],
    ),
    "registered": ("problem", []),
    "registered_otherwise": (
        "model_name, model_version, model_digest, registered_digest, n_rows, problem",
        [
            ("churn", 1, "ffff", "aa11", 2, "digest_differs"),
            ("churn", 2, None, "bb22", 1, "digest_differs"),
            ("churn", 7, "bb22", None, 1, "unknown_version"),
            ("churn", None, "bb22", None, 1, "unknown_version"),
            ("fraud", 2, "bb22", None, 1, "unknown_version"),
        ],
    ),
    "alias_held": ("problem", []),
    "alias_of_an_empty_table": ("problem", []),
    "alias_first_of_two": (
        "model_name, model_version, model_alias, alias_version, n_rows, problem",
        [("churn", 2, "challenger", 1, 4, "other_version")],
    ),
    "alias_by_nobody": ("model_version, alias_version, problem", [(2, None, "alias_not_held")]),
    "alias_with_a_quote": ("model_alias, problem", [("it's", "alias_not_held")]),
    "alias_twice": ("model_version, problem", [(2, "alias_held_more_than_once")]),
    "alias_of_other_versions": (
        "model_name, model_version, alias_version, n_rows, problem",
        [
            ("churn", 1, 2, 2, "other_version"),
            ("churn", 7, 2, 1, "other_version"),
            ("churn", None, 2, 1, "other_version"),
            ("fraud", 2, None, 1, "alias_not_held"),
        ],
    ),
    "fresh": ("problem", []),
    "fresh_and_empty": ("problem", []),
    "fresh_and_required": (
        "scoring_run_id, problem, n_rows, oldest_at, age_hours, max_age_hours",
        [(None, "no_rows", 0, None, None, 1.0)],
    ),
    "fresh_no_more": (
        "scoring_run_id, problem, n_rows, round(age_hours, 1), max_age_hours",
        [
            (RUN + "1", "too_old", 2, 1.7, 1.25),
            (RUN + "3", "no_timestamp", 1, None, 1.25),
            (RUN + "4", "in_future", 1, -1.0, 1.25),
        ],
    ),
}

# Test, its arguments, and how the error begins and goes on.
REFUSED: list[tuple[str, dict[str, Any], str, str]] = [
    ("one_prediction_per_row", {"features": "t", "key": "id"}, "(features='t'): got the text 't'", "ref('c"),
    ("one_prediction_per_row", {"key": "id"}, "(features=?): got nothing", "Expected: a relation"),
    ("predictions_registered", {"registry": "ml_churn"}, "(registry='ml_churn')", "ref('ml_churn')"),
    ("predictions_by_alias", {"registry": {"a": 1}}, "(registry={'a': 1})", "Expected: a relation"),
    ("rejected_share_below", {}, "(max_share=?): got nothing", "a number from 0 to 1"),
    ("rejected_share_below", {"max_share": "some"}, "(max_share='some'): got the text", "such as 0.01"),
    ("rejected_share_below", {"max_share": 5}, "(max_share=5): got 5", "a number from 0 to 1"),
    ("rejected_share_below", {"max_share": True}, "(max_share=True)", "a number from 0 to 1"),
    ("rejected_share_below", {"max_share": float("nan")}, "(max_share=nan)", "a number from 0 to 1"),
    ("rejected_share_below", {"max_share": 0, "group_by": []}, "(group_by=[])", "a list of such names"),
    ("rejected_share_below", {"max_share": 0, "group_by": ["a", 1]}, "(group_by=['a', 1])", "a list of such"),
    ("score_in_range", {}, "(columns=null): got null", "below one column"),
    ("score_in_range", {"columns": ["a"], "column_name": "a"}, "(columns=['a'])", "and not both"),
    ("score_in_range", {"columns": ["a", " "]}, "(columns=['a', ' '])", "a list of such names"),
    ("score_in_range", {"columns": "a", "min_value": "0"}, "(min_value='0')", "`min_value: null`"),
    ("score_in_range", {"columns": "a", "min_value": 2}, "(min_value=2)", "at most max_value, which is 1"),
    ("score_in_range", {"columns": "a", "max_value": float("inf")}, "(max_value=inf)", "a finite number"),
    ("class_scores_sum_to_one", {"columns": {"a": 1}}, "(columns={'a': 1})", "a list of such names"),
    ("class_scores_sum_to_one", {"tolerance": -1}, "(tolerance=-1)", "a finite number not below 0"),
    ("class_scores_sum_to_one", {"model": "(select 1 as a) as t"}, "(columns=null)", "only a"),
    ("predictions_fresh", {"max_age_hours": None}, "(max_age_hours=null)", "from 0 to 1000000"),
    ("predictions_fresh", {"max_age_hours": 1, "timestamp_column": ["a"]}, "(timestamp_column=['a'])", "one"),
    ("predictions_fresh", {"max_age_hours": 1, "require_rows": "false"}, "(require_rows='false')", "true or"),
]


@dataclass(frozen=True)
class House:
    """A built foreign project: how dbt ended each test, and where the failing rows are."""

    folder: Path
    manifest: Manifest
    outcomes: dict[str, tuple[str, int]]

    def found(self, test: str, columns: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(self.folder / "house.duckdb") as connection:
            return connection.sql(f"select {columns} from main_dbt_test__audit.{test}").fetchall()


def dbt(folder: Path, *arguments: str, manifest: Manifest | None = None) -> dbtRunnerResult:
    places = ["--project-dir", str(folder), "--profiles-dir", str(folder)]
    return dbtRunner(manifest=manifest).invoke(["--quiet", "--warn-error", *arguments, *places])


def install(folder: Path) -> Path:
    """The foreign project in `folder`, with the tests as its package and a session far from UTC."""
    shutil.copytree(PROJECT, folder)
    package = folder / "dbt_packages" / "scorehouse"
    for part in (MACROS / "_checks", MACROS / "_sql", GENERIC_TESTS):
        shutil.copytree(part, package / part.relative_to(REPOSITORY), dirs_exist_ok=True)
    (package / "dbt_project.yml").write_text(yaml.safe_dump({"name": "scorehouse", "version": "0.1.0"}))
    output = {"type": "duckdb", "path": str(folder / "house.duckdb"), "threads": 2}
    output["settings"] = {"TimeZone": "Asia/Tokyo"}
    profile = {"house_with_tests": {"target": "dev", "outputs": {"dev": output}}}
    (folder / "profiles.yml").write_text(yaml.safe_dump(profile))
    return folder


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = install(tmp_path_factory.mktemp("generic") / "project")
    parsed = dbt(folder, "parse")
    assert parsed.success, parsed.exception
    # In one `dbt build`, what stands behind a failing test would be skipped.
    built = dbt(folder, "build", "--exclude-resource-type", "test", manifest=parsed.result)
    assert built.success, built.exception
    tested = dbt(folder, "test", manifest=parsed.result)
    assert not [test.message for test in tested.result if test.status not in ("pass", "fail")]
    outcomes = {test.node.name: (str(test.status), test.failures) for test in tested.result}
    yield House(folder, parsed.result, outcomes)


def test_every_case_ran(house: House) -> None:
    assert house.outcomes.keys() == EXPECTED.keys()


@pytest.mark.parametrize("case", EXPECTED)
def test_finds_exactly(case: str, house: House) -> None:
    columns, rows = EXPECTED[case]
    assert sorted(house.found(case, columns), key=repr) == sorted(rows, key=repr)
    assert house.outcomes[case] == ("fail" if rows else "pass", len(rows))


def test_each_test_passes_once_and_fails_once(house: House) -> None:
    kinds: dict[str, set[str]] = {}
    for node in house.manifest.nodes.values():
        if node.resource_type == "test":
            kinds.setdefault(node.test_metadata.name, set()).add(house.outcomes[node.name][0])
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
    house: House,
    capsys: pytest.CaptureFixture[str],
) -> None:
    given = yaml.safe_dump({"model": "any_table", **arguments})
    operation = ("run-operation", f"scorehouse.test_{test}", "--args", given)
    assert not dbt(house.folder, *operation, manifest=house.manifest).success
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


def test_every_argument_is_described(house: House) -> None:
    macros = [m for m in house.manifest.macros.values() if m.package_name == "scorehouse"]
    assert not [m.name for m in macros if m.name.startswith("test_") and not m.description]
    public = [m for m in macros if m.name.startswith("test_")]
    assert not [(m.name, a.name) for m in public for a in m.arguments if not (a.type and a.description)]
