"""The registry's CSV, edited by hand as a reviewed change does."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from scorehouse import promote

# what decides labels, in which both the threshold and the classes are others than a registration has
THRESHOLD, CLASSES = 0.05, (9, 7)
EDIT = {"threshold": "0.05", "classes": "[9,7]", "class_columns": '{"score": 7}'}


def edit(folder: Path, name: str, **values: str) -> None:
    """Write these values into the row of version 1."""
    file = folder / f"seeds/ml/{name}/ml_{name}.csv"
    first, *others = list(csv.DictReader(file.read_text().splitlines()))
    with file.open("w", newline="") as opened:
        writer = csv.DictWriter(opened, first, lineterminator="\n")
        writer.writeheader()
        writer.writerows([{**first, **values}, *others])


def decided(rows: Sequence[tuple[Any, ...]], classes: Sequence[Any], threshold: float) -> bool:
    """Whether each label and score, of rows that were scored, are those of the threshold and classes."""
    return len(rows) > 0 and all(label == classes[score >= threshold] for label, score in rows)


def problem_of(run: Callable[..., object]) -> Callable[..., str]:
    """What a command says that fails an assertion, or nothing."""

    def tried(*arguments: str) -> str:
        try:
            run(*arguments)
        except AssertionError as failed:
            return str(failed)
        return ""

    return tried


def check_edit(
    folder: Path, name: str, seed: Callable[[], object], build: Callable[..., str], rows: Callable[[], Any]
) -> None:
    """On a database without Python: an edit of the CSV is refused until its YAML was written, then obeyed.

    `seed` loads the registry, `build` says why a prediction table under the rule `changed` was not built, and
    takes more arguments of dbt; `rows` has its labels and scores. The registry is as it was afterwards.
    """
    seeds = folder / "seeds/ml" / name
    sound = shutil.copytree(seeds, folder / "sound")
    try:
        edit(folder, name, **EDIT)
        seed()
        said = build()
        assert "version 1 has classes '[9, 7]' in the table" in said, said
        assert f"scorehouse promote {name} 1 --alias champion" in said
        promote(name, 1, project_dir=folder)
        assert "rebuild the table once with --full-refresh" in build()  # booleans are in the table
        assert build("--full-refresh") == ""
        assert decided(rows(), CLASSES, THRESHOLD)
        promote(name, 1, threshold=0.9, project_dir=folder)
        seed()
        assert build() == ""
        assert decided(rows(), CLASSES, 0.9)
    finally:
        # as new files: dbt takes a YAML for unchanged whose time is the one it had when dbt first read it
        shutil.copytree(sound, seeds, dirs_exist_ok=True, copy_function=shutil.copy)
        shutil.rmtree(sound)
        seed()
