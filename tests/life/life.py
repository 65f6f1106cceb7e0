"""A year in the life of an installed project: a seeded history of events, and what must be true after each.

A life installs scorehouse as a user does, and lives with it by commands alone. `events/` has what can happen,
`invariants.py` what must be true, `expected.py` computes it, and `ledger.py` has what is known to be broken.
"""

from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from clock import Clock
from engines import ENGINES, Engine
from expected import Oracle, Registered, champion
from history import FIRST
from house import SCHEMAS, CommandFailed, Ended, House
from installation import Installation
from invariants import (
    Violation,
    alerts,
    check_tables,
    findings,
    flat,
    lights_have_judges,
    nothing_raw,
    predictions_are_those_of_git,
    run_log_accounts,
    same_words,
)
from ledger import known
from shop import ML_MODELS, MlModel
from warehouse import Loader, Warehouse
from world import START, SUBJECTS, TRAINING_DAYS, Row, World

HOUR = dt.time(5, 30)  # of the nightly run
READ_AFTER = dt.timedelta(minutes=40)  # what is two days old is so for all who read, one after the other


@dataclass
class ScoredBefore:
    """What the last successful run of a prediction table has scored: its features by key, and the version."""

    rows: dict[Any, tuple[Any, ...]]
    version: Registered
    runs: int  # successful ones until then

    def counts(self, rows: dict[Any, Row], version: Registered) -> dict[str, int]:
        """What the next run has to count under `rescore='changed'`."""
        if version != self.version:
            return {}
        now = {key: tuple(row.values()) for key, row in rows.items()}
        kept = [key for key in now if key in self.rows]
        changed = sum(now[key] != self.rows[key] for key in kept)
        return {
            "rows_new": len(now) - len(kept),
            "rows_changed": changed,
            "rows_unchanged": len(kept) - changed,
            "rows_vanished": len(set(self.rows) - set(now)),
        }


@dataclass
class Life:
    """One life; `watch` gets a line per event."""

    seed: int
    folder: Path
    installation: Installation
    engine: Engine = ENGINES["duckdb"]
    watch: Callable[[str], None] = print
    stop_at_first: bool = False  # end with the first violation that is not known
    show_commands: bool = False
    step: int = 0
    event: str = "begin"
    target: str = "dev"
    violations: list[Violation] = field(default_factory=list)
    scored_before: dict[str, ScoredBefore] = field(default_factory=dict)
    clean_nights: int = 0
    alarmed_nights: int = 0  # of the clean ones
    false_alarms: list[str] = field(default_factory=list)
    faults_planted: int = 0
    days_until_named: list[int] = field(default_factory=list)
    compared: set[str] = field(default_factory=set)  # events whose alerts were compared in all places
    own_schemas: bool = False  # whether dbt_project.yml gives folders schemas of their own

    def __post_init__(self) -> None:
        self.random = np.random.default_rng([self.seed, 1])
        self.is_dated = self.seed % 2 == 1  # whether `init` gets `--time`
        self.world = World(self.seed)
        self.clock = Clock(self.folder, dt.datetime.combine(START + dt.timedelta(days=TRAINING_DAYS), HOUR))
        self.house = House(self.folder / "our shop", self.installation, self.clock)
        self.warehouse: Warehouse = self.engine.warehouse(self.house.folder, self.installation.python)
        self.house.more_variables |= self.engine.variables()
        self.loader = Loader(self.warehouse)
        self.oracle = Oracle(self.house.folder)
        self._commands_before = 0

    def close(self) -> None:
        """Stop what serves this life: its warehouse, and the process that its dbt commands begin in."""
        self.warehouse.close()
        self.house.close()

    # --- what events do ---

    def pass_days(self, days: int = 1, *, load: bool = True) -> None:
        """Days pass: rows and labels arrive, and the clock stands at the hour of the nightly run."""
        self.world.live(days, load=load)
        self.clock.set(dt.datetime.combine(self.world.today + dt.timedelta(days=1), HOUR))
        self.load()

    def load(self) -> None:
        for subject in SUBJECTS:
            self.loader.load(
                subject, self.world.rows[subject.table], self.world.known_labels(subject), self.world.today
            )

    def build(self, *words: str, codes: tuple[int, ...] = (0,)) -> Ended:
        target = () if self.target == "dev" or "--target" in words else ("--target", self.target)
        return self.house.run("dbt", "build", *words, *target, codes=codes)

    def night(self, days: int = 1) -> None:
        """The usual night: load, build everything, look at what came out."""
        self.pass_days(days)
        self.build()
        self.check()
        self.remember()

    def check(self, models: tuple[MlModel, ...] = ML_MODELS) -> None:
        for invariant, text in check_tables(self, models):
            self.violate(invariant, text)

    def check_rows(self, models: tuple[MlModel, ...] = ML_MODELS) -> None:
        """What a build of a part has to leave right: rows and their run, whatever monitors there are."""
        for model in models:
            for invariant, text in (
                *predictions_are_those_of_git(self, model),
                *run_log_accounts(self, model),
            ):
                self.violate(invariant, text)

    def check_lights(self, model: MlModel) -> None:
        """What has to be true of lights whatever they say."""
        for invariant, text in lights_have_judges(self, model):
            self.violate(invariant, text)

    def remember(self, models: tuple[MlModel, ...] = ML_MODELS) -> None:
        """Keep what a successful run has scored, which the next one compares with."""
        for model in models:
            rows = {k: tuple(row.values()) for k, row in self.world.rows[model.subject.table].items()}
            version = champion(self.house.folder, model.name)
            self.scored_before[model.name] = ScoredBefore(rows, version, self.successful_runs(model))

    def remember_what_ended(self) -> None:
        """The same after builds that may have failed: of prediction tables with a new successful run."""
        for model in ML_MODELS:
            before = self.scored_before.get(model.name)
            if before is None or before.runs != self.successful_runs(model):
                self.remember((model,))

    def successful_runs(self, model: MlModel) -> int:
        (row,) = self.warehouse.rows(
            f"select count(*) as n from {self.table('scorehouse_runs')} where status = 'success' "
            f"and {self.is_of(model)}"
        )
        return int(row["n"])

    def newest_run(self, model: MlModel, condition: str = "status = 'success'") -> dict[str, Any] | None:
        """The newest run of a prediction table, in the schema of today."""
        runs = self.warehouse.rows(
            f"select * from {self.table('scorehouse_runs')} where {self.is_of(model)} and {condition} "
            "order by started_at desc limit 1"
        )
        return runs[0] if runs else None

    def is_of(self, model: MlModel) -> str:
        """The condition that a run is of this prediction table, in the schema of today."""
        return f"prediction_table like '%{self.schema(model.predictions)}%{model.predictions}%'"

    def alerts(self) -> list[dict[str, Any]]:
        if self.engine.is_short:
            return list(findings(self))
        built = self.clock.now()
        moment = built + READ_AFTER
        self.clock.set(moment)
        payload = alerts(self)
        found = flat(payload)
        loud = payload["status"] not in ("ok", "info")
        if loud != (payload["code"] == 3) or loud != bool(payload["alerts"]):
            self.violate(
                "same words", f"status {payload['status']}, exit code {payload['code']}, {len(found)} alerts"
            )
        if payload["alerts"] and self.event not in self.compared:
            self.compared.add(self.event)
            for invariant, text in same_words(self, payload, moment):
                self.violate(invariant, text)
        self.clock.set(built)
        return found

    def results(self) -> dict[str, str]:
        """The status of each node of the last dbt command, by name."""
        run = json.loads(self.house.read("target/run_results.json"))
        return {result["unique_id"]: result["status"] for result in run["results"]}

    # --- what checks ask ---

    def table(self, name: str) -> str:
        return f"{self.schema(name)}.{name}"

    def schema(self, name: str = "") -> str:
        """The schema of the target, or that of a table which dbt_project.yml has given another."""
        if self.own_schemas and name:
            nodes = json.loads(self.house.read("target/manifest.json"))["nodes"].values()
            places = [node["schema"] for node in nodes if node["alias"] == name]
            return str(places[0]) if places else SCHEMAS[self.target]
        return SCHEMAS[self.target]

    def has_table(self, name: str) -> bool:
        return self.warehouse.has_table(self.schema(name), name)

    def violate(self, invariant: str, text: str) -> None:
        violation = Violation(self.step, self.event, invariant, text)
        if violation not in self.violations:
            self.violations.append(violation)

    def commands_of_step(self) -> list[Ended]:
        return self.house.transcript[self._commands_before :]

    # --- the life itself ---

    def live(self, events: Iterable[tuple[str, Callable[[Life], None]]]) -> None:
        """Live through these events; one that ends in an error is a violation, and the life goes on."""
        for self.event, happen in events:
            started, before = time.monotonic(), len(self.violations)
            self._commands_before = len(self.house.transcript)
            ended = False
            try:
                happen(self)
            except CommandFailed as failure:
                self.violate("command", str(failure))
                ended = self.step < len(FIRST)  # nothing to live with
            for invariant, text in nothing_raw(self):
                self.violate(invariant, text)
            self._tell(time.monotonic() - started, self.violations[before:])
            self.step += 1
            if ended or (self.stop_at_first and self.unknown):
                return

    def _tell(self, seconds: float, violations: list[Violation]) -> None:
        commands = len(self.commands_of_step())
        self.watch(
            f"{self.step:>3}  {self.clock.now():%a %d %b %Y}  {self.event:<44} "
            f"{commands:>2} commands {seconds:>5.1f} s"
            + (f"  {len(violations)} VIOLATIONS" if violations else "")
        )
        if self.show_commands:
            for ended in self.commands_of_step():
                self.watch(
                    f"     {ended.seconds:>5.1f} s {ended.processor:>5.1f} processor  $ {ended.line[:110]}"
                )
        for violation in violations:
            issue = known(violation)
            self.watch(
                f"     {violation.invariant}: {violation.text}"
                + (f"  [known: issue {issue}]" if issue else "")
            )

    @property
    def unknown(self) -> list[Violation]:
        """The violations that no line of the ledger lists."""
        return [violation for violation in self.violations if known(violation) is None]

    def summary(self) -> str:
        named = sum(days >= 0 for days in self.days_until_named)
        return (
            f"seed {self.seed}: {self.step} steps, {len(self.house.transcript)} commands; "
            f"{self.clean_nights} clean nights, {self.alarmed_nights} with an alarm; "
            f"{self.faults_planted} faults, {named} named; "
            f"{len(self.violations)} violations, {len(self.unknown)} unknown"
        )

    def pick(self, choices: Any) -> Any:
        return choices[int(self.random.integers(len(choices)))]

    def forgive_raw_errors(self) -> None:
        """What was printed until now is a database's own words about a fault that is not ours."""
        self._commands_before = len(self.house.transcript)
