"""A small foreign project in which each generic dbt test has rows to find, and what it has to find."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import yaml
from dbt.cli.main import dbtRunner, dbtRunnerResult
from dbt.contracts.graph.manifest import Manifest

from project import REPOSITORY, SUPPORT

PROJECT = SUPPORT / "generic_tests_project"
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
    "nulls_of_all_columns": (
        "column_name, null_rows",
        [("score_no", 2), ("score_yes", 3), ("row_status", 1)],
    ),
    "nulls_of_a_named_column": ("column_name, null_rows", []),
    "nulls_but_of_scores": ("column_name, null_rows", [("row_status", 1)]),
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
    "reasons_that_add_up": ("problem", []),
    "reasons_of_a_named_output": ("problem", []),
    "reasons_within_a_wide_tolerance": ("problem", []),
    "reasons_broken": (
        "customer_id, problem",
        [
            (5, "sum_is_not_total"),
            (6, "sum_is_not_total"),
            (8, "incomplete"),
            (9, "reasons_of_rejected_row"),
            (10, "not_finite"),
            (11, "incomplete"),
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
    "students_who_agree": ("problem", []),
    "students_who_differ": (
        "column_name, n_rows, n_beyond, round(share_beyond, 3), round(mean_gap, 9), largest_gap, problem",
        [("score", 7, 5, 0.714, 0.1, 0.25, "gap_too_large")],  # 7 and 8 are there of one of them only
    ),
    "students_too_few": ("column_name, n_rows, problem", [("score", 7, "too_few_rows")]),
    "students_of_nobody": ("n_rows, share_beyond, problem", [(5, 1.0, "gap_too_large")]),
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


def dbt(folder: Path, *arguments: str, manifest: Manifest | None = None) -> dbtRunnerResult:
    places = ["--project-dir", str(folder), "--profiles-dir", str(folder)]
    return dbtRunner(manifest=manifest).invoke(["--quiet", "--warn-error", *arguments, *places])


def install(folder: Path) -> Path:
    """The foreign project in `folder`, with the tests as its package and a session far from UTC."""
    shutil.copytree(PROJECT, folder)
    package = folder / "dbt_packages" / "scorehouse"
    for part in (MACROS / "_checks", MACROS / "_sql", GENERIC_TESTS):
        shutil.copytree(part, package / part.relative_to(REPOSITORY), dirs_exist_ok=True)
    shutil.copy(MACROS / "run_log" / "run_log_relation.sql", package / "macros")
    (package / "dbt_project.yml").write_text(yaml.safe_dump({"name": "scorehouse", "version": "0.1.0"}))
    packages = {"packages": [{"local": str(package)}]}  # dbt-core 1.12 refuses one that is not listed
    (folder / "packages.yml").write_text(yaml.safe_dump(packages))
    output = {"type": "duckdb", "path": str(folder / "house.duckdb"), "threads": 2}
    output["settings"] = {"TimeZone": "Asia/Tokyo"}
    profile = {"house_with_tests": {"target": "dev", "outputs": {"dev": output}}}
    (folder / "profiles.yml").write_text(yaml.safe_dump(profile))
    return folder
