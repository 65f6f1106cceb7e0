"""What tests stand on: a dbt project of their own, and kernels made the way a run makes them."""

from __future__ import annotations

import contextlib
import copy
import functools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import joblib
import pandas as pd
import pyarrow as pa
import yaml
from dbt.cli.main import dbtRunner, dbtRunnerResult

from many_commands import close_database
from scorehouse import register
from scorehouse.kernel.scorer import Kernel
from scorehouse.program.sql.dialects import DIALECTS
from scorehouse.registration.groups import grouped
from scorehouse.registry.signature import Signature
from scorehouse.registry.version import Version

REPOSITORY = Path(__file__).parents[3]
SUPPORT = Path(__file__).parent  # on PYTHONPATH where another process imports what stands here
NAME = "house"  # of a test's project, and of its profile
EVERY_DATABASE = {
    "scorehouse_compiled_sql": {"dialects": [n for n in DIALECTS if n not in ("clickhouse", "sqlserver")]}
}
PRINTED = {"scorehouse_compiled_sql": {"dialects": ["duckdb"]}}  # for predict()
PARSE_CACHE = "partial_parse.msgpack"
Row = tuple[Any, ...]


@dataclass(frozen=True)
class Build:
    """How a dbt command ended: the status and message of each node, by name."""

    success: bool
    statuses: dict[str, str]
    messages: dict[str, str]
    problem: str

    def check(self) -> Build:
        """Fail, with dbt's messages, where a node failed."""
        assert self.success, self.problem or self.messages
        return self


def install_package(folder: Path) -> None:
    """What `dbt deps` makes of a local package, and the entry in packages.yml that asks for it."""
    (folder / "packages.yml").write_text(yaml.safe_dump({"packages": [{"local": str(REPOSITORY)}]}))
    (folder / "dbt_packages").mkdir()
    (folder / "dbt_packages" / "scorehouse").symlink_to(REPOSITORY)


class DbtProject:
    """A dbt project on a DuckDB file that has this package installed."""

    writes_files = False  # dbt's manifest, results and log, which take a third of a small run

    def __init__(self, folder: Path, *, variables: dict[str, Any] | None = None) -> None:
        self.folder = folder
        self.database = folder / "house.duckdb"
        for name in ("models", "python_models", "seeds", "tests", "macros"):
            (folder / name).mkdir(parents=True)
        install_package(folder)
        self.settings(variables or {})
        # relative, so that a parse cache serves other projects too: dbt runs in the project's folder
        outputs = {"dev": {"type": "duckdb", "path": self.database.name, "threads": 2}}
        self.write("profiles.yml", yaml.safe_dump({NAME: {"target": "dev", "outputs": outputs}}))

    @classmethod
    def made(cls, folder: Path) -> DbtProject:
        """The project that stands in a folder."""
        found = cls.__new__(cls)
        found.folder, found.database = folder, folder / "house.duckdb"
        return found

    @property
    def environment(self) -> dict[str, str]:
        """That of a command in this project, wherever the tests themselves were started."""
        places = {"DBT_PROJECT_DIR": str(self.folder), "DBT_PROFILES_DIR": str(self.folder)}
        return {**os.environ, **places}

    def copy(self, folder: Path) -> DbtProject:
        """The same project in another folder, with its database and what dbt has parsed."""
        shutil.copytree(self.folder, folder, symlinks=True)
        twin = copy.copy(self)
        twin.folder, twin.database = folder, folder / self.database.name
        return twin

    def settings(self, variables: dict[str, Any]) -> None:
        """Write dbt_project.yml, with these variables."""
        document = {
            "name": NAME,
            "version": "1.0.0",
            "config-version": 2,
            "profile": NAME,
            "model-paths": ["models", "python_models"],
            "flags": {"send_anonymous_usage_stats": False},
            "vars": PRINTED | variables,
        }
        self.write("dbt_project.yml", yaml.safe_dump(document))

    def write(self, path: str, text: str) -> None:
        (self.folder / path).write_text(text)

    def features(self, sql: str, name: str = "features") -> None:
        """A feature table."""
        self.write(f"models/{name}.sql", f"{{{{ config(materialized='table') }}}}\n{sql}\n")

    def python_model(
        self,
        name: str,
        model: str,
        *,
        features: str = "features",
        config: str = "materialized='predictions'",
        **arguments: Any,
    ) -> None:
        """A prediction table through the Python door."""
        self.write(
            f"python_models/{name}.py",
            "from scorehouse import score\n\n\n"
            "def model(dbt, session):\n"
            f"    dbt.config({config})\n"
            f"    features = dbt.ref({features!r})\n"
            f"    return score(dbt, session, features=features, model=dbt.ref('ml_{model}'), "
            f"{_keywords(arguments)})\n",
        )

    def sql_model(
        self, name: str, model: str, *, features: str = "features", config: str = "", **arguments: Any
    ) -> None:
        """A prediction table through the SQL door."""
        head = f"{{{{ config({config}) }}}}\n" if config else ""
        call = f"{{{{ scorehouse.scored({model!r}, {_keywords(arguments, none='none')}) }}}}"
        self.write(f"models/{name}.sql", f"{head}{call}\nselect * from {{{{ ref({features!r}) }}}}\n")

    def register(self, estimator: Any, name: str, X: Any, y: Any = None, **facts: Any) -> Version:
        arguments = grouped({"alias": "champion", **facts})
        return register(estimator, name, X, y, project_dir=self.folder, **grouped(arguments))

    def dbt(self, *arguments: str) -> Build:
        """Run dbt in this process, on top of what it has parsed before."""
        self._begin_parsed()
        ended = self._invoke(*arguments)
        results = list(getattr(ended.result, "results", None) or [])
        return Build(
            success=ended.success,
            statuses={result.node.name: str(result.status) for result in results},
            messages={result.node.name: str(result.message) for result in results},
            problem=str(ended.exception or ""),
        )

    def operation(self, macro: str, **arguments: Any) -> bool:
        """Whether `dbt run-operation` succeeded; what it says is printed."""
        self._begin_parsed()
        return self._invoke("run-operation", macro, "--args", yaml.safe_dump(arguments)).success

    def _begin_parsed(self) -> None:
        cache = self.folder / "target" / PARSE_CACHE
        if not cache.exists():
            cache.parent.mkdir(exist_ok=True)
            cache.write_bytes(_parsed_package())

    def _invoke(self, *arguments: str) -> dbtRunnerResult:
        places = ["--project-dir", str(self.folder), "--profiles-dir", str(self.folder)]
        unwritten = [] if self.writes_files else ["--no-write-json", "--log-level-file", "none"]
        try:
            with contextlib.chdir(self.folder):
                return dbtRunner().invoke(["--quiet", *unwritten, *arguments, *places])
        finally:
            close_database(self.database)

    def build(self, *arguments: str) -> Build:
        return self.dbt("build", *arguments)

    def query(self, sql: str) -> list[Row]:
        with duckdb.connect(self.database) as connection:
            found = connection.sql(sql)
            return (
                [] if found is None else found.fetchall()
            )  # DuckDB 1.5 gives None where nothing is selected

    def columns(self, table: str) -> dict[str, str]:
        """Names and types of a table's columns, in order."""
        return {row[0]: row[1] for row in self.query(f"describe {table}")}

    def content(self, table: str) -> list[Row]:
        """Every value of a table, in an order of its own."""
        return self.query(f"select * from {table} order by all")

    def runs(self, node: str) -> list[dict[str, Any]]:
        """Rows of the run log of one model, oldest first."""
        with duckdb.connect(self.database) as connection:
            rows = connection.execute(
                "select * from scorehouse_run_log where split_part(node, '.', -1) = ? order by started_at",
                [node],
            )
            names = [column[0] for column in rows.description]
            return [dict(zip(names, row, strict=True)) for row in rows.fetchall()]


@functools.cache
def _parsed_package() -> bytes:
    """dbt's parse cache of a project that holds this package alone, which each project begins with.

    dbt itself parses anew where the settings of a project differ from those here.
    """
    with tempfile.TemporaryDirectory() as folder:
        project = DbtProject(Path(folder) / "house")
        assert project._invoke("parse").success
        return (project.folder / "target" / PARSE_CACHE).read_bytes()


def _keywords(arguments: dict[str, Any], none: str = "None") -> str:
    return ", ".join(f"{name}={none if value is None else repr(value)}" for name, value in arguments.items())


def registered_kernel(
    folder: Path, estimator: Any, X: Any, y: Any = None, *, strict: Iterable[str] = (), **facts: Any
) -> Kernel:
    """Register, then load what was written: the kernel as a scoring run has it."""
    return kernel_in(folder, registered(folder, estimator, X, y, **facts), strict)


def registered(folder: Path, estimator: Any, X: Any, y: Any = None, **facts: Any) -> Version:
    (folder / "dbt_project.yml").write_text(yaml.safe_dump({"vars": PRINTED}))
    return register(estimator, "tried", X, y, project_dir=folder, **grouped(facts))


def kernel_in(folder: Path, version: Version, strict: Iterable[str] = ()) -> Kernel:
    artifact = folder / version.artifact
    signature = Signature.from_json(artifact.with_name("signature.json").read_bytes())
    return Kernel(joblib.load(artifact), version, signature, strict=frozenset(strict), call="test")


MakeKernel = Callable[..., Kernel]


def batch_of(frame: pd.DataFrame) -> pa.RecordBatch:
    """A frame as an engine would hand it over: NaN is NULL."""
    return pa.RecordBatch.from_pandas(frame, preserve_index=False)
