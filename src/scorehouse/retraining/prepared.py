"""Everything before a training: the query is built, its rows are stored, and their origin is recorded.

The process that trains is a fresh one. It shares nothing with the one that asks, and ends with it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb

from scorehouse.errors import ConfigurationError, EstimatorError, rebuilt
from scorehouse.project.forgotten import bar
from scorehouse.project.run_log_place import Place, run_log_of
from scorehouse.registration.module_paths import module_paths
from scorehouse.registry.formats import CHOICES
from scorehouse.registry.policy import load_policy
from scorehouse.registry.seeds import ModelSeeds
from scorehouse.registry.version import SEVERAL, Version, resolve
from scorehouse.retraining.dbt import Dbt
from scorehouse.retraining.job import Job
from scorehouse.retraining.rows import Rows, TrainingTable, commit_of, environment_sha256, with_key
from scorehouse.retraining.settings import Settings, check_calibrate, columns_of, recorded_label

PROGRAM = "import scorehouse.retraining.worker as _; _.serve()"
PAUSE_SECONDS = 0.02
PATIENCE_AT_EXIT = 10
Connect = Callable[[], AbstractContextManager[duckdb.DuckDBPyConnection]]
CHAMPION = "champion"
LEARNS = ("classification", "regression", "ranking", *SEVERAL)  # tasks with labels


class TrainingProcess(AbstractContextManager["TrainingProcess"]):
    """A fresh Python process; `step` gives it a job. What it prints goes to standard error."""

    def __init__(self) -> None:
        self._holder = tempfile.TemporaryDirectory(prefix="scorehouse_", ignore_cleanup_errors=True)
        # sets of strings have the same order each time
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
            env={**os.environ, "PYTHONHASHSEED": "0"},
        )
        self._jobs = 0

    def __exit__(self, *_: object) -> None:
        try:
            self._process.communicate(timeout=PATIENCE_AT_EXIT)  # ends its standard input, and waits
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._holder.cleanup()

    def step(self, job: Job) -> dict[str, Any]:
        """The answer to a job. Raises the ScorehouseError that the process answers with, or its end."""
        self._jobs += 1
        file = Path(self._holder.name) / f"answer_{self._jobs}.json"
        with suppress(OSError):  # the process has ended; that is found below
            assert self._process.stdin is not None
            self._process.stdin.write(json.dumps(asdict(replace(job, answer=str(file)))) + "\n")
            self._process.stdin.flush()
        while not file.exists():
            if self._process.poll() is not None and not file.exists():
                raise EstimatorError(
                    job.call,
                    f"the process that trains ended with status {self._process.returncode}",
                    expected="a function that returns a fitted estimator",
                    action="see what it printed; -9 often means that memory was short: train on fewer rows",
                )
            time.sleep(PAUSE_SECONDS)
        answer = json.loads(file.read_text(encoding="utf-8"))
        if "error" in answer:
            raise rebuilt(answer["error"])
        return dict(answer["done"])


@dataclass(frozen=True)
class House:
    """What a training works with: project, settings, dbt, the warehouse, and what reports its steps.

    `key` is the PEM file of the private key that signs what comes out, or None. Beside the run log of
    `place` is the list of forgotten keys.
    """

    seeds: ModelSeeds
    settings: Settings
    dbt: Dbt
    connect: Connect
    report: Callable[[str], object]
    call: str
    key: Path | None = None
    place: Place | None = None

    @property
    def project(self) -> Path:
        return self.seeds.project

    def champion(self) -> Version:
        """The version in use. Raises RegistryError if there is none."""
        found = resolve(self.seeds.registered(self.call), alias=CHAMPION, version=None, call=self.call)
        if found.task in LEARNS:
            return found
        raise ConfigurationError(
            self.call,
            f"{found.label} is a {found.task}, which has no labels to learn from",
            expected=f"an ML model of the task {', '.join(LEARNS[:-1])} or {LEARNS[-1]}",
            action="train it by a script that calls scorehouse.register",
        )


@dataclass(frozen=True)
class Ready:
    """A process that has imported the function, the job for it, its rows, and the record of where they
    come from."""

    process: TrainingProcess
    job: Job
    rows: Rows
    record: dict[str, Any]


@contextmanager
def ready(house: House, parent: Version) -> Iterator[Ready]:
    """Build the training query, store its rows, import the function if there is one: all but the training."""
    settings = house.settings
    labels = columns_of(settings, parent, house.call)
    check_calibrate(settings, parent, house.call)
    house.dbt.run("build", "--select", settings.training)
    node = house.dbt.node(settings.training)
    house.dbt.check_shadow(settings.shadow)
    known = tuple(str(row["feature"]) for row in house.seeds.features(parent.version))  # in their order
    features = settings.features or known
    commit, dirty = commit_of(house.project)
    with TemporaryDirectory(prefix="scorehouse_") as folder, TrainingProcess() as process:
        job = first_job(house, parent, features, labels, Path(folder) / "rows.parquet")
        with house.connect() as connection:
            relation, barred = _without_forgotten(connection, house, node.relation)
            table = TrainingTable(connection, relation, settings, labels, parent, house.call)
            rows = table.written(features, Path(job.rows))
        house.report(
            f"rows: {rows.training:,} to train on ({rows.first} to {rows.last}), {rows.holdout:,} held out "
            f"(from {rows.cut.removesuffix(' 00:00:00')}), {_left_out(rows, labels, barred)}; "
            f"digest {rows.digest[:12]}"
        )
        seen = process.step(job) if settings.function else {"code": None}
        record = {
            "training": node.unique_id,
            "sql_sha256": node.sql_sha256,
            "rows": rows.all,
            "rows_sha256": rows.digest,
            "cut": rows.cut,
            "features": list(features),
            "label": recorded_label(labels, parent),
            "time": settings.time,
            "function": settings.function,
            "code_sha256": seen["code"],
            "commit": commit,
            "dirty": dirty,
            "seed": settings.seed,
            "calibrate_asked": settings.calibrate,
            "format": job.facts["format"],
            "environment_sha256": environment_sha256(),
            "parent": parent.version,
        }
        facts = {**job.facts, "trained_from": rows.first, "trained_to": rows.last}
        job = replace(job, step="train", facts=facts, parent_features=known)
        yield Ready(process, job, rows, with_key(record))


def _without_forgotten(connection: duckdb.DuckDBPyConnection, house: House, relation: str) -> tuple[str, int]:
    """The rows of a relation without those of forgotten keys, if it has the key, and how many these are."""
    log = run_log_of(connection, house.place) if house.place else ""
    types = {str(row[0]): str(row[1]) for row in connection.execute(f"describe {relation}").fetchall()}
    kept, barred = bar(connection, log, relation, types, house.project, house.call)
    return f"(select * from {relation} where {kept})" if kept else relation, barred


def _left_out(rows: Rows, labels: tuple[str, ...], barred: int) -> str:
    said = f"{rows.left_out:,} without a label left out"
    if len(labels) > 1:
        said = f"{rows.left_out:,} without all {len(labels)} labels left out"
        said += f" ({rows.partly:,} of them have some)"
    return f"{said}, {barred:,} of forgotten keys left out" if barred else said


def first_job(
    house: House, parent: Version, features: tuple[str, ...], labels: tuple[str, ...], file: Path
) -> Job:
    """The job that only imports the function; facts that a version inherits come from its parent."""
    settings = house.settings
    store = parent.artifact.replace("\\", "/").rsplit("/", 3)[0] or "."
    stored_as = settings.format or (parent.artifact_format if parent.artifact_format in CHOICES else "native")
    facts = {
        "task": parent.task,
        "outputs": list(parent.outputs.values()) or None,
        "threshold": parent.threshold,
        "description": parent.description,
        "owner": parent.owner,
        "format": stored_as,
        "store": store,
        # without one where only a signed version can have it: the alias follows its signature
        "alias": None if load_policy(house.project).require_signed_by else settings.alias,
    }
    return Job(
        step="look",
        call=house.call,
        project=str(house.project),
        name=house.seeds.name,
        answer="",
        function=settings.function,
        module_paths=tuple(module_paths(house.project)),
        labels=labels,
        time=settings.time,
        seed=settings.seed,
        features=features,
        rows=str(file),
        calibrate=settings.calibrate,
        facts=facts,
        parent=parent.to_row(),
    )
