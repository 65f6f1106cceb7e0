"""A distillation from top to bottom, seen from the process that asks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from scorehouse.errors import ConfigurationError
from scorehouse.registration.promote import promote
from scorehouse.registry.artifact import require_signed
from scorehouse.registry.policy import load_policy
from scorehouse.registry.version import Version
from scorehouse.retraining.prepared import House, ready
from scorehouse.retraining.provenance import KEY

TASKS = ("classification", "regression")
TEACHER, STUDENT = "teacher", "student"  # aliases
FORMATS = ("joblib", "skops")  # of which the students are


@dataclass(frozen=True)
class Asked:
    """What to distil into, from at most `teacher_rows` rows per clone (0: all), and whether by all means."""

    into: str
    teacher_rows: int
    force: bool


def distil(house: House, teacher: Version, asked: Asked) -> dict[str, Any]:
    """Teach a student in a process of its own; registered if it is worth it, with the aliases of both.

    Raises a ScorehouseError that says what to do; nothing was registered then.
    """
    _check(house, teacher)
    settings = replace(house.settings, function="", shadow=(), calibrate=None, features=None)
    with ready(replace(house, settings=settings), teacher) as prepared:
        record = {name: value for name, value in prepared.record.items() if name != KEY}
        command = f"scorehouse distil --into {asked.into}"
        facts = {**prepared.job.facts, "alias": None}
        facts["format"] = facts["format"] if facts["format"] in FORMATS else "skops"
        job = replace(
            prepared.job,
            step="distil",
            store="register" if asked.force else "digest",
            facts=facts,
            provenance={**record, "function": command, "format": facts["format"]},
            into=asked.into,
            teacher_rows=asked.teacher_rows,
        )
        found = prepared.process.step(job)
    if found["version"] and not load_policy(house.project).require_signed_by:
        for number, alias in ((teacher.version, TEACHER), (found["version"], STUDENT)):
            promote(teacher.name, number, alias=alias, project_dir=house.project)
    return {"teacher": teacher.version, "into": asked.into, **found}


def _check(house: House, teacher: Version) -> None:
    """Refuse, before anything is built, what cannot teach."""
    if teacher.task not in TASKS:
        raise ConfigurationError(
            house.call,
            f"{teacher.label} is a {teacher.task}",
            expected=f"a teacher that does {' or '.join(TASKS)}, with one output",
            action="retrain it with another estimator instead",
        )
    if taught_by := teacher.provenance.get("teacher"):
        raise ConfigurationError(
            house.call,
            f"{teacher.label} is a student itself, of version {taught_by['version']}",
            expected="a version that learned from true labels",
            action=f"name the teacher: --version {taught_by['version']}",
        )
    require_signed(house.project, teacher, load_policy(house.project), house.call)
