"""One retraining from top to bottom. Each step is found done, or done again: a killed run starts over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from scorehouse.registration.promote import promote
from scorehouse.registry.version import Version
from scorehouse.report.warehouse import Warehouse
from scorehouse.retraining.compared import comparison_in_words
from scorehouse.retraining.judged import Judgement, judged, promotion_diff
from scorehouse.retraining.prepared import CHAMPION, House, Ready, ready
from scorehouse.retraining.provenance import found_again, retrained
from scorehouse.retraining.segments import changes_in_words, segment_changes
from scorehouse.retraining.settings import WHEN_GATE_PASSES
from scorehouse.retraining.signals import Asked, asked
from scorehouse.retraining.signed import check_signable, signed

NOT_ASKED, WAITS, PROMOTED, REFUSED = "not_asked", "waits_for_a_person", "promoted", "gate_refused"
NOT_JUDGED = "not_judged"
UNSIGNED = "waits_for_a_signature"


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


def retrain(house: House, warehouse_of: Any, *, force: bool = False) -> Outcome:
    """Train, register, score in shadow and judge, if the signals ask for it or `force` is set.

    `warehouse_of` makes the Warehouse of a connection. Raises a ScorehouseError that says what to do; then
    nothing was promoted, and what was registered is whole and found again by the next call.
    """
    parent = house.champion()
    verdict = _asked(house, warehouse_of, parent, force=force)
    house.told(f"signals: {verdict.why}")
    if not verdict.retrain:
        outcome = NOT_JUDGED if verdict.retrain is None else NOT_ASKED
        return Outcome(outcome, verdict.why, parent.version)
    check_signable(house, parent)
    with ready(house, parent) as prepared:
        version, found = _version(house, prepared)
    return _promoted(house, parent, version, Outcome(WAITS, verdict.why, parent.version, found=found))


def resumed(house: House, number: int) -> Outcome:
    """Go on with a version that was trained before: judge it, and promote it if that is the policy.

    Raises RegistryError for a version that no retraining has registered.
    """
    versions = house.seeds.registered(house.call)
    version = retrained(versions, number, house.call)
    parent = house.champion()
    check_signable(house, parent)
    why = f"{version.label} was trained before, after version {version.provenance['parent']}"
    house.told(f"going on: {why}")
    return _promoted(house, parent, version, Outcome(WAITS, why, parent.version, found=True))


def _asked(house: House, warehouse_of: Any, parent: Version, *, force: bool) -> Asked:
    with house.connect() as connection:
        warehouse: Warehouse = warehouse_of(connection)
        return asked(warehouse, parent, house.call, force=force)


def _version(house: House, prepared: Ready) -> tuple[Version, bool]:
    """The version of this training, and whether it was registered before."""
    known = house.seeds.versions()
    same = found_again(known, prepared.record)
    if same is None:
        job = replace(prepared.job, store="register", provenance=prepared.record)
        number = prepared.process.step(job)["version"]
        version = next(row for row in house.seeds.versions() if row.version == number)
        again = any(row.version == number for row in known)
        house.told(f"{'found' if again else 'registered'} {version.label}: {_quality(version)}")
        return version, again
    house.told(f"found {same.label}, trained from the same rows, code, seed and environment")
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
        house.told(f"segments: {changes_in_words(changes)}")
    outcome = replace(
        begun,
        version=version.version,
        segments=changes,
        metrics=dict(version.metrics),
        provenance=dict(version.provenance),
    )
    if not signed(house, version):
        return replace(outcome, outcome=UNSIGNED)
    # also where it has the alias: a killed run may have left the YAML behind the registry
    alias = CHAMPION if CHAMPION in version.aliases else house.settings.alias
    version = promote(version.name, version.version, alias=alias, project_dir=house.project)
    if CHAMPION in version.aliases:
        return replace(outcome, outcome=PROMOTED, gate="the same training was promoted before")
    judgement: Judgement = judged(house, version)
    house.told(f"gate: {judgement.said}")
    for line in comparison_in_words(judgement.comparison):
        house.told(f"  {line}")
    diff = tuple(promotion_diff(house.seeds.versions(), version.version))
    outcome = replace(outcome, gate=judgement.said, diff=diff, comparison=judgement.comparison)
    if judgement.passed is False:
        return replace(outcome, outcome=REFUSED)
    if judgement.passed and house.settings.promote == WHEN_GATE_PASSES:
        promote(version.name, version.version, alias=CHAMPION, project_dir=house.project)
        return replace(outcome, outcome=PROMOTED)
    return outcome
