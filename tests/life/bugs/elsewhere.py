"""Faults that lives on engines other than a DuckDB file have found, and that only lives there meet."""

from __future__ import annotations

from life_bugs import Bug

BUGS = (
    Bug(
        "commands look for a lake as a file",
        review="(ducklake)",
        engine="ducklake",
        edits=(
            (
                "src/scorehouse/cli/duckdb_file.py",
                "text.startswith(LAKE) else file",
                'text == "" else project / text',
            ),
        ),
        events=("clean night",),
    ),
    Bug(
        "the run log's view has a comment, which a DuckLake loses when it tries a commit again",
        review="(ducklake)",
        engine="ducklake",
        edits=(
            (
                "models/installed/run_log/_scorehouse_runs.yml",
                "relation: \"{{ target.type != 'duckdb' }}\"",
                "relation: true",
            ),
        ),
        test="with the one thread that a lake needs, no commit is tried again",
    ),
    Bug(
        "the row that a run began with is a run of its own on a lake",
        review="(ducklake)",
        engine="ducklake",
        edits=(
            (
                "src/scorehouse/project/run_log_place.py",
                "where status <> 'started' or not exists ({closing}))",
                "where true or not exists ({closing}))",
            ),
        ),
        events=("looked up",),
    ),
    Bug(
        "compiled SQL does not count which rows are new, changed or unchanged",
        review="10d",
        engine="postgres",
        edits=(
            (
                "macros/warehouse/_warehouse_log_values.sql",
                "zip(scorehouse._each('rows_<value>', states), states.values())",
                "[]",
            ),
        ),
        events=("clean night",),
    ),
    Bug(
        "SQL alone scores with a threshold by which all rows have one label",
        review="(postgres)",
        engine="postgres",
        edits=(
            (
                "macros/predict/_check_registry_table.sql",
                "and (threshold <= 0 or threshold > 1),",
                "and false,",
            ),
        ),
        events=("threshold refused",),
    ),
    Bug(
        "the newest window is looked for once per row, for which PostgreSQL takes minutes",
        review="(postgres)",
        engine="postgres",
        test="a slow query, which a life of few windows does not notice",
        edits=(
            (
                "macros/monitoring_tests/_latest_rows.sql",
                "        or window_start = newest_start\n",
                "        or window_start = (\n            select max(newest.window_start) from "
                "{{ scorehouse._named(model, 'newest') }} where newest.ml_model = placed.ml_model)\n",
            ),
        ),
        events=("clean night",),
    ),
)
