"""Lights that cannot turn red."""

from __future__ import annotations

from life_bugs import Bug

LEARNED = "macros/monitoring/_drift/_drift_learned.sql"
VERDICTS = "macros/monitoring/_drift/_drift_verdicts.sql"
BEYOND = "value >= threshold or value >= own_limit and value >= reached_value"

BUGS = (
    Bug(
        "a unit that training is too short for takes the largest limit",
        review="3",
        edits=(
            (LEARNED, "and {{ scorehouse._is_fitting_unit() }}", "and 1 = 1"),
            (LEARNED, "{{ scorehouse._calm() }} as calm", "1e0 as calm"),
            (
                LEARNED,
                "{{ scorehouse._unit_effect('rows_current') }} as effect",
                "case when training_units.unit = 'cluster' then effect "
                "else 1e0 + (effect - 1e0) * rows_current / window_rows end as effect",
            ),
            (
                LEARNED,
                "spans.days >= 4e0 * unit_days then usual end as beyond",
                "1 = 0 then usual end as beyond",
            ),
            (VERDICTS, "when is_blind = 1 then 'blind'", ""),
            (VERDICTS, f"when {BEYOND} then 'not_judged'", ""),
        ),
        # the world of a life has no feature of the calendar
        test="tests/python/monitoring/test_monitoring_lights.py",
    ),
    Bug(
        "a value beyond its limit is fine where chance cannot be excluded",
        review="3",
        edits=((VERDICTS, f"when {BEYOND} then 'not_judged'", ""),),
        events=("clean night",),
    ),
    Bug(
        "labels that come no more are never overdue",
        review="-",
        edits=(("macros/monitoring/_performance/_performance_rows.sql", "            {{ overdue }}\n", ""),),
        events=("labels stop",),
    ),
    Bug(
        "after dbt compile or docs generate, a failed test counts as passed",
        review="-",
        edits=(("src/scorehouse/report/dbt_results.py", "run = run if command in ENDING else {}", "pass"),),
        # a life builds and tests, and does nothing else before it looks
        test="tests/python/monitoring/test_report_causes.py",
    ),
)
