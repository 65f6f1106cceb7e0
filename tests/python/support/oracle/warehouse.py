"""The warehouse of the state machines: a dbt project whose runs are compared with the oracle."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import duckdb
import joblib
import yaml
from dbt.cli.main import dbtRunner
from sklearn.linear_model import LogisticRegression

from disturbed_runs import Server, restore
from many_commands import close_database
from oracle.values import TYPES, Features, Key, Settings, Version
from project import Build, DbtProject
from rescoring import COLUMNS, execute, training
from scorehouse import promote
from scorehouse.registration.check_project import check_project
from scorehouse.registry.seeds import ModelSeeds

ALIASES = {"champion": 1, "challenger": 2, "second": 3}
WRITTEN = ("seeds", "artifacts", "macros")  # by a registration
THRESHOLDS = {1: None, 2: 0.3, 3: None, 4: 0.8}

# what makes a run fail stands in a table of the warehouse, so that no fault needs another dbt project
FEATURES = """select id, day, b, part, updated_at, 'n' || id as note{more}, {a} as a
from (
    select * replace (
        if(id = (select max(id) from raw_faults where kind = 'stream'), error('sensor broke'), a) as a)
    from raw_rows)"""
HOOK = "select if(count(*) > 0, error('refused at commit'), 0) from raw_faults where kind = 'commit'"
TABLES = (
    "create table raw_rows (id integer, day date, a double, b double, part integer, updated_at timestamp)",
    "create table raw_faults (kind text, id integer)",
    "create table raw_limits (memory text, threads integer)",
)
# of the whole process, after each run
LIMITS = "select current_setting('memory_limit'), current_setting('threads')::integer"


class OracleWarehouse:
    """One dbt project for all examples; `reset` brings it back to its beginning."""

    def __init__(self, folder: Path) -> None:
        self.project = DbtProject(folder / "house")
        self._at_the_end_of_runs(f"insert into raw_limits {LIMITS}")
        self.versions = {number: self._register(number) for number in THRESHOLDS}
        for alias, number in ALIASES.items():
            self.promote(alias, number)
        execute(self.project, *TABLES)
        head = "{{ config(materialized='view') }}\n"
        self.project.write("models/features.sql", head + features_sql("double"))
        self.project.build().check()
        self.limits = self.project.query(LIMITS)
        self.folder, self.saved = folder, folder / "saved.duckdb"
        restore(self.project.database, self.saved, save=True)
        for name in WRITTEN:
            shutil.copytree(self.project.folder / name, folder / "saved" / name)
        self.server = Server().__enter__()
        self.output = folder / "output.txt"
        self.places = ["--project-dir", str(self.project.folder), "--profiles-dir", str(self.project.folder)]
        self.manifest: Any = None
        self.promoted = False
        self.nodes: list[str] = []

    def _at_the_end_of_runs(self, statement: str) -> None:
        file = self.project.folder / "dbt_project.yml"
        settings = yaml.safe_load(file.read_text())
        hooks = settings.get("on-run-end", [])
        settings["on-run-end"] = [*([hooks] if isinstance(hooks, str) else hooks), statement]
        file.write_text(yaml.safe_dump(settings))

    def close(self) -> None:
        self.server.__exit__()

    def _register(self, number: int) -> Version:
        frame, labels = training(number)
        model = LogisticRegression().fit(frame, labels)
        self.project.register(
            model, "toy", frame, labels, task="classification", threshold=THRESHOLDS[number]
        )
        self.project.register(model, "rank", frame, labels, task="ranking")
        return described(number, model, number, THRESHOLDS[number])

    def register_at_once(self, *seeds: int) -> None:
        """Register versions of `toy` in as many processes at the same time."""
        folder = self.project.folder
        assert self.server.register_at_once(folder, list(seeds), self.folder) == []
        registered = ModelSeeds(folder, "toy").versions()
        assert [version.version for version in registered] == list(range(1, len(registered) + 1))
        new = registered[len(self.versions) :]
        assert sorted(version.description for version in new) == sorted(f"seed {seed}" for seed in seeds)
        assert [checked.faults for checked in check_project(folder, load=False) if checked.faults] == []
        for version in new:
            model = joblib.load(folder / version.artifact)
            seed = int(version.description.removeprefix("seed "))
            self.versions[version.version] = described(version.version, model, seed, None)
        self.promoted, self.manifest = True, None

    def reset(self) -> None:
        restore(self.project.database, self.saved)
        registered = len(self.versions) > len(THRESHOLDS)
        for name in WRITTEN if registered else ["seeds"]:
            place = self.project.folder / name
            shutil.rmtree(place)
            shutil.copytree(self.folder / "saved" / name, place)
        self.versions = {number: self.versions[number] for number in THRESHOLDS}
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

    def fill(
        self,
        features: Mapping[Key, Features],
        faults: Iterable[tuple[str, int]] = (),
        type_of_a: str = "double",
        more: bool = False,
    ) -> None:
        """What stands in the feature table, in which type, and what will make the next run fail."""
        rows = [(key[0], key[1] if len(key) > 1 else None, *row[:4]) for key, row in features.items()]
        with duckdb.connect(self.project.database) as connection:
            connection.execute(f"create or replace view features as {features_sql(type_of_a, more)}")
            connection.execute("delete from raw_rows; delete from raw_faults")
            if rows:
                connection.executemany("insert into raw_rows values (?, ?, ?, ?, ?, ?)", rows)
            for fault in faults:
                connection.execute("insert into raw_faults values (?, ?)", fault)

    def promote(self, alias: str, number: int) -> None:
        """Move an alias in the seeds; the next run loads them."""
        for model in ("toy", "rank") if number in THRESHOLDS else ("toy",):
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
            close_database(self.project.database)
        results = list(getattr(ended.result, "results", None) or [])
        return Build(
            success=ended.success,
            statuses={result.node.name: str(result.status) for result in results},
            messages={result.node.name: str(result.message) for result in results},
            problem=str(ended.exception or ""),
        )

    def end(self, statement: int, ending: str, *arguments: str) -> int:
        """Exit code of the same command in a process that is ended so before dbt's n-th statement."""
        more = ["--threads", "1", *self.places]
        return self.server.run([*arguments, *more], self.output, end_before=statement, ending=ending)

    def limits_after(self) -> set[Any]:
        """Memory and threads that DuckDB had after each run."""
        return set(self.project.query("select * from raw_limits"))

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


def described(number: int, model: LogisticRegression, seed: int, threshold: float | None) -> Version:
    """What the oracle has to know of a version that was fitted on `training(seed)`."""
    frame, _ = training(seed)
    (weights,) = model.coef_.tolist()
    return Version(
        number,
        float(model.intercept_[0]),
        (weights[0], weights[1]),
        threshold,
        tuple(frame[COLUMNS].min().tolist()),
        tuple(frame[COLUMNS].max().tolist()),
    )


def features_sql(type_of_a: str, more: bool = False) -> str:
    """The feature table with `a` in this type, and with a column that nobody reads."""
    a = TYPES[type_of_a].sql.format(a="a")
    return FEATURES.format(a=a, more=", random() as unread" if more else "")
