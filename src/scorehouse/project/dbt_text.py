"""Text from others in files that dbt renders: it stays plain text, in Jinja, in Markdown and in HTML.

Names, labels, owners and descriptions come from training data, from registries and from command lines. dbt
renders every YAML value as Jinja, and its docs show descriptions as Markdown, in which HTML runs. Names of
columns have any characters, in files of SQL, Jinja, Python and YAML.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from scorehouse.dialect import DUCKDB

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


JINJA = re.compile(r"\{(?=[{%#\r]|\n\Z)")
RENDERED = re.compile(r"\{[{%#]|[}%#]\}")  # dbt renders only a text that contains one of these
LINK = re.compile(r"\](?=\s*[(:]\s*(?!https?:|mailto:)[^\s:/#)]*:)", re.IGNORECASE)
ENTITY = re.compile(r"&(?=#?\w+;)")
ENTITIES = str.maketrans({"|": "&#124;", "`": "&#96;", "[": "&#91;", "\n": " ", "\r": " "})
LONGEST_LINE = 110


class Rendered(str):
    """Text that is intentionally Jinja, such as `{{ doc('x') }}` in a description in the user's own YAML."""


def no_jinja(text: str) -> str:
    """Text that Jinja renders to exactly the given text.

    Each brace that could begin a tag becomes an expression. Jinja drops a line end at the end of a text
    and turns a carriage return into a line feed, so these become expressions too, if dbt renders the text.
    """
    if not RENDERED.search(text):
        return text
    text = JINJA.sub("{{ '{' }}", text).replace("\r", r"{{ '\r' }}")
    return text[:-1] + r"{{ '\n' }}" if text.endswith("\n") else text


def jinja_literal(text: str) -> str:
    """A Jinja string literal for use in an expression; without line ends and without braces."""
    text = text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n").replace("\r", "\\r")
    return "'" + text.replace("{", "\\u007b") + "'"


def prose(text: str) -> str:
    """Text in one line of Markdown: HTML is shown as text, and links lead to the web or nowhere."""
    line = " ".join(text.split()).replace("|", "/")
    return LINK.sub("&#93;", _no_html(line))


def code(text: str) -> str:
    """Text as code in Markdown, also in a table; as plain text if it would end the code or the cell."""
    if not text.strip() or re.search(r"[`|\n\r]", text):
        return _no_html(text).translate(ENTITIES)
    return f"`{text}`"


def _no_html(text: str) -> str:
    """Text without tags; an ampersand stays, unless it would form an entity."""
    return ENTITY.sub("&amp;", text).replace("<", "&lt;")


def literal(value: Any) -> Any:
    """A YAML document in which every text stays the same when dbt renders it."""
    if isinstance(value, Rendered):
        return str(value)
    if isinstance(value, str):
        return no_jinja(value)
    if isinstance(value, dict):
        return {literal(key): literal(item) for key, item in value.items()}
    return [literal(item) for item in value] if isinstance(value, list | tuple) else value


def dump_yaml(document: Any) -> str:
    """YAML that dbt renders to `document`. Text with several lines is a block, for easier review."""
    return yaml.dump(
        literal(document), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=LONGEST_LINE
    )


class _Dumper(yaml.SafeDumper):
    """Writes texts with several lines as blocks."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)
