"""The list of forgotten keys, beside the run log: keyed digests, and the rows that they keep out of a run.

The list has no key of a person, only its HMAC by a secret that is not in the warehouse. So whoever reads the
list cannot tell who is on it, and a run that has the secret can tell which rows it has to leave out.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from scorehouse.dialect import DUCKDB
from scorehouse.errors import ConfigurationError

if TYPE_CHECKING:
    import duckdb

TABLE = "scorehouse_forgotten"
COLUMNS = (
    "key_columns varchar, key_digest varchar, key_hint varchar, secret_id varchar, forgotten_at timestamp"
)
SECRET_VARIABLE, SECRET_FILE = "SCOREHOUSE_FORGET_SECRET", ".scorehouse_forget_secret"
BARRED = "scorehouse_barred"
BLOCK = 64  # bytes, of SHA-256 in HMAC
NAMES = re.compile(r'"((?:[^"]|"")*)"|(\w+)')
UNIT, RECORD = "\x1f", "\x1e"  # between a name and its value, and between columns


@dataclass(frozen=True)
class Secret:
    """What digests of keys are made with."""

    key: bytes

    @classmethod
    def read(cls, project: Path) -> Secret | None:
        """That of the environment, or else of the file in the project's folder; None without either."""
        text = os.environ.get(SECRET_VARIABLE, "")
        file = project / SECRET_FILE
        text = text or (file.read_text(encoding="utf-8") if file.is_file() else "")
        return cls(hashlib.sha256(text.strip().encode()).digest()) if text.strip() else None

    @classmethod
    def made(cls, project: Path) -> Secret:
        """A new one in that file, which only its owner may read and Git ignores."""
        file, ignored = project / SECRET_FILE, project / ".gitignore"
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as opened:
            opened.write(secrets.token_hex(32) + "\n")
        known = ignored.read_text(encoding="utf-8") if ignored.is_file() else ""
        if SECRET_FILE not in known:
            ignored.write_text(
                f"{known}{'' if known.endswith(chr(10)) or not known else chr(10)}/{SECRET_FILE}\n"
            )
        read = cls.read(project)
        assert read is not None
        return read

    @property
    def id(self) -> str:
        """Tells secrets apart, and nothing about them."""
        return hmac.new(self.key, b"scorehouse", "sha256").hexdigest()[:16]

    def digest(self, values: Mapping[str, str]) -> str:
        """The HMAC-SHA-256 of a key, in hexadecimal: of the text of each column."""
        return hmac.new(self.key, _text_of(values).encode(), "sha256").hexdigest()

    def hint(self, values: Mapping[str, str]) -> str:
        """Six digits of another digest of a key, for a tenth of the time: equal for one row in 16 million."""
        return hashlib.md5((self._hinting + _text_of(values)).encode()).hexdigest()[:6]

    def hint_sql(self, values: Mapping[str, str]) -> str:
        """The same in DuckDB."""
        return f"substr(md5({DUCKDB.literal(self._hinting)} || {_sql_of(values)}), 1, 6)"

    @property
    def _hinting(self) -> str:
        return hmac.new(self.key, b"hint", "sha256").hexdigest()

    def sql(self, values: Mapping[str, str]) -> str:
        """The same in DuckDB; `values` has SQL of the text of each column."""
        text = f"encode({_sql_of(values)})"
        for pad in (0x36, 0x5C):  # the inner hash, then the outer one
            block = bytes(byte ^ pad for byte in self.key.ljust(BLOCK, b"\0")).hex()
            text = f"from_hex(sha256(from_hex('{block}') || {text}))"
        return f"lower(hex({text}))"


def _text_of(values: Mapping[str, str]) -> str:
    return RECORD.join(f"{name.lower()}{UNIT}{values[name]}" for name in sorted(values, key=str.lower))


def _sql_of(values: Mapping[str, str]) -> str:
    names = sorted(values, key=str.lower)
    pairs = [f"{DUCKDB.literal(name.lower() + UNIT)} || {values[name]}" for name in names]
    return f" || {DUCKDB.literal(RECORD)} || ".join(pairs)


def key_text(column: str, kind: str) -> str:
    """SQL of a key's text, the same in tables whose types differ: 7, 7.0 and '7' are one key."""
    text = f"cast({DUCKDB.quote(column)} as varchar)"
    return (
        rf"regexp_replace({text}, '^(-?\d+)\.0+$', '\1')"
        if kind.startswith(("DECIMAL", "DOUBLE", "FLOAT"))
        else text
    )


def key_texts(names: Sequence[str], types: Mapping[str, str]) -> dict[str, str] | None:
    """SQL of the text of each column of a key in a table with these columns; None if it lacks one."""
    spelled = {name.lower(): name for name in types}
    if not all(name.lower() in spelled for name in names):
        return None
    return {name: key_text(spelled[name.lower()], types[spelled[name.lower()]]) for name in names}


def list_beside(run_log: str) -> str:
    """The name of the list in SQL, beside the run log."""
    *_, last = NAMES.finditer(run_log)
    return f'{run_log[: last.start()]}"{TABLE}"'


def is_there(connection: duckdb.DuckDBPyConnection, table: str) -> bool:
    """Whether a table exists; an error about one that does not would abort the transaction."""
    names = [quoted.replace('""', '"') if quoted else bare for quoted, bare in NAMES.findall(table)]
    return bool(
        connection.execute(
            "select 1 from duckdb_tables() where lower(database_name) = "
            "lower(coalesce(?, current_database())) and lower(schema_name) = lower(?) and table_name = ?",
            [None, *names][-3:],
        ).fetchall()
    )


def is_listed(
    connection: duckdb.DuckDBPyConnection, run_log: str, key: Mapping[str, str], project: Path
) -> bool:
    """Whether a key, or some columns of it, is in the list; False without the secret of its digests."""
    secret, listed = Secret.read(project), list_beside(run_log)
    if secret is None or not is_there(connection, listed):
        return False
    values = {name.lower(): value.strip() for name, value in key.items()}
    for (columns,) in connection.execute(f"select distinct key_columns from {listed}").fetchall():
        names = [str(name).lower() for name in json.loads(columns)]
        if values.keys() >= {*names}:
            own = secret.digest({name: values[name] for name in names})
            if connection.execute(f"select 1 from {listed} where key_digest = ?", [own]).fetchall():
                return True
    return False


def bar(
    connection: duckdb.DuckDBPyConnection,
    run_log: str,
    rows: str,
    types: Mapping[str, str],
    project: Path,
    call: str,
) -> tuple[str, int]:
    """What is true in SQL for the rows to keep of `rows`, a relation in SQL, and how many are left out.

    The condition is empty if there are none. `types` are those of the relation's columns. Keys that are in
    the list and in `rows` are put into temporary tables of the connection. Raises ConfigurationError where
    the list was made with a secret that is not here.
    """
    if not run_log:  # a preview may have none
        return "", 0
    listed = list_beside(run_log)
    if not is_there(connection, listed):
        return "", 0
    query = f"select distinct key_columns, secret_id from {listed} order by all"
    kinds = connection.execute(query).fetchall()
    keep, left_out = list[str](), 0
    for number, (columns, secret_id) in enumerate(kinds):
        names = json.loads(columns)
        if (texts := key_texts(names, types)) is None:
            continue  # these rows are not of persons who are known by such a key
        secret = needed_secret(project, secret_id, listed, call)
        those = f"from {listed} where key_columns = {DUCKDB.literal(columns)}"
        table = f"{BARRED}_{number}"
        spelled = {each: f"barred:{each}" for each in types if each.lower() in map(str.lower, names)}
        chosen = ", ".join(f"{DUCKDB.quote(each)} as {DUCKDB.quote(own)}" for each, own in spelled.items())
        names_of_key = ", ".join(map(DUCKDB.quote, spelled))
        connection.execute(
            f"create or replace temp table {table} as with near as materialized (select {names_of_key} "
            f"from {rows} as features where {secret.hint_sql(texts)} in (select key_hint {those})) "
            f"select {chosen} from near where {secret.sql(texts)} in (select key_digest {those})"
        ).fetchall()
        count = connection.execute(f"select count(*) from {table}").fetchall()[0][0]
        if count:
            same = " and ".join(
                f"{DUCKDB.quote(own)} = {DUCKDB.quote(each)}" for each, own in spelled.items()
            )
            keep.append(f"not exists (select 1 from {table} where {same})")
            left_out += count
    kept = " and ".join(keep)
    if len(keep) > 1:  # a row may be of a person who was forgotten by two columns
        query = f"select count(*) from {rows} as features where not ({kept})"
        left_out = connection.execute(query).fetchall()[0][0]
    return kept, left_out


def needed_secret(project: Path, secret_id: str, listed: str, call: str) -> Secret:
    """The secret that the digests in the list were made with."""
    secret = Secret.read(project)
    if secret is None or secret.id != secret_id:
        raise ConfigurationError(
            call,
            f"{listed} names forgotten keys, and the secret of its digests is "
            + ("not here" if secret is None else "another one"),
            expected=f"the secret that `scorehouse forget` used, in the variable {SECRET_VARIABLE} or in "
            f"{str(project / SECRET_FILE)!r}",
            action="bring it from where `scorehouse forget` ran; without it, forgotten persons would return. "
            f"If it is lost: drop table {listed}, and before the next run forget again who is still in the "
            "features; who is in no table now can return later",
        )
    return secret
