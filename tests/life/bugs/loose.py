"""Bugs about files of programs, lines of JSON, stopping, and builds of a part of the graph."""

from __future__ import annotations

from life_bugs import Bug

BUGS = (
    Bug(
        "no index of a program's file is checked",
        review="12",
        edits=(
            (
                "src/scorehouse/program/arrays_file.py",
                "    if not is_so:\n        raise ValueError(problem)",
                "    return",
            ),
        ),
        events=("altered program",),
    ),
    Bug(
        "JSON lines end at every line end of Unicode",
        review="13",
        edits=(
            (
                "src/scorehouse/evidence/canonical.py",
                'for line in data.split(b"\\n") if line.strip()]',
                "for line in data.decode().splitlines()]",
            ),
        ),
        events=("sealed",),
    ),
    Bug(
        "abstain beside bands alone is ignored",
        review="17",
        edits=(
            (
                "src/scorehouse/scoring/decision.py",
                "self.abstain is not None and not has_yes,",
                "False,",
            ),
        ),
        events=("bands of a mart",),
    ),
    Bug(
        "a small band of the mart is no number",
        review="17",
        edits=(
            (
                "src/scorehouse/cli/scaffold_mart.py",
                "BAND.format(low=double(low), high=double(high))",
                'BAND.format(low=f"{low!r}e0", high=f"{high!r}e0")',
            ),
        ),
        events=("bands of a mart",),
    ),
    Bug(
        "a command that is stopped waits for every batch",
        review="17",
        edits=(("src/dbt_scorehouse/__init__.py", "    os._exit(128 + number)", "    return"),),
        # no estimator of a life takes minutes for a batch
        test="tests/python/scoring/test_stopped_runs.py",
    ),
    Bug(
        "a test of a table that is not built fails in the words of the database",
        review="B9",
        edits=(
            (
                "macros/_checks/_check_relation.sql",
                "    {% do scorehouse._check_built(call) %}\n",
                "",
            ),
        ),
        events=("another schema",),
    ),
    Bug(
        "fragile rows are looked for above a value only",
        review="-",
        edits=(
            (
                "macros/predict/fragile_rows.sql",
                "[[scorehouse._text_literal(feature), '-1'], [scorehouse._text_literal(feature), '1']]",
                "[[scorehouse._text_literal(feature), '1']]",
            ),
        ),
        events=("printed on demand",),
    ),
)
