"""The warehouse of the dbt target that the user names: its DuckDB file and schema. It is never guessed."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import yaml

from scorehouse.cli.common import Function, project_option
from scorehouse.dialect import DUCKDB
from scorehouse.errors import ConfigurationError, did_you_mean
from scorehouse.project.folder import find_project
from scorehouse.project.place import Place
from scorehouse.project.run_log_place import run_log_place
from scorehouse.project.variables import project_variable

if TYPE_CHECKING:
    import duckdb

    from scorehouse.report.dbt_results import DbtResults

MEMORY = ":memory:"


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


def this_call() -> str:
    """The command as the user wrote it."""
    context = click.get_current_context(silent=True)
    return f"scorehouse {context.command_path.partition(' ')[2] if context else ''}".rstrip()


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
    file = _profiles_file(profiles_dir, project)
    return _place_of_target(project, _settings_of(file, profile or _profile_of(project), target))


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
    outputs = _outputs(_profiles_file(profiles_dir, project), profile or _profile_of(project))
    return str((outputs.get(target) or {}).get("type") or "duckdb")


def default_target(project: Path) -> Mapping[str, Any]:
    """The settings of the profile's default target, for hints alone; empty if they are not found."""
    try:
        profile = _profile_of(project)
        document = yaml.safe_load(_profiles_file(None, project).read_text(encoding="utf-8"))
        return document[profile]["outputs"][document[profile].get("target") or "default"] or {}
    except (ConfigurationError, yaml.YAMLError, KeyError, TypeError, AttributeError):
        return {}


def _place_of_target(project: Path, settings: Mapping[str, Any]) -> Place:
    """The file of the target's database: the one in its path, or an attached one."""
    schema = _rendered(str(settings.get("schema") or "main"))
    log = run_log_place(_variables(project), settings.get("database"), schema)
    files = _attached(project, settings)
    alias = str(settings.get("database") or "")
    origin = "the project's folder"
    if alias not in files:
        return Place(
            _existing(_path_in(project, settings["path"]), origin),
            None,
            schema,
            log.database,
            log.schema,
            files,
        )
    attached = files.pop(alias)
    if settings["path"] != MEMORY:
        main = _path_in(project, settings["path"])
        files[main.stem] = main
    return Place(_existing(attached, origin), alias, schema, log.database, log.schema, files)


def _attached(project: Path, settings: Mapping[str, Any]) -> dict[str, Path]:
    """The DuckDB files that a target attaches, by alias; attachments of other kinds are left to dbt."""
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
        outputs = _outputs(_profiles_file(profiles_dir, project), profile or _profile_of(project))
    except ConfigurationError:
        return ""
    return f", one of {', '.join(sorted(outputs))}" if outputs else ""


def _path_in(project: Path, path: object) -> Path:
    return project / Path(_rendered(str(path))).expanduser()


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


def _profiles_file(folder: Path | None, project: Path) -> Path:
    """The profiles.yml that dbt would find if it ran in the project's folder."""
    set_by_user = os.environ.get("DBT_PROFILES_DIR")
    if folder is None and set_by_user:
        folder = Path(set_by_user)
    places = [folder] if folder else [project, Path.home() / ".dbt"]
    for place in places:
        if (place / "profiles.yml").is_file():
            return place / "profiles.yml"
    raise ConfigurationError(
        this_call(),
        f"there is no profiles.yml in {' or '.join(repr(str(place)) for place in places)}",
        expected="the folder of profiles.yml",
        action="name it with --profiles-dir, or name the file with --database",
    )


def _profile_of(project: Path) -> str:
    document = yaml.safe_load((project / "dbt_project.yml").read_text(encoding="utf-8")) or {}
    if not document.get("profile"):
        raise ConfigurationError(
            this_call(),
            "dbt_project.yml names no profile",
            expected="a line `profile: ...` in it",
            action="name the profile with --profile",
        )
    return str(document["profile"])


def _outputs(file: Path, profile: str) -> dict[str, Any]:
    return ((yaml.safe_load(file.read_text(encoding="utf-8")) or {}).get(profile) or {}).get("outputs") or {}


def _settings_of(file: Path, profile: str, target: str) -> dict[str, Any]:
    """The settings of a target; it must be a DuckDB target with a path."""
    outputs = _outputs(file, profile)
    settings: dict[str, Any] = outputs.get(target) or {}
    kind = settings.get("type")
    if kind and kind != "duckdb":
        readable = sorted(name for name, each in outputs.items() if (each or {}).get("type") == "duckdb")
        raise ConfigurationError(
            this_call(),
            f"this command reads DuckDB targets only, and the target {target!r} is of type {kind!r}",
            expected=f"a target of `type: duckdb`{f', such as {readable[0]!r}' if readable else ''}",
            action=f"name a DuckDB target or file; on {kind}, read the tables by `dbt show`",
        )
    if settings.get("type") != "duckdb" or not settings.get("path"):
        raise ConfigurationError(
            this_call(),
            f"the target {target!r} of the profile {profile!r} in {str(file)!r} names no DuckDB file"
            + did_you_mean(target, outputs),
            expected=f"a target of `type: duckdb` with a path; its targets are {sorted(outputs)}",
            action="correct --profile and --target, or name the file with --database",
        )
    return settings


def _rendered(text: str) -> str:
    """The path with env_var() rendered, the only function that is supported in a profile here."""

    def env_var(name: str, default: str | None = None) -> str:
        value = os.environ.get(name, default)
        if value is None:
            raise ConfigurationError(
                this_call(),
                f"the profile needs the environment variable {name!r}, which is not set",
                expected="the variable, set as it is when dbt runs",
                action=f"set {name}, or name the file with --database",
            )
        return value

    import jinja2

    return jinja2.Environment(autoescape=False).from_string(text).render(env_var=env_var)


def _existing(file: Path, origin: str) -> Path:
    if not file.is_file():
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

    files = {alias: file for alias, file in place.attached.items() if file.is_file()}
    opened = place.file
    try:
        if place.alias is None:
            connection = duckdb.connect(str(place.file), read_only=True)
        else:
            connection = duckdb.connect(MEMORY)
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
