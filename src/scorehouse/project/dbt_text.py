"""Text from others in files that dbt renders: it stays plain text, in Jinja, in Markdown and in HTML.

Names, labels, owners and descriptions come from training data, from registries and from command lines. dbt
renders every YAML value as Jinja, and its docs show descriptions as Markdown, in which HTML runs.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

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
