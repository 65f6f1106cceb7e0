"""The persons to forget, by their keys, and where text names one of them."""

from __future__ import annotations

import csv
import html
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import pyarrow as pa

from scorehouse.errors import ConfigurationError, listed
from scorehouse.report.words import breakable

Key = tuple[str, ...]
REDACTED = "[forgotten]"
WORD = re.compile(r"(?P<word>\w+)")
ESCAPE = r"\\(?:u(?P<code>[\da-fA-F]{4})|[bfnrt])"  # in JSON, whose letters seem to be of the next word
BEHIND_ESCAPE = re.compile(rf"{ESCAPE}(?P<word>\w+)")
ESCAPE_BEFORE = re.compile(rf"{ESCAPE}$")
NOT_IN_TEXTS = "not: a text is searched only for a key of one column"
NEAR = 100  # characters before a short number in which the name of its column has to be


@dataclass(frozen=True)
class People:
    """Keys of persons: the text of each of `columns`, in their order."""

    columns: tuple[str, ...]
    keys: tuple[Key, ...]
    _values: dict[str, list[tuple[int, str]]] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        for value in dict.fromkeys(key[0] for key in self.keys) if len(self.columns) == 1 else ():
            text = html.escape(value, quote=False)
            by_jinja = text.replace('"', "&#34;").replace("'", "&#39;")
            in_html = (html.escape(value), text, by_jinja)
            once = [_in_json(value, is_ascii=is_ascii) for is_ascii in (True, False)]
            twice = [_in_json(text, is_ascii=is_ascii) for text in once for is_ascii in (True, False)]
            quoted = [value.replace(mark, 2 * mark) for mark in ("'", '"')]  # in SQL and CSV
            others = (*in_html, *map(breakable, in_html), *once, *twice, *quoted)
            for written in dict.fromkeys([value, *others]):
                if words := list(WORD.finditer(written)):
                    longest = max(words, key=lambda word: len(word[0]))
                    self._values.setdefault(longest[0], []).append((longest.start(), written))

    def table(self) -> pa.Table:
        """The keys, as a table whose columns are `key_0`, `key_1` and so on."""
        columns = zip(*self.keys, strict=True)
        return pa.table({f"key_{place}": list(values) for place, values in enumerate(columns)})

    @cached_property
    def telling(self) -> list[str]:
        """Values that are hardly there by chance: not short numbers, and not of a key of several columns."""
        keys = self.keys if len(self.columns) == 1 else ()
        return [value for (value,) in keys if is_telling(value)]

    @property
    def by_text(self) -> str:
        """How a text is searched for them."""
        return "by its text" if len(self.columns) == 1 else NOT_IN_TEXTS

    def found_in(self, text: str) -> Iterator[tuple[int, str]]:
        """Where `text` names a person: the places of whole values, in order, none in another.

        A value may be escaped, as in HTML or JSON. A short number counts only where the column's name stands
        before it. A key of several columns is not looked for.
        """
        named = re.compile(rf"(?<!\w){re.escape(self.columns[0])}(?!\w)", re.IGNORECASE)
        hits, end = list[tuple[int, str]](), 0
        for pattern in (WORD, BEHIND_ESCAPE):
            for word in pattern.finditer(text):
                for offset, value in self._values.get(word["word"], ()):
                    start = word.start("word") - offset
                    if start < 0 or not text.startswith(value, start) or not _is_whole(text, start, value):
                        continue
                    if is_telling(value.replace("<wbr>", "")) or named.search(
                        text, max(0, start - NEAR), start
                    ):
                        hits.append((start, value))
        for start, value in sorted(hits, key=lambda hit: (hit[0], -len(hit[1]))):  # the longer of two
            if start >= end:
                yield start, value
                end = start + len(value)

    def unnamed(self, path: str) -> str:
        """A path without the values in it that are no short numbers, also as parts of longer words."""
        for value in self.telling:
            path = path.replace(value, REDACTED)
        return path

    def redacted(self, text: str) -> tuple[str, int]:
        """The text without the persons' values, and how many there were.

        JSON stays JSON, unless a value begins with the letter of an escape behind a lone backslash.
        """
        parts, end, count = list[str](), 0, 0
        for start, value in self.found_in(text):
            parts += [text[end:start], "0" if value.isdecimal() else REDACTED]
            end, count = start + len(value), count + 1
        return "".join([*parts, text[end:]]), count


def _in_json(value: str, *, is_ascii: bool) -> str:
    return json.dumps(value, ensure_ascii=is_ascii)[1:-1]


def is_telling(value: str) -> bool:
    """Whether a value is hardly in a text by chance."""
    return len(value) >= (7 if value.isdecimal() else 4)


def _is_whole(text: str, start: int, value: str) -> bool:
    """Whether a value is not a part of a longer word or number."""
    before = text[max(0, start - 7) : start].removesuffix("<wbr>")[-2:]
    after = text[start + len(value) : start + len(value) + 2]
    if escape := ESCAPE_BEFORE.search(text, max(0, start - 6), start):
        before = chr(int(escape["code"] or "20", 16))
    is_longer = re.search(r"[\w-]$|\d\.$", before) or re.match(r"[\w-]|\.\d", after)
    return not is_longer


def people_of(given: Sequence[str], file: Path | None, known: Sequence[Sequence[str]], call: str) -> People:
    """The persons that --key or a CSV file names; `known` are the keys of the prediction tables.

    `given` has the value of the only key column, or `column=value` for each column of one person's key.
    """
    if file is not None:
        return _of_file(file, call)
    pairs = dict(each.split("=", 1) for each in given if re.match(r"\w+=", each))
    alone = list({columns[0].lower(): columns[0] for columns in known if len(columns) == 1}.values())
    if len(given) == 1 and len(alone) == 1 and not pairs:
        pairs = {alone[0]: given[0]}
    elif len(pairs) != len(given):
        raise ConfigurationError(
            call,
            f"--key is {listed(given)}, and the keys of prediction tables are "
            f"{'; '.join(map(listed, known)) or 'none'}",
            expected="column=value for each column that identifies the person",
            action=f"write --key {known[0][0] if known else 'customer_id'}=...; for several persons, name a "
            "CSV file with --keys",
        )
    return _checked(tuple(pairs), [tuple(pairs.values())], call)


def _of_file(file: Path, call: str) -> People:
    try:
        with file.open(encoding="utf-8-sig", newline="") as opened:
            header, *rows = [row for row in csv.reader(opened) if row] or [[]]
    except (OSError, ValueError, csv.Error) as error:
        raise _no_keys(file, f"cannot be read ({error})", call) from error
    if not rows or any(len(row) != len(header) for row in rows):
        raise _no_keys(file, "has rows with another number of values" if rows else "has no keys", call)
    return _checked(tuple(header), [tuple(row) for row in rows], call)


def _no_keys(file: Path, why: str, call: str) -> ConfigurationError:
    return ConfigurationError(
        call,
        f"{str(file)!r} {why}",
        expected="a CSV file in UTF-8: names of the key columns, then one person per line",
        action="write it as `copy (select customer_id from ...) to 'persons.csv'` does",
    )


def _checked(columns: tuple[str, ...], keys: Sequence[Key], call: str) -> People:
    stripped = dict.fromkeys(tuple(value.strip() for value in key) for key in keys)
    if any(not value for key in stripped for value in (*columns, *key)):
        raise ConfigurationError(
            call,
            f"a key of {listed(columns)} is empty",
            expected="a value for each column of the key",
            action="write column=value, or correct the file of --keys",
        )
    return People(columns, tuple(stripped))
