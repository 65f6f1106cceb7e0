"""The warehouse of a dbt target: its DuckDB file and schema. To read, a profile's default is taken."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from scorehouse.cli.common import FILE, FOLDER, Function, echo, packed, project_option, this_call
from scorehouse.cli.profile_file import Profile, read_profile, rendered
from scorehouse.dialect import DUCKDB
from scorehouse.errors import ConfigurationError, listed
from scorehouse.project.folder import find_project, project_variable
from scorehouse.project.run_log_place import TABLE, Place, RunLogPlace, run_log_place, run_log_schemas

if TYPE_CHECKING:
    import duckdb

    from scorehouse.report.dbt_results import DbtResults
    from scorehouse.report.warehouse import Warehouse

MEMORY, LAKE = ":memory:", "ducklake:"
HOLDER = re.compile(r"(?:held|open) in\s+(.*?) ?\(?PID (\d+)")  # of a lock, in DuckDB's words
PROFILE = "Profile of the target; default: the one in dbt_project.yml."
PROFILES_DIR = click.option(
    "--profiles-dir",
    type=FOLDER,
    help="Folder of profiles.yml; default: DBT_PROFILES_DIR, else the project, else ~/.dbt.",
)


@dataclass(frozen=True)
class Opened:
    """A DuckDB file that is open for reading, and the schema that the user named."""

    connection: duckdb.DuckDBPyConnection
    place: Place
    schema: str | None

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

        return Warehouse(self.connection, self.place, self.schema, this_call())


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
        if not self.target or self.database is not None:
            return "duckdb"
        _, profile = self._profile()
        return str((profile.targets.get(self.target) or {}).get("type") or "duckdb")

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
            return Place(_existing(self.database, "this folder"))
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
        if not self.target:
            echo(f"target: {profile.default}", err=True)
        target = self.target or profile.default
        return replace(_place_of_target(project, profile.duckdb_settings(target)), target=target)

    @contextmanager
    def opened(self) -> Iterator[Opened]:
        """The named file, open for reading until the block ends."""
        place = self.place()
        with connect(place) as connection:
            yield Opened(connection, place, self.schema)

    def dbt_results(self) -> DbtResults | None:
        """The results of dbt's last command, if they are about the database of the target."""
        from scorehouse.report.dbt_results import read_results

        place, folder = self.place(), self.dbt_target
        if folder is None:
            try:
                folder = self.project / "target"
            except ConfigurationError:
                return None
        return read_results(folder, place.alias or place.file.stem)

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


def _place_of_target(project: Path, settings: Mapping[str, Any]) -> Place:
    """The file of the target's database: the one in its path, or an attached one."""
    schema = rendered(str(settings.get("schema") or "main"))
    log = run_log_place(functools.partial(project_variable, project), settings.get("database"), schema)
    files = {}
    for each in settings.get("attach") or []:  # other attachments than DuckDB files and lakes are left to dbt
        if each.get("path") and each.get("type", "duckdb") == "duckdb":
            path = _path_in(project, each["path"])
            files[str(each.get("alias") or path.stem)] = path
    alias: str | None = str(settings.get("database") or "")
    if alias in files:
        file = files.pop(alias)
        if settings["path"] != MEMORY:
            main = _path_in(project, settings["path"])
            files[main.stem] = main
    else:
        file, alias = _path_in(project, settings["path"]), None
    options = settings.get("config_options") or {}
    return Place(
        _existing(file, "the project's folder"), alias, schema, log.database, log.schema, files, options
    )


def _path_in(project: Path, path: object) -> Path:
    """The path of a file, or of a lake with its catalog in a file: then it begins with `ducklake:`."""
    text = rendered(str(path))
    file = project / Path(text.removeprefix(LAKE)).expanduser()
    return Path(LAKE + str(file.absolute())) if text.startswith(LAKE) else file


def _is_there(path: Path) -> bool:
    return Path(str(path).removeprefix(LAKE)).is_file()


def _existing(file: Path, origin: str) -> Path:
    if not _is_there(file):
        raise ConfigurationError(
            this_call(),
            f"there is no DuckDB file {str(file)!r}",
            expected=f"the file that dbt writes into; a relative path is resolved from {origin}",
            action="correct the path, or build the project first",
        )
    return file


def connect(place: Place, *, write: bool = False) -> duckdb.DuckDBPyConnection:
    """Open the file and its attached files for reading; the file's database is the current one.

    With `write`, the file is opened for writing.
    """
    import duckdb

    written = {place.alias} if write else set[str | None]()
    main = {} if place.alias is None else {place.alias: place.file}
    files = {alias: file for alias, file in place.attached.items() if _is_there(file)}
    opened = place.file
    try:
        database = MEMORY if main else str(place.file)
        connection = duckdb.connect(database, read_only=not (main or write), config=dict(place.options))
        connection.execute("set enable_progress_bar = false")  # it would be printed among the output
        for alias, opened in (main | files).items():
            path, name = DUCKDB.literal(str(opened)), DUCKDB.quote(alias)
            connection.execute(f"attach {path} as {name}{'' if alias in written else ' (read_only)'}")
        if place.alias is not None:
            connection.execute(f"use {DUCKDB.quote(place.alias)}")
    except duckdb.Error as error:
        problem = f"{str(opened)!r} cannot be opened ({error})"
        expected = "a whole DuckDB file that this release reads, with the .wal file of its last writes"
        action = "correct the path, or restore both files from a backup"
        if "lock on file" in str(error) or "another process" in str(error):
            held = HOLDER.search(str(error))
            who = f"the process {held[2]} ({held[1]})" if held else "another process"
            problem = f"{str(opened)!r} is open in {who}, which writes to it"
            expected = "a DuckDB file that no other process is writing to"
            action = "wait for that process to end, as a dbt run does, or end it"
        raise ConfigurationError(this_call(), problem, expected=expected, action=action) from error
    return connection
