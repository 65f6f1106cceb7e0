"""Nights that score nothing, late data and a loader's faults (REVIEW 0)."""

from __future__ import annotations

from life_bugs import Bug

BUGS = (
    Bug(
        "a prediction table that dbt skipped leaves no row in the run log",
        review="0",
        edits=(
            (
                "macros/run_log/close_runs.sql",
                "selectattr('status', 'in', ['error', 'skipped'])",
                "selectattr('status', 'in', ['error'])",
            ),
        ),
        events=("broken upstream",),
    ),
    Bug(
        "a test of a column whose name no file can have is said without the column",
        review="0",
        edits=(
            (
                "macros/run_log/_log_unscored.sql",
                "' of ' ~ column if column and '_' ~ column ~ '_' not in name else ''",
                "''",
            ),
            (
                "src/scorehouse/report/outcome.py",
                'name = f"{name} of {column}"',
                "pass",
            ),
        ),
        events=("second week: watch it", "fault: NULL in 30 % of 'spend, and fees'"),
    ),
    Bug(
        "a run without rows is grey, and input that stands still is not looked at",
        review="0",
        edits=(
            (
                "src/scorehouse/report/limits.py",
                'if share is None and (run.get("slice_from") or run.get("rows_left")):',
                "if share is None:",
            ),
            (
                "src/scorehouse/report/rhythm.py",
                'if new and new[0]["new_at"] < rows[0]["scored_at"]:',
                "if not rows:",
            ),
        ),
        events=("upstream without data",),
    ),
    Bug(
        "a day without rows between days that have rows is noticed by nothing",
        review="0",
        edits=(
            (
                "macros/monitoring_tests/_volume_findings.sql",
                "    having count(*) >= 3\n",
                "    having count(*) >= 5\n",
            ),
        ),
        events=("upstream without data",),
    ),
    Bug(
        "scores are late after three gaps only",
        review="0",
        edits=(
            (
                "src/scorehouse/report/limits.py",
                "gap.days if gap.is_limit else gap.days + max(LATE * gap.days, LATE_DAYS)",
                "3 * gap.days",
            ),
        ),
        events=("nobody builds",),
    ),
    Bug(
        "monitors have windows of a month only",
        review="0",
        edits=(
            (
                "src/scorehouse/cli/monitors.py",
                '        written += [_drift(model, "daily_drift", "day")]\n',
                "        pass\n",
            ),
            (
                "src/scorehouse/cli/monitors.py",
                """f"ref('{name}_daily_drift')" if model.is_dated_longer else None,""",
                "None,",
            ),
        ),
        events=("until the 24th", "fault: cut off at its mean of 'distance'"),
    ),
    Bug(
        "single rows beyond the range of training are a warning",
        review="0",
        edits=(
            (
                "src/scorehouse/cli/scaffold_tests.py",
                '    limits |= {"max_share": OUTSIDE} | ({"training_rows": rows} if rows else {})\n',
                "",
            ),
        ),
        events=("clean night", "clean night"),
    ),
    Bug(
        "a fault of the loader is a reason to retrain",
        review="0",
        edits=(
            (
                "macros/monitoring/_data_faults.sql",
                "    where status = 'drift'\n",
                "    where 1 = 0\n",
            ),
        ),
        events=("rows copied",),
    ),
)
