"""The warehouse of the dbt target that the user names: its DuckDB file and schema. It is never guessed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from scorehouse.cli.common import Function, project_option
from scorehouse.cli.profile_file import outputs_of, profile_of, profiles_file, rendered, settings_of
from scorehouse.cli.profile_file import this_call as this_call
from scorehouse.dialect import DUCKDB
from scorehouse.errors import ConfigurationError
from scorehouse.project.folder import find_project
from scorehouse.project.place import Place
from scorehouse.project.run_log_place import run_log_place
from scorehouse.project.variables import project_variable

if TYPE_CHECKING:
    import duckdb

    from scorehouse.report.dbt_results import DbtResults

MEMORY, LAKE = ":memory:", "ducklake:"


def target_options(function: Function) -> Function:
    """Options that name the DuckDB file and the schema in it."""
    schema = click.option("--schema", help="Schema of the dbt target, if the file has several.")
    return file_options(schema(function))


def results_option(function: Function) -> Function:
    """The option that names the folder of dbt's own results."""
    return click.option(
        "--dbt-target",
        type=click.Path(exists=True, file_okay=False, path_type=Path),
        help="Folder with dbt's manifest, run results and sources; default: the project's target.",
    )(function)


def dbt_results(place: Place, folder: Path | None, project_dir: Path | None) -> DbtResults | None:
    """The results of dbt's last command, if they are about the database of `place`."""
    from scorehouse.report.dbt_results import read_results

    if folder is None:
        try:
            folder = find_project(project_dir) / "target"
        except ConfigurationError:
            return None
    return read_results(folder, place.alias or place.file.stem)


def file_options(function: Function) -> Function:
    """Options that name the DuckDB file, and the project whose profile may name it."""
    folder = click.Path(file_okay=False, path_type=Path)
    for option in (
        project_option,
        click.option(
            "--profiles-dir",
            type=folder,
            help="Folder of profiles.yml; default: DBT_PROFILES_DIR, else the project, else ~/.dbt.",
        ),
        click.option("--target", help="Target of the profile, instead of --database; never guessed."),
        click.option("--profile", help="Profile of the target; default: the one in dbt_project.yml."),
        click.option("--database", type=click.Path(dir_okay=False, path_type=Path), help="The DuckDB file."),
    ):
        function = option(function)
    return function


def place_of(
    database: Path | None,
    profile: str | None,
    target: str | None,
    profiles_dir: Path | None,
    project_dir: Path | None,
) -> Place:
    """The file named by --database, or the target named by --target in profiles.yml.

    A relative path in a profile is relative to the project's folder, where dbt runs.
    """
    if database is not None and (profile or target):
        raise click.UsageError("name either --database or --target")
    if database is not None:
        return Place(_existing(database, "this folder"))
    if not target:
        raise click.UsageError(
            "name the DuckDB file with --database, or the --target that writes it"
            + _known_targets(profile, profiles_dir, project_dir)
        )
    project = _project(project_dir, profile)
    file = profiles_file(profiles_dir, project)
    return _place_of_target(project, settings_of(file, profile or profile_of(project), target))


def adapter_of(
    profile: str | None,
    target: str | None,
    profiles_dir: Path | None,
    project_dir: Path | None,
    database: Path | None = None,
) -> str:
    """The type of the target that is named, such as `postgres`; `duckdb` if it is not known."""
    if not target or database is not None:
        return "duckdb"
    project = _project(project_dir, profile)
    outputs = outputs_of(profiles_file(profiles_dir, project), profile or profile_of(project))
    return str((outputs.get(target) or {}).get("type") or "duckdb")


def _place_of_target(project: Path, settings: Mapping[str, Any]) -> Place:
    """The file of the target's database: the one in its path, or an attached one."""
    schema = rendered(str(settings.get("schema") or "main"))
    log = run_log_place(_variables(project), settings.get("database"), schema)
    files = _attached(project, settings)
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


def _attached(project: Path, settings: Mapping[str, Any]) -> dict[str, Path]:
    """The DuckDB files, and lakes, that a target attaches, by alias; other attachments are left to dbt."""
    files = {}
    for each in settings.get("attach") or []:
        if each.get("path") and each.get("type", "duckdb") == "duckdb":
            path = _path_in(project, each["path"])
            files[str(each.get("alias") or path.stem)] = path
    return files


def _known_targets(profile: str | None, profiles_dir: Path | None, project_dir: Path | None) -> str:
    """The targets to choose from, as the end of a sentence; empty if they are not found."""
    try:
        project = _project(project_dir, profile)
        outputs = outputs_of(profiles_file(profiles_dir, project), profile or profile_of(project))
    except ConfigurationError:
        return ""
    return f", one of {', '.join(sorted(outputs))}" if outputs else ""


def _path_in(project: Path, path: object) -> Path:
    """The path of a file, or of a lake with its catalog in a file: then it begins with `ducklake:`."""
    text = rendered(str(path))
    file = project / Path(text.removeprefix(LAKE)).expanduser()
    return Path(LAKE + str(file.absolute())) if text.startswith(LAKE) else file


def _is_there(path: Path) -> bool:
    return Path(str(path).removeprefix(LAKE)).is_file()


def _variables(project: Path) -> Callable[[str], Any]:
    """The variables of a project; empty if there is no project."""
    if not (project / "dbt_project.yml").is_file():
        return lambda name: None
    return lambda name: project_variable(project, name)


def _project(project_dir: Path | None, profile: str | None) -> Path:
    """The project's folder; without a project, but with a named profile, the current folder."""
    try:
        return find_project(project_dir)
    except ConfigurationError:
        if project_dir is not None or profile is None:
            raise
        return Path.cwd()


def _existing(file: Path, origin: str) -> Path:
    if not _is_there(file):
        raise ConfigurationError(
            this_call(),
            f"there is no DuckDB file {str(file)!r}",
            expected=f"the file that dbt writes into; a relative path is resolved from {origin}",
            action="correct the path, or build the project first",
        )
    return file


def connect(place: Place) -> duckdb.DuckDBPyConnection:
    """Open the file and its attached files for reading; the file's database is the current one."""
    import duckdb

    files = {alias: file for alias, file in place.attached.items() if _is_there(file)}
    opened = place.file
    options = dict(place.options)
    try:
        if place.alias is None:
            connection = duckdb.connect(str(place.file), read_only=True, config=options)
        else:
            connection = duckdb.connect(MEMORY, config=options)
            files = {place.alias: place.file, **files}
        connection.execute("set enable_progress_bar = false")  # it would be printed among the output
        for alias, opened in files.items():
            path, name = DUCKDB.literal(str(opened)), DUCKDB.quote(alias)
            connection.execute(f"attach {path} as {name} (read_only)")
        if place.alias is not None:
            connection.execute(f"use {DUCKDB.quote(place.alias)}")
    except duckdb.Error as error:
        raise ConfigurationError(
            this_call(),
            f"{str(opened)!r} cannot be opened ({error})",
            expected="a DuckDB file that no other process is writing to",
            action="wait for the dbt run to end",
        ) from error
    return connection
