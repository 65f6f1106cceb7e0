"""Files that may name a person: exports, reports, pages, logs, undelivered alerts, and others."""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import duckdb

from scorehouse.dialect import DUCKDB
from scorehouse.evidence import manifest as packed
from scorehouse.evidence.canonical import digest
from scorehouse.forgetting.people import People
from scorehouse.forgetting.tables import condition, lacks
from scorehouse.outbox.files import (
    FORMATS,
    MANIFEST,
    PARTIAL,
    PREFIX,
    REPLACED,
    STATE,
    put_in_place,
    undo_killed,
)
from scorehouse.registry.seeds import replace_file

NOT_SEARCHED = ("dbt_packages", "node_modules", "__pycache__")  # and hidden folders
BY_DBT = ("target", "logs")
GENERATED = 'name="generator" content="scorehouse'
KEY = re.compile(r'<h1 data-key="([^"]*)"')  # of a page that explains one row
READERS = {
    ".parquet": "read_parquet({})",
    ".csv": "read_csv({}, all_varchar = true, header = true, allow_quoted_nulls = false)",
}
DATABASES = (".duckdb", ".wal", ".db", ".sqlite", ".ducklake")
PACKED = (".gz", ".zip", ".bz2", ".xz", ".zst", ".xlsx", ".pkl", ".joblib", ".npz", ".pdf", ".avro", ".orc")
# What the prediction of an impact says that it is of.
SAID = "select decode(value) from parquet_kv_metadata(?) where decode(key) = 'scorehouse'"
LARGEST = 200 * 2**20  # bytes of a text that is searched
EXPORT, PAGE, LETTER, OURS, OTHER = "export", "explanation", "letter", "report, log or alert", "file"
REMOVED = (PAGE, LETTER)


def files_of(roots: Sequence[Path]) -> Iterator[Path]:
    """The files in folders, or those that are named, once each."""
    seen = set[Path]()
    for root in roots:
        walked = os.walk(root) if root.is_dir() else [(str(root.parent), list[str](), [root.name])]
        for folder, folders, names in walked:
            folders[:] = sorted(
                each
                for each in folders
                if (each not in NOT_SEARCHED and not each.startswith("."))
                or each.startswith((PARTIAL, REPLACED))
            )
            for file in (Path(folder) / name for name in sorted(names)):
                if file.is_file() and not file.is_symlink() and file.resolve() not in seen:
                    seen.add(file.resolve())
                    yield file


def in_git(project: Path) -> set[Path]:
    """The files of the project that are under version control."""
    try:
        listed = subprocess.run(
            ["git", "ls-files", "-z"], cwd=project, capture_output=True, check=True, timeout=60
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return set()
    return {(project / os.fsdecode(name)).resolve() for name in listed.split(b"\0") if name}


def kind_of(connection: duckdb.DuckDBPyConnection, file: Path, project: Path, people: People) -> str:
    """What a file is to us: removed (pages, letters), redacted (exports, ours), or only named (others)."""
    if _is_left(file) or (file.parent.name.startswith(PREFIX) and (file.parent / MANIFEST).is_file()):
        return EXPORT
    inside = file.relative_to(project).parts if file.is_relative_to(project) else ()
    if _answers(file, people):
        return LETTER
    if file.suffix == ".html":
        text = file.read_text(encoding="utf-8", errors="replace")
        if (key := KEY.search(text)) and _is_about(_read_json(html.unescape(key[1])), people):
            return PAGE
        if GENERATED in text:
            return OURS
    if file.suffix == ".jsonl" and _is_letters(file):
        return OURS
    if _is_table_of_ours(connection, file):
        return OURS
    return OURS if inside and inside[0] in BY_DBT else OTHER


def _is_left(file: Path) -> bool:
    """Whether a killed call left the file in a folder of exports."""
    return any(part.startswith(PARTIAL + PREFIX) for part in file.parts[-3:-1])


def folder_of(file: Path) -> Path:
    """The folder of exports that a file of one of its batches is in."""
    folder = file.parent.parent
    return folder.parent if folder.name.startswith((PARTIAL + PREFIX, REPLACED)) else folder


def _is_about(key: Any, people: People) -> bool:
    """Whether the key of a row, by column, is one of the persons'."""
    values = {name.lower(): str(value) for name, value in key.items()} if isinstance(key, dict) else {}
    return tuple(values.get(name.lower(), "") for name in people.columns) in set(people.keys)


def _read_json(text: str) -> Any:
    with suppress(ValueError):
        return json.loads(text)
    return None


def _answers(file: Path, people: People) -> bool:
    """Whether a file is of a folder of `scorehouse answer` about one of the persons."""
    try:
        written = json.loads((file.parent / packed.MANIFEST).read_text(encoding="utf-8"))
        told = json.loads((file.parent / packed.TOLD).read_text(encoding="utf-8"))
        is_own = written["kind"] == packed.ANSWER and file.name in (*packed.UNLISTED, *written["files"])
        return is_own and _is_about(told["story"]["key"], people)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _is_letters(file: Path) -> bool:
    with file.open("rb") as opened:
        line = opened.readline(1 << 20)
    return line.startswith(b"{") and b'"payload"' in line and b'"key"' in line


def _is_table_of_ours(connection: duckdb.DuckDBPyConnection, file: Path) -> bool:
    """Whether a file is the prediction of an impact, or the answers of many keys."""
    if file.suffix == ".parquet":
        with suppress(duckdb.Error):
            return bool(connection.execute(SAID, [str(file)]).fetchall())
    return _is_of_answers(file)


def _is_of_answers(file: Path) -> bool:
    with file.open("rb") as opened:
        head = opened.readline(1 << 16).decode("utf-8", "replace").rstrip()
    return head.endswith(f",{','.join(packed.ANSWERS)}")


def search(
    connection: duckdb.DuckDBPyConnection, file: Path, project: Path, people: People
) -> tuple[str, int, str]:
    """The kind of a file, how often it has the persons, and how that was searched."""
    kind = OTHER
    try:
        kind = kind_of(connection, file, project, people)
        return kind, *_found(connection, file, kind, people)
    except OSError as error:
        return kind, 0, f"not: {error.strerror or error}"


def _found(connection: duckdb.DuckDBPyConnection, file: Path, kind: str, people: People) -> tuple[int, str]:
    if kind in REMOVED:
        return 1, "by its key"
    if where := _condition(connection, file, people):
        with suppress(duckdb.Error):  # an odd line behind those that tell the columns
            return _count(connection, file, where), "by its columns"
    if file.suffix == ".parquet":
        columns = _columns(connection, file)
        if not columns or condition(people, columns):
            return 0, "not: it is damaged"
        return 0, lacks(people, columns) or "not: it has no such column"
    if file.suffix in DATABASES or file.stat().st_size > LARGEST:
        return 0, "not: a database of its own" if file.suffix in DATABASES else "not: it is too large"
    text = file.read_bytes().decode("utf-8", "surrogateescape")
    hits = sum(1 for _ in people.found_in(text))
    return hits, "not: it is packed" if file.suffix in PACKED and not hits else people.by_text


def _count(connection: duckdb.DuckDBPyConnection, file: Path, where: str) -> int:
    return int(connection.execute(f"select count(*) from {_relation(file)} where {where}").fetchall()[0][0])


def _format(file: Path) -> str:
    """How a table in a file is written; answers of many keys are a CSV file whatever its name."""
    return file.suffix if file.suffix in READERS else ".csv" if _is_of_answers(file) else ""


def _relation(file: Path) -> str:
    return READERS[_format(file)].format(DUCKDB.literal(str(file)))


def _condition(connection: duckdb.DuckDBPyConnection, file: Path, people: People) -> str | None:
    """What is true for the persons' rows; None for a file that is no table, or lacks the key's columns."""
    return condition(people, _columns(connection, file))


def _columns(connection: duckdb.DuckDBPyConnection, file: Path) -> dict[str, str]:
    """The columns of a file with their types; none of a file that is no table."""
    if not (written := _format(file)):
        return {}
    try:
        rows = connection.execute(f"describe select * from {_relation(file)}").fetchall()
    except duckdb.Error:  # a text may still be searched
        return {}
    is_text = written == ".csv"  # where a number may have been written as 7.0
    return {str(row[0]): "DOUBLE" if is_text else str(row[1]) for row in rows}


def forget(connection: duckdb.DuckDBPyConnection, file: Path, kind: str, people: People) -> str:
    """Take the persons out of a file that is ours; returns what was done."""
    if kind in REMOVED:
        file.unlink()
        with suppress(OSError):  # whose folder goes with its last file
            if kind == LETTER:
                file.parent.rmdir()
        return "removed"
    if kind == EXPORT:
        return "rewritten"  # with its whole batch, by `forget_in_exports`
    with suppress(duckdb.Error):
        if _rewritten(connection, file, people):
            return "rewritten"
    try:
        text, _ = people.redacted(file.read_bytes().decode())
    except UnicodeDecodeError:  # such as dbt's cache of what it parsed, which it makes again
        if kind != OURS:
            return ""
        file.unlink()
        return "removed"
    replace_file(file, text.encode())
    return "redacted"


def _rewritten(connection: duckdb.DuckDBPyConnection, file: Path, people: People) -> int:
    """Write a table in a file without the persons' rows; returns how many there were."""
    where = _condition(connection, file, people)
    if hits := _count(connection, file, where) if where else 0:
        new, place = file.with_name(f"{file.name}.new"), DUCKDB.quote("persons:place")
        rows = f"(select *, row_number() over () as {place} from {_relation(file)})"
        kept = f"select * exclude ({place}) from {rows} where not {where} order by {place}"
        options = FORMATS[_format(file).removeprefix(".")]
        if file.suffix == ".parquet":  # the prediction of an impact says there what it is of
            for (said,) in connection.execute(SAID, [str(file)]).fetchall():
                options += f", kv_metadata {{scorehouse: {DUCKDB.literal(said)}}}"
        connection.execute(f"copy ({kept}) to {DUCKDB.literal(str(new))} ({options})")
        os.replace(new, file)
    return hits


def forget_in_exports(connection: duckdb.DuckDBPyConnection, folder: Path, people: People) -> None:
    """Write the batches of an export folder without the persons, with new digests from the first one on."""
    undo_killed(folder)
    previous, partials = None, dict[Path, Path]()
    for batch in sorted(folder.glob(f"{PREFIX}*")):
        manifest = json.loads((batch / MANIFEST).read_text(encoding="utf-8"))
        partial = folder / f"{PARTIAL}{batch.name}"
        shutil.copytree(batch, partial)
        forgotten = 0
        for name, facts in manifest["files"].items():
            file = partial / name
            if not file.is_file():  # an older state
                continue
            if hits := _rewritten(connection, file, people):
                facts |= {"sha256": digest(file.read_bytes()), "bytes": file.stat().st_size}
                forgotten += hits if name != STATE else 0
        manifest["forgotten"] = manifest.get("forgotten", 0) + forgotten
        manifest["previous"] = previous if manifest["previous"] else None
        text = json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"
        (partial / MANIFEST).write_text(text, encoding="utf-8")
        partials[batch] = partial
        previous = digest((partial / MANIFEST).read_bytes())
    put_in_place(folder, partials)
