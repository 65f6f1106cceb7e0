"""Text that others wrote, in files that dbt renders: it stays text, in Jinja, in Markdown and in HTML.

Names, labels, owners and descriptions come from training data, from registries and from command lines. dbt
renders every YAML value as Jinja, and its docs show descriptions as Markdown, in which HTML runs.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

JINJA = re.compile(r"\{(?=[{%#\r]|\n\Z)")
RENDERED = re.compile(r"\{[{%#]|[}%#]\}")  # dbt renders a text with one of these, and no other
LINK = re.compile(r"\](?=\s*[(:]\s*(?!https?:|mailto:)[^\s:/#)]*:)", re.IGNORECASE)
ENTITY = re.compile(r"&(?=#?\w+;)")
ENTITIES = str.maketrans({"|": "&#124;", "`": "&#96;", "[": "&#91;", "\n": " ", "\r": " "})
LONGEST_LINE = 110


class Rendered(str):
    """Text that is Jinja on purpose, such as `{{ doc('x') }}` in a description of the user's own YAML."""


def no_jinja(text: str) -> str:
    """Text that comes out of Jinja as it went in.

    Each brace that could begin a tag becomes an expression. Jinja drops a line end at the end of a text
    and turns a carriage return into a line feed, so these become expressions too, where dbt renders at all.
    """
    if not RENDERED.search(text):
        return text
    text = JINJA.sub("{{ '{' }}", text).replace("\r", r"{{ '\r' }}")
    return text[:-1] + r"{{ '\n' }}" if text.endswith("\n") else text


def jinja_literal(text: str) -> str:
    """A text literal of Jinja, in an expression; without line ends and braces, which marks are made of."""
    text = text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n").replace("\r", "\\r")
    return "'" + text.replace("{", "\\x7b") + "'"


def prose(text: str) -> str:
    """Text in one line of Markdown: HTML shows as text, and links lead to the web or to nothing."""
    line = " ".join(text.split()).replace("|", "/")
    return LINK.sub("&#93;", _no_html(line))


def code(text: str) -> str:
    """Text as code in Markdown, in a table too; as plain text where it would end the code, or the cell."""
    if not text.strip() or re.search(r"[`|\n\r]", text):
        return _no_html(text).translate(ENTITIES)
    return f"`{text}`"


def _no_html(text: str) -> str:
    """Without tags; an ampersand stays, unless it would make an entity."""
    return ENTITY.sub("&amp;", text).replace("<", "&lt;")


def literal(value: Any) -> Any:
    """A document of YAML in which every text stays what it is when dbt renders it."""
    if isinstance(value, Rendered):
        return str(value)
    if isinstance(value, str):
        return no_jinja(value)
    if isinstance(value, dict):
        return {literal(key): literal(item) for key, item in value.items()}
    return [literal(item) for item in value] if isinstance(value, list | tuple) else value


def dump_yaml(document: Any) -> str:
    """YAML that dbt renders to `document`. Text of several lines is a block, so that it can be reviewed."""
    return yaml.dump(
        literal(document), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=LONGEST_LINE
    )


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as blocks."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)
