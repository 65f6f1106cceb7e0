"""The names of class score columns; the macro `_class_columns` has the same rule."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

# in addition to letters and digits of any script: marks that are parts of letters (accents, vowel signs)
MARKS = "\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u0900-\u0dff\u0e00-\u0eff\u1000-\u109f"
OTHERS = re.compile(rf"(?:[^\w{MARKS}]|_)+")
PREFIX = "prediction_"  # of the column of one of several outputs
SCORE = "score_"  # of the column of the score of a class or label
MINUS = re.compile(r"^-(?=\.?[0-9])")  # of a negative number


def class_columns(labels: Sequence[Any]) -> dict[str, Any]:
    """The label of each column `score_<label>`: in lower case, other characters as one underscore.

    Labels whose names would be equal get their position appended, so no two columns have the same name.
    """
    names = [column_of(SCORE, label) for label in labels]
    taken = {name for name in names if names.count(name) == 1}
    columns = {}
    for position, (name, label) in enumerate(zip(names, labels, strict=True)):
        if names.count(name) > 1:
            name = f"{name}_{position}"
            while name in taken:
                name += "_"
            taken.add(name)
        columns[name] = label
    return columns


def registered_columns(classes: Sequence[Any], score_method: str) -> dict[str, Any]:
    """The label of each score column; with two classes, the column `score` has the second one's score."""
    if not classes or score_method == "none":
        return {}
    return {"score": classes[1]} if len(classes) == 2 else class_columns(classes)


def text_of(label: Any) -> str:
    """A label or category as SQL writes it: `true`, not `True`."""
    return str(label).lower() if isinstance(label, bool) else str(label)


def score_of(column: str) -> str:
    """The score's column of the label in this column: `score_late` of `prediction_late`."""
    return SCORE + column.removeprefix(PREFIX)


def column_of(prefix: str, label: Any) -> str:
    """The column of a class or output, in lower case, other characters as one underscore."""
    text = MINUS.sub("minus_", str(label).lower())
    return prefix + (OTHERS.sub("_", text).strip("_") or "empty")
