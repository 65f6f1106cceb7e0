"""A retraining, or a distillation, from top to bottom.

Each step of a retraining is found done, or done again: a killed run starts over.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from scorehouse.errors import ConfigurationError
from scorehouse.registration.promote import promote
from scorehouse.registration.renew import write_measured
from scorehouse.registry.artifact import check_key, key_signature, require_signed, sign_version
from scorehouse.registry.policy import load_policy
from scorehouse.registry.version import Version
from scorehouse.report.warehouse import Warehouse
from scorehouse.retraining.gate import comparison_in_words, judge, promotion_diff
from scorehouse.retraining.prepared import CHAMPION, House, Ready, ready
from scorehouse.retraining.rows import KEY, found_again, retrained
from scorehouse.retraining.segments import changes_in_words, segment_changes
from scorehouse.retraining.settings import WHEN_GATE_PASSES
from scorehouse.retraining.signals import faults_of_data, signal_of

NOT_ASKED, WAITS, PROMOTED, REFUSED = "not_asked", "waits_for_a_person", "promoted", "gate_refused"
UNCHANGED = "unchanged"
NOT_JUDGED = "not_judged"
UNSIGNED = "waits_for_a_signature"
TEACHERS = ("classification", "regression")
TEACHER, STUDENT = "teacher", "student"  # aliases
FORMATS = ("joblib", "skops")  # of which the students are


@dataclass(frozen=True)
class Outcome:
    """How a retraining ended. `version` is None if nothing was trained; `found` says it was there before.

    `diff` holds the lines of the registry that the promotion changes, or has changed. `comparison` holds the
    rows that the gate compared, one for each output and segment; `segments` is as in `segment_changes`.
    """

    outcome: str
    why: str
    champion: int
    version: int | None = None
    found: bool = False
    gate: str | None = None
    diff: tuple[str, ...] = ()
    comparison: tuple[Mapping[str, Any], ...] = ()
    segments: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)


def retrain(house: House, warehouse_of: Callable[[Any], Warehouse], *, force: bool) -> Outcome:
    """Train, register, score in shadow and judge, if the signals ask for it or `force` is set.

    `warehouse_of` makes the Warehouse of a connection. Raises a ScorehouseError that says what to do; then
    nothing was promoted, and what was registered is whole and found again by the next call.
    """
    parent = house.champion()
    with house.connect() as connection:
        verdict = signal_of(warehouse_of(connection), parent, house.call, force=force)
        faults = faults_of_data(warehouse_of(connection), parent.name) if verdict.retrain else []
    house.report(f"signals: {verdict.why}")
    if faults:
        house.report(f"note: the data may be at fault, and training on them may fail: {'; '.join(faults)}")
    if not verdict.retrain:
        outcome = NOT_JUDGED if verdict.retrain is None else NOT_ASKED
        return Outcome(outcome, verdict.why, parent.version)
    _check_signable(house, parent)
    with ready(house, parent) as prepared:
        version, found = _version(house, prepared)
    return _promoted(house, parent, version, Outcome(WAITS, verdict.why, parent.version, found=found))


def measure(house: House) -> dict[str, Any]:
    """What a refit would gain over the champion, as the row that is written to the seed of refits.

    Nothing is registered. Raises a ScorehouseError that says what to do; then nothing is written.
    """
    parent = house.champion()
    with ready(house, parent) as prepared:
        found = prepared.process.step(replace(prepared.job, step="measure"))
    day = write_measured(parent.name, "refit", parent, [found], project_dir=house.project)
    return {"version": parent.version, "measured_on": day, **found}


def resumed(house: House, number: int) -> Outcome:
    """Go on with a version that was trained before: judge it, and promote it if that is the policy.

    Raises RegistryError for a version that no retraining has registered.
    """
    versions = house.seeds.registered(house.call)
    version = retrained(versions, number, house.call)
    parent = house.champion()
    _check_signable(house, parent)
    why = f"{version.label} was trained before, after version {version.provenance['parent']}"
    house.report(f"going on: {why}")
    return _promoted(house, parent, version, Outcome(WAITS, why, parent.version, found=True))


def _check_signable(house: House, parent: Version) -> None:
    """Refuse before a training what would stop it afterwards: an unsigned parent, or the wrong key."""
    policy = load_policy(house.project)
    require_signed(house.project, parent, policy, house.call)
    if house.key is not None:
        check_key(house.project, house.key, policy, house.call)


def _signed(house: House, version: Version) -> bool:
    """Sign the version if there is a key for it; whether it may be loaded now.

    Raises LoadRefusedError if it has a signature that is not valid.
    """
    policy = load_policy(house.project)
    has_signature = key_signature(house.project, version, policy, house.call) is not None
    if house.key is not None and not has_signature:
        place = sign_version(house.project, version, house.key, policy, house.call)
        house.report(f"signed: {version.label} ({place})")
    elif policy.require_signed_by and not has_signature:
        return False
    require_signed(house.project, version, policy, house.call)
    return True


def _version(house: House, prepared: Ready) -> tuple[Version, bool]:
    """The version of this training, and whether it was registered before."""
    known = house.seeds.versions()
    same = found_again(known, prepared.record)
    if same is None:
        job = replace(prepared.job, store="register", provenance=prepared.record)
        number = prepared.process.step(job)["version"]
        version = next(row for row in house.seeds.versions() if row.version == number)
        again = any(row.version == number for row in known)
        house.report(f"{'found' if again else 'registered'} {version.label}: {_quality(version)}")
        return version, again
    house.report(f"found {same.label}, trained from the same rows, code, seed and environment")
    return same, True


def _quality(version: Version) -> str:
    shown = ", ".join(f"{name} {value:.4g}" for name, value in sorted(version.metrics.items()))
    unscored = version.provenance.get("unscored", 0)
    but = f", without {unscored:,} of a segment that has no estimator" if unscored else ""
    return f"{shown or 'no metric'} on the rows held out{but}; sha256 {version.sha256[:12]}"


def _promoted(house: House, parent: Version, version: Version, begun: Outcome) -> Outcome:
    """Give the version its alias, judge it, and promote it if that is the policy."""
    changes = segment_changes(house.seeds, parent, version)
    if changes:
        house.report(f"segments: {changes_in_words(changes)}")
    outcome = replace(
        begun,
        version=version.version,
        segments=changes,
        metrics=dict(version.metrics),
        provenance=dict(version.provenance),
    )
    if not _signed(house, version):
        return replace(outcome, outcome=UNSIGNED)
    # also where it has the alias: a killed run may have left the YAML behind the registry
    alias = CHAMPION if CHAMPION in version.aliases else house.settings.alias
    version = promote(
        version.name,
        version.version,
        alias=alias,
        replacing=version.version if alias == CHAMPION else None,  # a person may have rolled it back
        project_dir=house.project,
    )
    if CHAMPION in version.aliases:
        same = f"{version.label} (sha256 {version.sha256[:12]}) is the champion already"
        return replace(outcome, outcome=UNCHANGED, gate=same)
    compared = house.champion().version
    judgement = judge(house, version)
    house.report(f"gate: {judgement.said}")
    for line in comparison_in_words(judgement.comparison):
        house.report(f"  {line}")
    diff = tuple(promotion_diff(house.seeds.versions(), version.version))
    outcome = replace(outcome, gate=judgement.said, diff=diff, comparison=judgement.comparison)
    if judgement.passed is False:
        return replace(outcome, outcome=REFUSED)
    if judgement.passed and house.settings.promote == WHEN_GATE_PASSES:
        promote(
            version.name,
            version.version,
            alias=CHAMPION,
            replacing=compared,  # somebody may have promoted another one meanwhile
            project_dir=house.project,
        )
        return replace(outcome, outcome=PROMOTED)
    return outcome


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
    _check_teacher(house, teacher)
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


def _check_teacher(house: House, teacher: Version) -> None:
    """Refuse, before anything is built, what cannot teach."""
    if teacher.task not in TEACHERS:
        raise ConfigurationError(
            house.call,
            f"{teacher.label} is a {teacher.task}",
            expected=f"a teacher that does {' or '.join(TEACHERS)}, with one output",
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
