"""Faults between a promotion and the monitors: seeds not loaded, and rows of training as performance."""

from __future__ import annotations

from life_bugs import Bug

BUGS = (
    Bug(
        "a promotion scores with a version whose reference is not loaded, and prints the command for it",
        review="1",
        edits=(
            (
                "macros/scoring/_request/_registries.sql",
                "scorehouse._seeds_not_loaded(node['name'][3:])",
                "{}",
            ),
            (
                "macros/monitoring/_is_loaded.sql",
                "row[0] in missing,",
                "row[0] in [],",
            ),
            (
                "src/scorehouse/registry/seeds.py",
                'return f"dbt build --select tag:ml_{name}+"',
                'return f"dbt build --select ml_{name}+"',
            ),
        ),
        events=("retrained and promoted",),
    ),
    Bug(
        "no drift row of the version counts as no drift",
        review="1",
        edits=(
            (
                "macros/monitoring/retraining_signals.sql",
                "{{ 'drifted.n_drifted' if drift is not none",
                "{{ 'coalesce(drifted.n_drifted, 0)' if drift is not none",
            ),
        ),
        events=("promoted in parts",),
    ),
    Bug(
        "a monitor without its seed is a placeholder",
        review="2",
        edits=(
            (
                "macros/monitoring/_is_loaded.sql",
                "{% elif flags.WHICH in ['compile', 'generate', 'list', 'parse'] %}",
                "{% elif true %}",
            ),
        ),
        events=("monitors later",),
    ),
    Bug(
        "a profile keeps the bins of an earlier reference",
        review="2",
        edits=(
            (
                "macros/monitoring/_profile/_profile_source.sql",
                "{%- if config.get('unique_key') %}",
                "{%- if false %}",
            ),
        ),
        # a life profiles by day, which counts every row anew; a profile by run does not
        test="tests/python/monitoring/test_version_monitored.py",
    ),
    Bug(
        "performance counts training rows as if they were new",
        review="7",
        edits=(
            (
                "macros/monitoring/_performance/_labelled_rows.sql",
                "scorehouse._is_training_row(predictions, spec) if labels is not none",
                "none",
            ),
        ),
        events=("clean night",),
    ),
    Bug(
        "a version that is registered twice scores as either",
        review="",
        edits=(
            (
                "src/scorehouse/registry/version.py",
                "if twice := next((label for label, count in counts.items() if count > 1), None):",
                "if twice := None:",
            ),
        ),
        events=("same version on two branches",),
    ),
    Bug(
        "a threshold by which all rows have one label is taken",
        review="-",
        edits=(
            (
                "src/scorehouse/registry/label_rule.py",
                "PROBABILITY and not 0 < threshold <= 1:",
                "PROBABILITY and not -1 < threshold < 2:",
            ),
        ),
        events=("threshold refused",),
    ),
    Bug(
        "the alias that prediction tables score with can be removed",
        review="-",
        edits=(
            (
                "src/scorehouse/registration/promote.py",
                'if holder is None or alias == "champion":',
                "if holder is None:",
            ),
        ),
        events=("alias removed",),
    ),
    Bug(
        "intervals are calibrated with training rows",
        review="7",
        edits=(
            (
                "macros/intervals/_calibration_rows.sql",
                "{%- set is_training = scorehouse._is_training_row(predictions, spec) %}",
                "{%- set is_training = none %}",
            ),
        ),
        events=("clean night", "clean night"),
    ),
)
