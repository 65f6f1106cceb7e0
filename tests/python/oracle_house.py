"""The warehouse of the state machines: a dbt project whose runs are compared with the oracle."""

from __future__ import annotations

import contextlib
import math
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

import duckdb
from dbt.cli.main import dbtRunner
from sklearn.linear_model import LogisticRegression

from oracle import STATES, Found, Prediction, Table
from oracle_values import Features, Key, Settings, Version
from project import Build, DbtProject, _close_database
from scorehouse import promote
from test_rescore import COLUMNS, execute, training
from victims import Server, restore

ALIASES = {"champion": 1, "challenger": 2, "second": 3}
BESIDE = "model_version__"
SIDE_BY_SIDE = ("prediction", "score", "reject_reason", "model_version")
THRESHOLDS = {1: None, 2: 0.3, 3: None, 4: 0.8}

# what makes a run fail stands in a table of the warehouse, so that no fault needs another dbt project
FEATURES = """{{ config(materialized='view') }}
select id, day, b, part, updated_at,
    if(id = (select max(id) from raw_faults where kind = 'stream'), error('sensor broke'), a) as a
from raw_rows"""
HOOK = "select if(count(*) > 0, error('refused at commit'), 0) from raw_faults where kind = 'commit'"
TABLES = (
    "create table raw_rows (id integer, day date, a double, b double, part integer, updated_at timestamp)",
    "create table raw_faults (kind text, id integer)",
)


class House:
    """One dbt project for all examples; `reset` brings it back to its beginning."""

    def __init__(self, folder: Path) -> None:
        self.project = DbtProject(folder / "house")
        self.versions = {number: self._register(number) for number in THRESHOLDS}
        for alias, number in ALIASES.items():
            self.promote(alias, number)
        execute(self.project, *TABLES)
        self.project.write("models/features.sql", FEATURES)
        self.project.build().check()
        self.saved, self.seeds = folder / "saved.duckdb", folder / "seeds"
        restore(self.project.database, self.saved, save=True)
        shutil.copytree(self.project.folder / "seeds", self.seeds)
        self.server = Server().__enter__()
        self.output = folder / "output.txt"
        self.places = ["--project-dir", str(self.project.folder), "--profiles-dir", str(self.project.folder)]
        self.manifest: Any = None
        self.promoted = False
        self.nodes: list[str] = []

    def close(self) -> None:
        self.server.__exit__()

    def _register(self, number: int) -> Version:
        frame, labels = training(number)
        model = LogisticRegression().fit(frame, labels)
        self.project.register(
            model, "toy", frame, labels, task="classification", threshold=THRESHOLDS[number]
        )
        self.project.register(model, "rank", frame, labels, task="ranking")
        (weights,) = model.coef_.tolist()
        return Version(
            number,
            float(model.intercept_[0]),
            (weights[0], weights[1]),
            THRESHOLDS[number],
            tuple(frame[COLUMNS].min().tolist()),
            tuple(frame[COLUMNS].max().tolist()),
        )

    def reset(self) -> None:
        restore(self.project.database, self.saved)
        shutil.copytree(self.seeds, self.project.folder / "seeds", dirs_exist_ok=True)
        for name in self.nodes:
            self._forget(name)
        self.nodes = []
        self.manifest = None
        self.promoted = False

    def _forget(self, name: str) -> None:
        for file in (f"models/{name}.sql", f"python_models/{name}.py"):
            (self.project.folder / file).unlink(missing_ok=True)

    def write(self, name: str, door: str, settings: Settings) -> None:
        """The dbt model of a prediction table."""
        self._forget(name)
        config = f'post_hook="{HOOK}"'
        if door == "python_model":
            config += ", materialized='predictions'"
        model = "rank" if settings.ranks else "toy"
        getattr(self.project, door)(name, model, config=config, **settings.arguments())
        self.nodes = sorted({*self.nodes, name})
        self.manifest = None

    def fill(self, features: Mapping[Key, Features], faults: Iterable[tuple[str, int]] = ()) -> None:
        """What stands in the feature table, and what will make the next run fail."""
        rows = [(key[0], key[1] if len(key) > 1 else None, *row) for key, row in features.items()]
        with duckdb.connect(self.project.database) as connection:
            connection.execute("delete from raw_rows; delete from raw_faults")
            if rows:
                connection.executemany("insert into raw_rows values (?, ?, ?, ?, ?, ?)", rows)
            for fault in faults:
                connection.execute("insert into raw_faults values (?, ?)", fault)

    def promote(self, alias: str, number: int) -> None:
        """Move an alias in the seeds; the next run loads them."""
        for model in ("toy", "rank"):
            promote(model, number, alias=alias, project_dir=self.project.folder)
        self.promoted = True

    def load_registry(self) -> None:
        if self.promoted:
            self.dbt("seed", "--select", "ml_toy", "ml_rank").check()
            self.promoted = False

    def dbt(self, *arguments: str) -> Build:
        """A dbt command in this process, with what was parsed before."""
        unwritten = ["--quiet", "--no-write-json", "--log-level-file", "none"]
        try:
            with contextlib.chdir(self.project.folder):
                if self.manifest is None:
                    parsed = dbtRunner().invoke([*unwritten, "parse", *self.places])
                    assert parsed.success, parsed.exception
                    self.manifest = parsed.result
                ended = dbtRunner(manifest=self.manifest).invoke([*unwritten, *arguments, *self.places])
        finally:
            _close_database()
        results = list(getattr(ended.result, "results", None) or [])
        return Build(
            success=ended.success,
            statuses={result.node.name: str(result.status) for result in results},
            messages={result.node.name: str(result.message) for result in results},
            problem=str(ended.exception or ""),
        )

    def kill(self, statement: int, *arguments: str) -> int:
        """The same command in a process that is killed before dbt's n-th statement; its exit code."""
        more = ["--threads", "1", *self.places]
        return self.server.run([*arguments, *more], self.output, kill_before=statement)

    def runs(self, name: str) -> list[dict[str, Any]]:
        return self.project.runs(name)

    def rows(self, name: str) -> list[dict[str, Any]] | None:
        """Rows of a prediction table, or None where there is no table."""
        with duckdb.connect(self.project.database) as connection:
            if not connection.execute("from duckdb_tables() where table_name = ?", [name]).fetchall():
                return None
            found = connection.execute(f"from {name}")
            names = [column[0] for column in found.description]
            return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    def leftovers(self) -> list[Any]:
        return self.project.query(
            "select table_name from duckdb_tables() where contains(table_name, '__scorehouse_new')"
        )


def shown(rows: list[dict[str, Any]], run_numbers: Mapping[UUID, int], table: Table) -> dict[Any, Any]:
    """Rows of the warehouse, by key and label, as `expected` gives those of the oracle."""
    found = {}
    for row in unfolded(rows, table.live):
        key = (row["id"], row["day"]) if table.settings.history else (row["id"],)
        name = key, row.get("model_alias", "")
        assert name not in found, f"{name} stands twice in the table"
        reasons = [reason.split("=")[0] for reason in (row["reject_reason"] or "").split(";") if reason]
        found[name] = {
            "part": row["part"],
            "prediction": row["prediction"],
            "score": row["score"],
            "row_status": row["row_status"],
            "reasons": sorted(reasons),
            "model_version": row["model_version"],
            "is_live": row.get("is_live", True),
            "run": run_numbers.get(row["scoring_run_id"]),
            "is_vanished": row.get("is_vanished", False),
            "decided": (row.get("decision"), row.get("band")),
            "policy": row.get("decision_policy"),
        }
    return found


def unfolded(rows: list[dict[str, Any]], live: str) -> Iterator[dict[str, Any]]:
    """The versions of a wide row one by one, as a long table has them; only the live one decides."""
    for row in rows:
        others = [name.removeprefix(BESIDE) for name in row if name.startswith(BESIDE)]
        if others:
            yield {**row, "model_alias": live}
        else:
            yield row
        for other in others:
            own = {name: row[f"{name}__{other}"] for name in SIDE_BY_SIDE}
            status = "scored" if own["reject_reason"] is None else "rejected"
            undecided = dict.fromkeys(("decision", "band", "decision_policy"))
            label = other.replace("_", " ")
            yield {**row, **undecided, **own, "row_status": status, "model_alias": label, "is_live": False}


def expected(row: Prediction, policies: Mapping[str, str]) -> dict[str, Any]:
    """A row of the oracle, as `shown` gives it; `policies` are the names of policies in the warehouse."""
    outcome = row.outcome
    return {
        "part": row.made_from.part,
        "prediction": outcome.prediction,
        "score": outcome.score,
        "row_status": "rejected" if outcome.reasons else "scored",
        "reasons": sorted(outcome.reasons),
        "model_version": row.version,
        "is_live": row.is_live,
        "run": row.run,
        "is_vanished": row.vanished,
        "decided": row.decided,
        "policy": policies[str(row.policy)] if row.policy else None,
    }


def differences(found: Mapping[Any, Any], table: Table, policies: Mapping[str, str]) -> list[str]:
    """Where the warehouse and the oracle disagree, in words."""
    wanted = {name: expected(row, policies) for name, row in table.rows.items()}
    told = [f"{name} is missing" for name in sorted(set(wanted) - set(found))]
    told += [f"{name} should not be there" for name in sorted(set(found) - set(wanted))]
    for name in sorted(set(wanted) & set(found)):
        for column, value in wanted[name].items():
            got = found[name][column]
            close = column == "score" and None not in (value, got) and math.isclose(value, got, rel_tol=1e-12)
            if got != value and not close:
                told.append(f"{name}: {column} is {got!r}, and should be {value!r}")
    return told


def wrong_counts(run: Mapping[str, Any], wanted: Found) -> list[str]:
    """Where a row of the run log tells other counts than the oracle."""
    counts: dict[str, Any] = {
        "rows_in": wanted.rows_in,
        "rows_rejected": wanted.rejected,
        "rows_scored": wanted.rows_in - wanted.rejected,
        "rows_left": wanted.rows_left,
    }
    counts |= {f"rows_{state}": wanted.states[state] if wanted.states else None for state in STATES}
    return [f"{name} is {run[name]}, not {value}" for name, value in counts.items() if run[name] != value]
