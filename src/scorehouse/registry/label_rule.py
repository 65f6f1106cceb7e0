"""What of a version's row decides its labels: which edits of it apply at once, and which need a new proof.

Threshold and classes apply to every backend, which gives scores. What a backend was compiled from is part of
its
proof: if the row says something else, no backend may serve, nor the estimator, whose labels would differ from
theirs.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from scorehouse.errors import RegistryError
from scorehouse.registry.version import MULTILABEL, PROVEN_FOR, Version

# the columns that decide labels alone: an edit of them needs no new proof
LABEL_COLUMNS = ("classes", "class_columns", "threshold")
PROBABILITY = "predict_proba"
SCORES = (PROBABILITY, "decision_function")  # methods whose score a threshold may divide
LABEL_TYPES = (str, bool, int, float)


@dataclass(frozen=True)
class Fault:
    """Why the labels of a version are not known, as an error says it."""

    problem: str
    expected: str
    action: str


def proven_for(version: Version) -> dict[str, Any]:
    """What the backends of a version are compiled from, besides its artifact and signature."""
    many = len(version.classes) not in (0, 2)
    return {
        "task": version.task,
        "score_method": version.score_method,
        "label_method": version.label_method,
        "classes": len(version.classes),
        "columns": list(version.outputs) or (version.score_columns if many else []),
        "threshold": version.threshold is not None,
    }


def check_label_rule(version: Version, call: str) -> None:
    """Raise RegistryError where the row of a version contradicts itself, or the proof of its backends."""
    if fault := fault_of(version):
        problem = f"{version.label}: {fault.problem}"
        raise RegistryError(call, problem, expected=fault.expected, action=fault.action)


def fault_of(version: Version) -> Fault | None:
    """The first fault of the row of a version; None if its labels are known."""
    for problem, expected in _contradictions(version):
        action = f"correct the row in ml_{version.name}.csv, or restore it from version control"
        return Fault(problem, expected, action)
    for problem, expected in _unproven(version):
        prove = f"run `scorehouse compile {version.name} --version {version.version}`"
        action = f"{prove}, which proves them anew, or restore the row from version control"
        return Fault(problem, expected, action)
    return None


def _contradictions(version: Version) -> Iterator[tuple[str, str]]:
    """What is wrong with threshold and classes, and what was expected."""
    classes, threshold = version.classes, version.threshold
    kinds = {type(label) for label in classes}
    if not all(issubclass(kind, LABEL_TYPES) for kind in kinds) or not (
        len(kinds) < 2 or kinds <= {int, float}
    ):
        found = sorted(kind.__name__ for kind in kinds)
        yield (
            f"the class labels are of the types {found}, such as {classes[0]!r}",
            "labels of one type: strings, whole numbers, numbers or booleans",
        )
    if len(set(classes)) < len(classes):
        yield f"classes is {list(classes)}", "a label of its own for each class"
    if version.task == MULTILABEL and list(classes) != [0, 1]:
        yield f"classes is {list(classes)}, and the task is {MULTILABEL!r}", "the classes [0, 1]"
    is_binary = len(classes) == 2 and version.task in ("classification", MULTILABEL)
    if threshold is not None and not (is_binary and version.score_method in SCORES):
        has = "that gives no scores" if is_binary else f"of {len(classes)} classes" if classes else ""
        yield (
            f"threshold is {threshold!r}, and {version.name} is a {version.task} {has}".rstrip(),
            "a threshold only for two classes, with scores",
        )
    elif threshold is not None and not math.isfinite(threshold):
        yield f"threshold is {threshold!r}", "a finite number"
    elif threshold is not None and version.score_method == PROBABILITY and not 0 < threshold <= 1:
        yield (
            f"threshold is {threshold!r}, and the scores are probabilities: all rows would have one label",
            "a threshold above 0, and at most 1",
        )
    named = list(version.class_columns.values())
    scored = list(classes[1:] if len(classes) == 2 else classes)
    if named and named != scored:
        yield (
            f"class_columns names the classes {named}, and classes is {list(classes)}",
            f"the classes {scored}",
        )


def _unproven(version: Version) -> Iterator[tuple[str, str]]:
    """What the backends were not proven for, and what they were proven for."""
    now = proven_for(version)
    for name, then in (version.program.get(PROVEN_FOR) or {}).items():
        if name == "threshold":
            if then and not now[name]:
                yield "threshold is empty, and its backends were proven with one", "a threshold"
        elif now.get(name) != then:
            held = f"{now.get(name)} classes" if name == "classes" else f"{name} is {now.get(name)!r}"
            yield f"{held}, and its backends were proven with {then!r}", f"{then!r}"
