"""Proof that a training can be repeated: twice now, or once more beside a registered version."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from scorehouse.registry.version import resolve
from scorehouse.retraining.prepared import House, TrainingProcess, ready
from scorehouse.retraining.rows import Rows, retrained
from scorehouse.retraining.settings import Settings

ARTIFACT, PREDICTIONS, NOTHING = "artifact", "predictions", "nothing"
# what may differ from the record of a version: its name in the record, and how it is said
CAUSES = {
    "rows_sha256": "rows",
    "sql_sha256": "training query",
    "code_sha256": "code",
    "environment_sha256": "environment",
    "commit": "commit",
    "cut": "first time held out",
    "function": "function",
    "seed": "seed",
    "features": "features",
}


@dataclass(frozen=True)
class Proof:
    """Two trainings compared. `equal` says in what: the artifact's bytes, only all predictions, or nothing.

    `version` is the registered version that was compared, or None for two trainings from now. `differs` has,
    for each of its recorded facts that is another one today, both values.
    """

    equal: str
    rows: int
    rows_sha256: str
    artifacts: tuple[str, str]
    predictions: tuple[str, str]
    version: int | None = None
    differs: Mapping[str, tuple[Any, Any]] | None = None


def prove_again(house: House) -> Proof:
    """Train twice in fresh processes on the same stored rows, and compare; nothing is registered."""
    with ready(house, house.champion()) as prepared:
        first = prepared.process.step(prepared.job)
        house.report(f"trained once: artifact {first['artifact_sha256'][:12]}")
        with TrainingProcess() as fresh:
            second = fresh.step(prepared.job)
        house.report(f"trained again: artifact {second['artifact_sha256'][:12]}")
    return _compared(
        (first["artifact_sha256"], second["artifact_sha256"]),
        (first["predictions_sha256"], second["predictions_sha256"]),
        prepared.rows,
    )


def prove_version(house: House, number: int) -> Proof:
    """Train a registered version again, from its recorded query, seed and parent, and compare."""
    versions = house.seeds.registered(house.call)
    version = retrained(versions, number, house.call)
    record = version.provenance
    parent = resolve(versions, alias=None, version=int(record["parent"]), call=house.call)
    with ready(replace(house, settings=_recorded(house.settings, record)), parent) as prepared:
        facts = {**prepared.job.facts, "threshold": version.threshold}
        job = replace(prepared.job, compared=version.to_row(), facts=facts)
        trained = prepared.process.step(job)
        house.report(f"trained again: artifact {trained['artifact_sha256'][:12]}")
        differs = {
            said: (record.get(name), prepared.record.get(name))
            for name, said in CAUSES.items()
            if record.get(name) != prepared.record.get(name)
        }
    return _compared(
        (version.sha256, trained["artifact_sha256"]),
        (trained["compared_sha256"], trained["predictions_sha256"]),
        prepared.rows,
        version=number,
        differs=differs,
    )


def _recorded(settings: Settings, record: Mapping[str, Any]) -> Settings:
    """The settings as they were: those that the record has, and today's for the others."""
    return replace(
        settings,
        training=str(record["training"]).rpartition(".")[2],
        function=str(record["function"]),
        label=record["label"],
        time=str(record["time"]),
        seed=int(record["seed"]),
        features=tuple(record["features"]),
        holdout=str(record["cut"]),
        calibrate=record.get("calibrate") or "none",
        format=str(record["format"]),
    )


def _compared(
    artifacts: tuple[str, str], predictions: tuple[str, str], rows: Rows, **about_version: Any
) -> Proof:
    same = PREDICTIONS if predictions[0] == predictions[1] else NOTHING
    if artifacts[0] == artifacts[1]:
        same = ARTIFACT
    return Proof(same, rows.all, rows.digest, artifacts, predictions, **about_version)
