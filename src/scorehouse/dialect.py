"""How each database writes names and strings in SQL, and the column types of prediction tables."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Quoting:
    """How names and strings are quoted: `mark` encloses names; `backslash`: it is an escape in strings."""

    mark: str = '"'
    backslash: bool = False

    def quote(self, name: str) -> str:
        """A column name as an SQL identifier."""
        return self.mark + name.replace(self.mark, self.mark * 2) + self.mark

    def column_list(self, names: Iterable[str]) -> str:
        """Column names as SQL identifiers, with commas between them."""
        return ", ".join(self.quote(name) for name in names)

    def literal(self, text: str) -> str:
        """A string as an SQL literal."""
        if self.backslash:
            return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
        return "'" + text.replace("'", "''") + "'"

    def same(self, left: str, right: str, names: Iterable[str]) -> str:
        """SQL that is true if two rows agree in all columns."""
        return " and ".join(f"{left}.{self.quote(name)} = {right}.{self.quote(name)}" for name in names)


@dataclass(frozen=True, kw_only=True)
class Spelling(Quoting):
    """The types of a prediction table's columns: `text`, `time` (without a zone), `run_id` and `status`."""

    text: str
    time: str
    run_id: str
    status: str


@dataclass(frozen=True, kw_only=True)
class Reading(Quoting):
    """How statements that are shown are written; `capitals`: names without quotes were made in these."""

    text: str = "varchar"
    capitals: bool = False

    def spelled(self, sql: str) -> str:
        """A statement of DuckDB, of plain selects, as this database reads it."""
        return _TOKEN.sub(self._token, sql)

    def _token(self, found: re.Match[str]) -> str:
        if (name := found["name"]) is not None:
            name = name.replace('""', '"')
            return self.quote(name.upper() if self.capitals and _PLAIN.fullmatch(name) else name)
        if (literal := found["literal"]) is not None:
            return self.literal(literal.replace("''", "'"))
        return self.text if found["type"] else found[0]


_TOKEN = re.compile(
    r"""--[^\n]*|"(?P<name>(?:[^"]|"")*)"|'(?P<literal>(?:[^']|'')*)'"""
    r"""|\b(?P<type>(?<=as )varchar(?=\)))"""
)
_PLAIN = re.compile(r"[A-Za-z_]\w*")


def double(value: float) -> str:
    """A number as an SQL literal, with an exponent; without one, it would be read as a DECIMAL."""
    text = repr(value)
    return text if "e" in text else f"{text}e0"


DUCKDB = Spelling(
    text="varchar",
    time="timestamp",
    run_id="uuid",
    status="enum('rejected', 'scored')",  # half the cost of a string, and reads and sorts like one
)
SPARK = Spelling(
    mark="`", backslash=True, text="string", time="timestamp_ntz", run_id="string", status="string"
)
