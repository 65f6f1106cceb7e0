"""The DuckDB file of a target: where it is, and a connection to it."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scorehouse.cli.common import this_call
from scorehouse.cli.profile_file import rendered
from scorehouse.dialect import DUCKDB
from scorehouse.errors import ConfigurationError
from scorehouse.project.folder import project_variable
from scorehouse.project.run_log_place import Place, run_log_place

if TYPE_CHECKING:
    import duckdb

MEMORY, LAKE = ":memory:", "ducklake:"
HOLDER = re.compile(r"(?:held|open) in\s+(.*?) ?\(?PID (\d+)")  # of a lock, in DuckDB's words


def place_of_target(project: Path, settings: Mapping[str, Any]) -> Place:
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
        existing(file, "the project's folder"), alias, schema, log.database, log.schema, files, options
    )


def _path_in(project: Path, path: object) -> Path:
    """The path of a file, or of a lake with its catalog in a file: then it begins with `ducklake:`."""
    text = rendered(str(path))
    file = project / Path(text.removeprefix(LAKE)).expanduser()
    return Path(LAKE + str(file.absolute())) if text.startswith(LAKE) else file


def _is_there(path: Path) -> bool:
    return Path(str(path).removeprefix(LAKE)).is_file()


def existing(file: Path, origin: str) -> Path:
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
