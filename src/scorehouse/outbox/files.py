"""Exports into a folder: one numbered batch per export, with its rows, its manifest and the state after it.

A batch appears by one rename, when it is whole. So a killed export leaves nothing that a reader takes for a
batch, and the next call does its work again.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scorehouse.dialect import DUCKDB
from scorehouse.errors import ConfigurationError, listed
from scorehouse.outbox.changes import (
    CHANGES,
    Exported,
    compare,
    facts_of,
    has_changes,
    typed_rows,
)
from scorehouse.registration.lock import holding

if TYPE_CHECKING:
    import duckdb

MANIFEST, STATE, FORMAT = "manifest.json", "state.parquet", 1
FORMATS = {"parquet": "format parquet, compression zstd", "csv": "format csv, header true"}
PREFIX, PARTIAL, LOCK = "batch-", ".partial-", ".lock"
REPLACED = ".replaced"  # has what batches were, until all that are written anew are in place


def export_to_folder(
    connection: duckdb.DuckDBPyConnection, exported: Exported, folder: Path, file_format: str, call: str
) -> dict[str, Any]:
    """Write the next batch, and return its manifest; without changes, nothing is written.

    Raises ConfigurationError if the folder belongs to another table, or if its last batch was altered.
    """
    _check_folder(folder, call)
    with holding(folder / LOCK, call):
        last = _last_batch(folder)
        known = read_batch(last, call) if last else {}
        if known and (known["node"], known["key"]) != (exported.node, list(exported.key)):
            raise ConfigurationError(
                call,
                f"{str(folder)!r} has exports of {known['node']} by the key {listed(known['key'])}",
                expected=f"a folder for {exported.node} by the key {listed(exported.key)}",
                action="name another folder with --to",
            )
        widened = bool(known) and known["columns"] != dict(exported.columns)
        before = f"read_parquet({DUCKDB.literal(str(last / STATE))})" if last else None
        counts = compare(connection, exported, before, everything=widened)
        if known and not widened and not has_changes(counts):
            return {**known, "rows": counts, "written": None}
        number = int(known.get("number", 0)) + 1
        facts = facts_of(connection, exported, counts)
        return _write(
            connection, exported, folder, file_format, number, {**facts, "columns_changed": widened}, last
        )


def _check_folder(folder: Path, call: str) -> None:
    """Refuse a file, and a folder that has something else than batches."""
    names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    strange = [name for name in names if not name.startswith((PREFIX, PARTIAL, LOCK, REPLACED))]
    if strange or (folder.exists() and not folder.is_dir()):
        raise ConfigurationError(
            call,
            f"{str(folder)!r} " + (f"has other files, such as {strange[0]!r}" if strange else "is a file"),
            expected="a folder that is new, empty, or has earlier batches only",
            action="name another folder with --to",
        )


def _last_batch(folder: Path) -> Path | None:
    """The newest batch in a folder, after what a killed call left is undone."""
    undo_killed(folder)
    batches = sorted(folder.glob(f"{PREFIX}*"))
    for older in batches[:-1]:  # the newest state says it all
        (older / STATE).unlink(missing_ok=True)
    return batches[-1] if batches else None


def undo_killed(folder: Path) -> None:
    """Remove what was not whole yet, and bring back the batches of a replacement that was not ended."""
    for batch in (folder / REPLACED).glob(f"{PREFIX}*"):
        shutil.rmtree(folder / batch.name, ignore_errors=True)
        os.rename(batch, folder / batch.name)
    shutil.rmtree(folder / REPLACED, ignore_errors=True)
    for left in folder.glob(f"{PARTIAL}*"):
        shutil.rmtree(left)


def put_in_place(folder: Path, partials: Mapping[Path, Path]) -> None:
    """Replace batches by others: all of them, or none if the call is killed, once `undo_killed` ran."""
    (folder / REPLACED).mkdir()
    for batch, partial in partials.items():
        _on_disk(partial)
        os.rename(batch, folder / REPLACED / batch.name)
        os.rename(partial, batch)
    ended = folder / f"{PARTIAL}{PREFIX}{REPLACED}"
    os.rename(folder / REPLACED, ended)
    shutil.rmtree(ended)


def read_batch(batch: Path, call: str) -> dict[str, Any]:
    """The manifest of a batch, if the state beside it has the digest that it says."""
    try:
        found = dict(json.loads((batch / MANIFEST).read_text(encoding="utf-8")))
        wanted, now = found["files"][STATE]["sha256"], _digest(batch / STATE)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _altered(batch, f"{type(error).__name__}: {error}", call) from error
    if wanted != now:
        raise _altered(batch, f"{STATE} has the sha256 {now}, and was written with {wanted}", call)
    return found


def _altered(batch: Path, why: str, call: str) -> ConfigurationError:
    return ConfigurationError(
        call,
        f"the batch {str(batch)!r} is not as it was written ({why})",
        expected="the newest batch, with its manifest and its state, from which the next export is computed",
        action="restore it, or begin a new folder, whose first batch has all rows",
    )


def _write(
    connection: duckdb.DuckDBPyConnection,
    exported: Exported,
    folder: Path,
    file_format: str,
    number: int,
    facts: Mapping[str, Any],
    last: Path | None,
) -> dict[str, Any]:
    """Write a batch beside its place, and put it there whole."""
    batch = folder / f"{PREFIX}{number:06d}"
    partial = folder / f"{PARTIAL}{batch.name}"
    partial.mkdir(parents=True)
    rows = f"rows.{file_format}"
    state = f"{typed_rows(exported)} order by {DUCKDB.column_list(exported.key)}"
    _copy(connection, f"select * from {CHANGES}", partial / rows, FORMATS[file_format])
    _copy(connection, state, partial / STATE, FORMATS["parquet"])
    manifest = {
        "format": FORMAT,
        "number": number,
        **facts,
        "previous": _digest(last / MANIFEST) if last else None,
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "files": {
            name: {"sha256": _digest(partial / name), "bytes": (partial / name).stat().st_size}
            for name in (rows, STATE)
        },
    }
    text = json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"
    (partial / MANIFEST).write_text(text, encoding="utf-8")
    _on_disk(partial)
    os.rename(partial, batch)
    if last is not None:
        (last / STATE).unlink(missing_ok=True)
    return {**manifest, "written": str(batch)}


def _copy(connection: duckdb.DuckDBPyConnection, query: str, file: Path, file_format: str) -> None:
    connection.execute(f"copy ({query}) to {DUCKDB.literal(str(file))} ({file_format})")


def _on_disk(folder: Path) -> None:
    """Flush the files before the rename that shows them."""
    for file in folder.iterdir():
        with file.open("rb") as opened:
            os.fsync(opened.fileno())


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
