"""Column names with any characters, in files of a dbt project: SQL, Jinja, Python and YAML."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from scorehouse.dialect import DUCKDB
from scorehouse.project.dbt_text import jinja_literal

PLAIN_NAME = re.compile(r"[a-z_][a-z0-9_]*")
# Words that are SQL keywords to DuckDB or PostgreSQL where a column name stands.
WORDS = """
all analyse analyze and anti any array as asc asof asymmetric at authorization binary both by case cast
check collate collation column columns concurrently constraint create cross current_catalog current_date
current_role current_schema current_time current_timestamp current_user default deferrable desc describe
distinct do else end except false fetch for foreign freeze from full generated glob grant group having
ilike in initially inner intersect into is isnull join lambda lateral leading left like limit localtime
localtimestamp map natural not notnull null offset on only or order outer overlaps pivot pivot_longer
pivot_wider placing positional primary qualify references returning right select semi session_user show
similar some struct summarize symmetric system_user table tablesample then to trailing true try_cast
tuple union unique unpack unpivot user using variadic verbose when where window with
"""
RESERVED = frozenset(WORDS.split())


def needs_quotes(name: str) -> bool:
    """Whether SQL reads the name correctly only in quotes."""
    return not PLAIN_NAME.fullmatch(name) or name in RESERVED


def identifier(name: str) -> str:
    """The name in the SQL of a dbt model, on any database."""
    if not needs_quotes(name):
        return name
    doubled = name.replace('"', '""')
    return f"{{{{ adapter.quote({jinja_literal(doubled)}) }}}}"


def jinja(value: Any) -> str:
    """A name, or settings that contain names, as a Jinja expression."""
    if isinstance(value, str):
        return jinja_literal(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{jinja(name)}: {jinja(item)}" for name, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(jinja, value)) + "]"
    return repr(value)


def python(value: str | list[str]) -> str:
    """A string, or a list of strings, as Python code; without braces, which dbt would read as Jinja."""
    if isinstance(value, list):
        return "[" + ", ".join(map(python, value)) + "]"
    return json.dumps(value, ensure_ascii=False).replace("{", "\\x7b")


def with_columns(entry: Mapping[str, Any], columns: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The YAML of a table with its columns; columns with unusual names are quoted in their tests.

    dbt puts quotation marks around such a name, but does not double the marks within it. So the tests of a
    column with quotation marks in its name are put on the table.
    """
    described, moved = [], []
    for column in columns:
        facts = dict(column)
        if needs_quotes(facts["name"]):
            facts = {"name": facts.pop("name"), "quote": True, **facts}
        if '"' in facts["name"]:
            moved += [_of_column(test, facts["name"]) for test in facts.pop("data_tests", [])]
        described.append(facts)
    if tests := [*entry.get("data_tests", []), *moved]:
        entry = {**entry, "data_tests": tests}
    return {**entry, "columns": described}


def _of_column(test: str | Mapping[str, Any], name: str) -> dict[str, Any]:
    """The test of a column, as a test of its table."""
    if isinstance(test, str):
        test = {test: {}}
    ((kind, body),) = test.items()
    arguments = {"column_name": DUCKDB.quote(name), **body.get("arguments", {})}
    return {kind: {**body, "arguments": arguments}}
