"""The airline's dbt project: the models of the example, on flights that arrive month by month."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import yaml

from project import REPOSITORY, DbtProject

HERE = Path(__file__).parent
DATA = REPOSITORY / "data"
NAME = "flight_delay"
SEEDS = [f"ml_{NAME}", f"ml_{NAME}__signature", f"ml_{NAME}__reference"]
HELD_OUT_DAYS = 14
# what is the example's own, unchanged
COPIED = {
    "models": ["flights/flight_features.sql", "flights/flight_labels.sql", "sources/_sources.yml"],
    "example_macros/portable": ["as_double.sql", "flight_id.sql", "minutes_of_day.sql"],
    "examples": ["flight_pipelines.py"],
}
WATCHED = [f"monitoring/flight_{name}.sql" for name in ("profiles", "drift", "performance")]
MODELS = {
    "flight_scoring_features": """
{{ config(materialized='view') }}
-- The flights that are scored: those after the months of the first training.
select * from {{ ref('flight_features') }} where flight_date >= date '2013-04-01'
""",
    "flight_retraining_set": """
-- All flights so far whose outcome is known, with the features as they were at pushback.
select features.*, labels.arrived_late
from {{ ref('flight_features') }} as features
inner join {{ ref('flight_labels') }} as labels on features.flight_id = labels.flight_id
where labels.arrived_late is not null
""",
    "flight_challenge_features": f"""
{{{{ config(materialized='view') }}}}
-- The newest days with labels, which neither champion nor challenger was trained on.
select * from {{{{ ref('flight_features') }}}}
where flight_date >= (
    select max(flight_date) from {{{{ ref('flight_labels') }}}} where arrived_late is not null
) - interval {HELD_OUT_DAYS} day
""",
}
SIGNALS = """
-- Whether the delay model should be retrained, and why, by the limits that the macro has itself.
{{ scorehouse.retraining_signals(
    registry=ref('ml_flight_delay'), drift=ref('flight_drift'), performance=ref('flight_performance'),
    predictions=ref('flight_predictions'),
) }}
"""
PREDICTIONS = {"features": "flight_scoring_features", "as_of": "flight_date", "passthrough": ["origin"]}
CHALLENGE = {"features": "flight_challenge_features", "alias": ["champion", "challenger"]}
GATE = "flight_challenger_not_worse"
TESTS = {
    "scorehouse.challenger_not_worse": {
        "name": GATE,
        "arguments": {
            "labels": "ref('flight_labels')",
            "key": "flight_id",
            "label": "arrived_late",
            "margin": 0.005,
            "settings": {"replicates": 50},
        },
    }
}
RETRAIN = {
    "training": "flight_retraining_set",
    "function": "flight_pipelines:train",
    "label": "arrived_late",
    "time": "flight_date",
    "holdout": f"{HELD_OUT_DAYS} days",
    "seed": 7,
}
JUDGED = {"shadow": ["flight_challenge"], "gate": GATE, "promote": "when_gate_passes"}


class House:
    """One dbt project, what its commands cost, and the share of the flights that it knows."""

    def __init__(self, project: DbtProject, share: float) -> None:
        self.project, self.share = project, share
        self.seconds = dict.fromkeys(("score", "watch", "train"), 0.0)

    @classmethod
    def made(cls, folder: Path, share: float) -> House:
        """The project, whose champion has learned from January to March."""
        house = cls(DbtProject(folder), share)
        house._write()
        house.arrive("2013-04-01", labelled="2013-04-01")
        house.dbt("train", "run", "--select", "flight_features", "flight_labels", "flight_retraining_set")
        shutil.copy(HERE / "train_first.py", folder)
        house.run("train", sys.executable, "train_first.py", str(HELD_OUT_DAYS))
        house._watch()
        return house

    @classmethod
    def found(cls, folder: Path, share: float) -> House:
        """A project that was made before; nothing in it is written."""
        project = DbtProject.__new__(DbtProject)
        project.folder, project.database = folder, folder / "house.duckdb"
        return cls(project, share)

    def copy(self, folder: Path) -> House:
        """The same project for another strategy, which has cost nothing yet."""
        shutil.rmtree(folder, ignore_errors=True)  # what an interrupted walk left
        return House(self.project.copy(folder), self.share)

    def _write(self) -> None:
        folder = self.project.folder
        for place, files in COPIED.items():
            for file in files:
                kept = {"models": "models", "examples": "."}.get(place, "macros")
                shutil.copy(REPOSITORY / place / file, folder / kept / Path(file).name)
        for name, sql in MODELS.items():
            self.project.write(f"models/{name}.sql", sql.lstrip())
        (folder / "data").mkdir()
        for name in ("weather", "planes"):
            (folder / "data" / f"{name}.parquet").symlink_to(DATA / f"{name}.parquet")
        self.configure({})

    def _watch(self) -> None:
        """The models that need a registered version: they score, watch and compare."""
        for file in WATCHED:
            shutil.copy(REPOSITORY / "models" / file, self.project.folder / "models" / Path(file).name)
        self.project.write("models/flight_retraining.sql", SIGNALS.lstrip())
        self.project.python_model("flight_predictions", NAME, key="flight_id", **PREDICTIONS)
        self.project.python_model("flight_challenge", NAME, key="flight_id", **CHALLENGE)
        models = [{"name": "flight_challenge", "data_tests": [TESTS]}]
        self.project.write("models/_tests.yml", yaml.safe_dump({"version": 2, "models": models}))
        self.dbt("score", "run", "--select", "flight_scoring_features", "flight_challenge_features")

    def configure(self, judged: dict[str, Any]) -> None:
        """Write dbt_project.yml: tables by default, and how the ML model is retrained."""
        self.project.settings({"scorehouse_retrain": {NAME: {**RETRAIN, **judged}}})
        file = self.project.folder / "dbt_project.yml"
        document = yaml.safe_load(file.read_text())
        document["models"] = {"+materialized": "table"}
        file.write_text(yaml.safe_dump(document, sort_keys=False))

    def arrive(self, until: str, *, labelled: str) -> None:
        """The flights before the day `until`, and the arrivals of those before the day `labelled`."""
        rows = (
            f"select * replace (case when flight_date < date '{labelled}' then arr_delay end as arr_delay) "
            f"from '{DATA}/flights.parquet' where flight_date < date '{until}' "
            f"and hash(carrier, flight, time_hour) % 1000 < {round(self.share * 1000)}"
        )
        with duckdb.connect() as connection:
            connection.execute(f"copy ({rows}) to '{self.project.folder}/data/flights.parquet'")

    def dbt(self, purpose: str, *words: str) -> None:
        self.run(purpose, Path(sys.executable).with_name("dbt"), "--quiet", *words, "--target", "dev")

    def scorehouse(self, purpose: str, *words: str, codes: Sequence[int] = (0,)) -> dict[str, Any]:
        """What a command answers."""
        program = Path(sys.executable).with_name("scorehouse")
        found: dict[str, Any] = json.loads(self.run(purpose, program, *words, "--json", codes=codes))
        return found

    def run(self, purpose: str, *words: str | Path, codes: Sequence[int] = (0,)) -> str:
        """The output of a command; its processor time is counted under the purpose."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        ended = subprocess.run(
            [str(word) for word in words],
            cwd=self.project.folder,
            env={**os.environ, **self.project.environment, "NO_COLOR": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.seconds[purpose] += after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
        if ended.returncode not in codes:
            said = ended.stdout + ended.stderr
            raise SystemExit(f"{' '.join(map(str, words))} exits with {ended.returncode}\n{said}")
        return ended.stdout

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        return self.project.query(sql)
