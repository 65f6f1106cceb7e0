"""The warehouse of a dbt target, and its schema. To read, a profile's default is taken."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from scorehouse.cli.common import FILE, FOLDER, Function, echo, packed, project_option, this_call
from scorehouse.cli.duckdb_file import connect, existing, place_of_target
from scorehouse.cli.profile_file import Profile, read_profile
from scorehouse.errors import ConfigurationError, listed
from scorehouse.project.folder import find_project
from scorehouse.project.run_log_place import TABLE, Place, RunLogPlace, run_log_schemas

if TYPE_CHECKING:
    import duckdb

    from scorehouse.cli.by_dbt import ByDbt
    from scorehouse.cli.rows_by_dbt import Key
    from scorehouse.report.dbt_results import DbtResults
    from scorehouse.report.warehouse import Warehouse

PROFILE = "Profile of the target; default: the one in dbt_project.yml."
PROFILES_DIR = click.option(
    "--profiles-dir",
    type=FOLDER,
    help="Folder of profiles.yml; default: DBT_PROFILES_DIR, else the project, else ~/.dbt.",
)


@dataclass(frozen=True)
class Opened:
    """A warehouse that is open for reading, and the schema that the user named."""

    connection: duckdb.DuckDBPyConnection
    place: Place
    schema: str | None
    by_dbt: ByDbt | None = None  # what the tables were copied by

    def fetch(
        self, name: str, table: str | None, keys: Callable[[Sequence[str]], Sequence[Key]] | None = None
    ) -> None:
        """Copy the newest predictions and features of an ML model, all or those of `keys`.

        Of a database that is copied, which lacks them.
        """
        from scorehouse.cli.rows_by_dbt import fetch

        if self.by_dbt:
            fetch(self.connection, self.run_log, self.by_dbt, name, table, keys, f"{this_call()} {name}")

    @property
    def run_log(self) -> str:
        """The quoted name of the run log: in `schema`, else in the target's schema, else the only one."""
        place = self.place
        known = run_log_schemas(self.connection, place.log_database)
        wanted = self.schema or place.log_schema
        matching = [name for name in known if wanted in (None, name)]
        if len(matching) == 1:
            return RunLogPlace(place.log_database, matching[0]).quoted
        where = f" in the schema {wanted!r}" if wanted else ""
        where += f" of the database {place.log_database!r}" if place.log_database else ""
        others = f"; run logs are in the schemas {listed(known)}" if known else ""
        raise ConfigurationError(
            this_call(),
            f"{str(place.file)!r} has {len(matching)} run logs{where}{others}",
            expected=f"one table {TABLE}{where}",
            action="name its schema with --schema" if known else "score a table first, or correct the path",
        )

    @property
    def has_run_log(self) -> bool:
        """Whether there is any, as there is from the first run on."""
        return bool(run_log_schemas(self.connection, self.place.log_database))

    @functools.cached_property
    def monitoring(self) -> Warehouse:
        """The tables of monitoring."""
        from scorehouse.report.warehouse import Warehouse

        original = self.by_dbt.reading if self.by_dbt else None
        return Warehouse(self.connection, self.place, self.schema, this_call(), original)


@dataclass(frozen=True)
class Target:
    """The options that name a DuckDB file: --database, or a --target of a profile, by default its own.

    A relative path in a profile is relative to the project's folder, where dbt runs. `dbt_target` is the
    folder of dbt's manifest and results.
    """

    database: Path | None = None
    profile: str | None = None
    target: str | None = None
    profiles_dir: Path | None = None
    project_dir: Path | None = None
    schema: str | None = None
    dbt_target: Path | None = None

    @property
    def project(self) -> Path:
        """The folder of the dbt project."""
        return find_project(self.project_dir)

    @property
    def adapter(self) -> str:
        """The type of the target that is named, such as `postgres`; `duckdb` if it is not known."""
        if self.database is not None:
            return "duckdb"
        try:
            _, profile = self._profile()
            target = self.target or profile.default
        except ConfigurationError:
            if self.target:
                raise
            return "duckdb"
        return str((profile.targets.get(target) or {}).get("type") or "duckdb")

    @functools.cached_property
    def by_dbt(self) -> ByDbt:
        """The target as dbt's adapter reads it, for one that is not of DuckDB."""
        from scorehouse.cli.by_dbt import read_by_dbt

        return read_by_dbt(self.project, self._named, self.profile, self.profiles_dir)

    @functools.cached_property
    def _named(self) -> str:
        """The name of the target; the profile's default is printed, once."""
        if self.target:
            return self.target
        _, profile = self._profile()
        echo(f"target: {profile.default}", err=True)
        return profile.default

    def require_name(self, why: str = "") -> None:
        """An error where neither file nor target is named, for commands whose result is kept."""
        if self.database is None and not self.target:
            named = "name the DuckDB file with --database, or the --target that writes it"
            raise click.UsageError(f"{named}{self._known_targets()}{f' ({why})' if why else ''}")

    def place(self) -> Place:
        """The file named by --database, or the one of the target in profiles.yml."""
        if self.database is not None and (self.profile or self.target):
            raise click.UsageError("name either --database or --target")
        if self.database is not None:
            return Place(existing(self.database, "this folder"))
        return self._place

    @functools.cached_property
    def _place(self) -> Place:
        """The file of the target; the profile's default is printed, once."""
        try:
            project, profile = self._profile()
        except ConfigurationError as error:
            self.require_name(error.problem)  # without a profile there is no default
            raise
        if not self.target and profile.default not in profile.targets:
            what = (
                f"target {profile.default!r}"
                if profile.targets
                else f"target of the profile {profile.name!r}"
            )
            self.require_name(f"there is no {what} in {str(profile.file)!r}")
        target = self._named
        return replace(place_of_target(project, profile.duckdb_settings(target)), target=target)

    @contextmanager
    def opened(self, *, anywhere: bool = False) -> Iterator[Opened]:
        """The named file, open for reading until the block ends.

        With `anywhere`, the target may be another database: its run log and monitoring are copied then.
        """
        if anywhere and self.adapter != "duckdb":
            with self.by_dbt.copied() as (connection, place):
                yield Opened(connection, place, self.schema, self.by_dbt)
            return
        place = self.place()
        with connect(place) as connection:
            yield Opened(connection, place, self.schema)

    def dbt_results(self) -> DbtResults | None:
        """The results of dbt's last command, if they are about the database of the target."""
        from scorehouse.report.dbt_results import read_results

        folder = self.dbt_target
        if self.adapter == "duckdb":
            place = self.place()
            database, schema = place.alias or place.file.stem, ""
        else:
            database, schema = self.by_dbt.database or "", self.by_dbt.schema
        if folder is None:
            try:
                folder = self.project / "target"
            except ConfigurationError:
                return None
        return read_results(folder, database, schema)

    def _profile(self) -> tuple[Path, Profile]:
        """The project, or without one, but with a named profile, the current folder; and the profile."""
        try:
            project = self.project
        except ConfigurationError:
            if self.project_dir is not None or self.profile is None:
                raise
            project = Path.cwd()
        return project, read_profile(project, self.profiles_dir, self.profile)

    def _known_targets(self) -> str:
        """The targets to choose from, as the end of a sentence; empty if they are not found."""
        try:
            _, profile = self._profile()
        except ConfigurationError:
            return ""
        return f", one of {', '.join(sorted(profile.targets))}" if profile.targets else ""


def file_options(function: Function) -> Function:
    """Options that name the DuckDB file, and the project whose profile may name it; passed as a Target."""
    function = packed(Target, "target", function)
    for option in (
        project_option,
        PROFILES_DIR,
        click.option("--target", help="Target of the profile; default for reading: its own."),
        click.option("--profile", help=PROFILE),
        click.option("--database", type=FILE, help="The DuckDB file."),
    ):
        function = option(function)
    return function


def dbt_target_options(function: Function) -> Function:
    """Options of a command that runs dbt in a target, which has to be named; passed as a Target."""
    function = packed(Target, "target", function)
    for option in (
        project_option,
        PROFILES_DIR,
        click.option("--profile", help=PROFILE),
        click.option("--target", required=True, help="Target of the profile."),
    ):
        function = option(function)
    return function


def target_options(function: Function) -> Function:
    """Options that name the DuckDB file and the schema in it; passed as a Target."""
    schema = click.option("--schema", help="Schema of the dbt target, if the file has several.")
    return file_options(schema(function))


results_option = click.option(
    "--dbt-target",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder with dbt's manifest, run results and sources; default: the project's target.",
)
