"""Faults of the registry's facts, to be put back."""

from __future__ import annotations

from life_bugs import Bug

BUGS = (
    Bug(
        "SQL that DuckDB and Spark run keeps the threshold of its proof",
        review="11",
        edits=(
            (
                "src/scorehouse/program/sql/links.py",
                "        values[THRESHOLD.name] = number(version.threshold)\n",
                "        values[THRESHOLD.name] = number(0.4)\n",  # that of registration
            ),
            (
                "src/scorehouse/program/proof.py",
                "    expected = kernel.outputs.with_labels(expected)\n",
                "    return ''\n",
            ),
        ),
        events=("threshold changed",),
    ),
    Bug(
        "the classes of the registry rename nothing that SQL predicts",
        review="11",
        edits=(
            (
                "src/scorehouse/program/sql/links.py",
                "literal_of(label) for place, label in enumerate(version.classes)}\n",
                "literal_of(('no', 'yes')[place]) for place in range(len(version.classes))}\n",
            ),
            (
                "src/scorehouse/program/proof.py",
                "    expected = kernel.outputs.with_labels(expected)\n",
                "    return ''\n",
            ),
        ),
        events=("classes renamed",),
    ),
    Bug(
        "databases without Python decide by the middle, whatever threshold the registry has",
        review="11",
        engine="postgres",
        events=("threshold changed",),
        edits=(
            (
                "macros/predict/_decision.sql",
                "{% set threshold = version.get('threshold') %}",
                "{% set threshold = '0.5' if version.get('threshold') else none %}",
            ),
        ),
    ),
    Bug(
        "an edit of the CSV that its YAML has not is not seen by databases without Python",
        review="11",
        engine="postgres",
        events=("threshold changed",),
        edits=(
            (
                "macros/predict/_check_registry_table.sql",
                "        'threshold': '' if threshold is none else (threshold | float | string),\n",
                "        'threshold': '',\n",
            ),
        ),
    ),
    Bug(
        "on databases without Python, rows keep their labels after the threshold was changed",
        review="11",
        engine="postgres",
        events=("threshold changed",),
        edits=(
            (
                "macros/warehouse/_warehouse_scored.sql",
                "facts['classes'], facts['threshold'], reasons",
                "reasons",
            ),
        ),
    ),
    Bug(
        "the threshold is left out and its backends predict the first class",
        review="11",
        edits=(
            (
                "src/scorehouse/registry/label_rule.py",
                "            if then and not now[name]:\n",
                "            if False:\n",
            ),
        ),
        events=("threshold left out",),
    ),
    Bug(
        "an old run is replayed with the threshold of today",
        review="11",
        edits=(
            (
                "src/scorehouse/replay/logged_run.py",
                '    decided = json.loads(run["configuration"]).get("registry", {})\n',
                "    decided: dict[str, str] = {}\n",
            ),
        ),
        events=("replayed after an edit",),
    ),
)
