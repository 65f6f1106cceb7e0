"""The answer as a letter: the same blocks as Markdown, as HTML and as text, in the words of a language."""

from __future__ import annotations

import html
import re
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import jinja2
import numpy as np

from scorehouse.answer.alternative import Changed
from scorehouse.answer.answer import Answer
from scorehouse.answer.settings import Answers

WIDTH = 80
DIGITS = 12  # of data: those of amounts, not those of what a float makes of them
MARKDOWN = re.compile(r"([\\`*_\[\]<>|#&])")
REJECTED = re.compile(r"(?:^|;)\w+:([^=;]+)")
Cells = Sequence[tuple[str, ...]]


@dataclass(frozen=True)
class Block:
    """A `title`, a `heading`, a `text` of words around `values`, or a `table` whose first row is its head."""

    kind: str
    words: str = ""
    values: Mapping[str, str] | None = None
    rows: Cells = ()


class Letter:
    """The blocks of an answer, in the words and the names of a project."""

    def __init__(self, answer: Answer, answers: Answers, language: str) -> None:
        self.answer, self.answers, self.language = answer, answers, language
        self.words = answers.words

    def blocks(self) -> Iterator[Block]:
        """The letter from its title to whom to ask."""
        story = self.answer.story
        key = ", ".join(f"{name} {value}" for name, value in story.key.items())
        yield Block("title", self.words["title"])
        yield self._text("about", key=key)
        yield self._heading("decided")
        yield from self._decided()
        yield self._heading("data")
        yield from self._data()
        yield self._heading("elsewhere")
        yield from self._elsewhere()
        if self.answer.no_alternative in (None, "unchangeable"):
            yield self._heading("rounding")
            fragile = self._features(self.answer.fragile)
            yield self._text("fragile", features=fragile) if fragile else self._text("firm")
        yield self._heading("ask")
        contact = self.answer.contact
        yield self._text("contact", contact=contact, key=key) if contact else self._text("nobody", key=key)

    def _decided(self) -> Iterator[Block]:
        answer, story = self.answer, self.answer.story
        table = story.table
        decided = story.decided_then
        score = table.get("score")
        if table.get("reject_reason") is not None:
            yield self._text("no_score", reason=self._rejected(str(table["reject_reason"])))
        elif decided is None:
            yield self._text("prediction", score=self._result(table))
        elif isinstance(score, float) and answer.limits:
            limits = self.words["and"].join(map(self._value, answer.limits))
            said = {"decision": self._decision(decided), "score": self._value(score), "limits": limits}
            yield self._text("decision_by_score", **said)
        else:
            yield self._text("decision", decision=self._decision(decided))
        facts = {"time": story.scored_at[:19], "version": str(story.version), "model": story.name}
        yield self._text("by", **facts, run=story.run_id)
        if story.has_changed and (reason := story.now.get("reject_reason")) is not None:
            yield self._text("spoiled", reason=self._rejected(str(reason)))
        elif story.has_changed:
            now = self._result(story.now) if story.decided is None else self._decision(story.decided)
            yield self._text("changed", decision=now)

    def _result(self, row: Mapping[str, Any]) -> str:
        """What is predicted where nothing is decided; of several outputs, each with its name."""
        several = (
            f"{name} {self._value(row.get(column))}" for column, name in self.answer.story.outputs.items()
        )
        score = row.get("score")
        return ", ".join(several) or self._value(row.get("prediction") if score is None else score)

    def _data(self) -> Iterator[Block]:
        story, words = self.answer.story, self.words
        head = (words["datum"], words["value"])
        named = [(self._feature(part.feature), self._value(part.value, _datum)) for part in story.parts]
        if story.total is None:
            if story.no_reasons is not None:
                yield self._text("no_parts")
            yield Block("table", rows=[head, *named])
            return
        parts = [self._signed(part.contribution or 0.0) for part in story.parts]
        rows = [(*head, words["part"]), (words["start"], "", self._signed(story.base or 0.0))]
        rows += [(*name, part) for name, part in zip(named, parts, strict=True)]
        yield Block("table", rows=[*rows, (words["total"], "", self._signed(story.total))])
        unit = words.get(story.unit, story.unit)
        yield self._text("parts", unit=f"{unit} ({story.output})" if story.output else unit)

    def _elsewhere(self) -> Iterator[Block]:
        answer, found = self.answer, self.answer.alternative
        features = self._features(answer.changeable)
        if found is None:
            yield self._text(str(answer.no_alternative))
            return
        if found.flips:
            yield self._text(
                "if_one", changes=self._changes(found.changes), decision=self._decision(found.decision)
            )
            yield self._text("replayed")
            if found.none_below is None:
                yield self._text("exact", features=features)
            elif found.none_below == 0:
                yield self._text("untried", features=features)
            else:
                share = f"{1 - found.none_below / found.distance:.1%}".replace(".", self.words["decimal"])
                kind = "bound" if found.none_of_two_below is None else "bound_of_all"
                yield self._text(kind, features=features, share=share)
            yield self._text("measure")
            return
        yield self._text("none" if found.none_below is None else "none_found", features=features)
        if found.changes and found.score is not None:
            yield self._text("miss", changes=self._changes(found.changes), score=self._value(found.score))

    def _changes(self, changes: Sequence[Changed]) -> str:
        """What would have to change, as a clause."""
        said = [
            self.words["if_instead"].format(
                feature=self._feature(each.feature),
                becomes=self._value(each.becomes, _whole),
                value=self._value(each.value, _datum),
            )
            for each in changes
        ]
        return self.words["and"].join(filter(None, (", ".join(said[:-1]), said[-1])))

    def _text(self, word: str, /, **values: str) -> Block:
        return Block("text", self.words[word], values)

    def _heading(self, key: str) -> Block:
        return Block("heading", self.words[key])

    def _rejected(self, reason: str) -> str:
        """The features that a reason like `null:age;out_of_range:income=-1` names, or words for others."""
        known = {part.feature for part in self.answer.story.parts}
        named = [name for name in REJECTED.findall(reason) if name in known]
        return self._features(named) or self.words["no_result"]

    def _features(self, names: Sequence[str]) -> str:
        named = [self._feature(name) for name in names]
        return self.words["and"].join(filter(None, (", ".join(named[:-1]), *named[-1:])))

    def _feature(self, name: str) -> str:
        return self._named(self.answers.names, name)

    def _decision(self, decision: Any) -> str:
        return self._named(self.answers.decisions, str(decision))

    def _named(self, names: Mapping[str, Any], name: str) -> str:
        """What people call it, in this language if there is one name for each."""
        known = {str(key): value for key, value in names.items()}.get(name, name)
        return str(known.get(self.language, name)) if isinstance(known, Mapping) else str(known)

    def _value(self, value: Any, written: Callable[[float], str] = "{:.6g}".format) -> str:
        """A score with six digits, or what `written` makes of a float."""
        if value is None:
            return self.words["missing"]
        if isinstance(value, bool):
            return self.words["is_true" if value else "is_false"]
        if not isinstance(value, float | Decimal):
            return str(value)
        text = f"{value.normalize():f}" if isinstance(value, Decimal) else written(value)
        return text.replace(".", self.words["decimal"])

    def _signed(self, value: float) -> str:
        return f"{value:+.4f}".replace(".", self.words["decimal"])


def _whole(value: float) -> str:
    """What a replay was given, with all that it has."""
    return np.format_float_positional(value, trim="-")


def _datum(value: float) -> str:
    """As a person knows it: 0.1 for what a sum, or a column of FLOAT, makes of 0.1."""
    if abs(value) >= 10 ** (DIGITS - 2):  # whose cents would be cut
        return _whole(value)
    text = np.format_float_positional(value, DIGITS, fractional=False, trim="-")
    narrow = np.float32(value)
    if float(text) != value == float(narrow):
        return np.format_float_positional(narrow, trim="-")
    return text


def markdown(blocks: Iterator[Block]) -> str:
    """The letter as Markdown; what comes from data stays plain text."""
    return "\n".join(_rendered(blocks, _escaped, lambda text: f"**{text}**", _MARKDOWN))


def page(blocks: Iterator[Block], language: str) -> str:
    """The letter as a page of HTML without a script."""
    environment = jinja2.Environment(
        loader=jinja2.ChoiceLoader(
            [jinja2.PackageLoader("scorehouse.answer"), jinja2.PackageLoader("scorehouse.report")]
        ),
        autoescape=True,
    )
    title, *rest = blocks
    body = "\n".join(_rendered(iter(rest), html.escape, lambda text: f"<strong>{text}</strong>", _HTML))
    return environment.get_template("letter.html").render(title=title.words, body=body, language=language)


def lines(blocks: Iterator[Block]) -> Iterator[str]:
    """The letter as lines of text, as wide as a terminal of 80 columns."""
    for block in blocks:
        if block.kind == "table":
            widths = [max(map(len, column)) for column in zip(*block.rows, strict=True)]
            for first, *others in block.rows:
                cells = [
                    first.ljust(widths[0]),
                    *(text.rjust(width) for text, width in zip(others, widths[1:], strict=True)),
                ]
                yield ("  " + "  ".join(cells)).rstrip()
        elif block.kind == "text":
            said = block.words.format(**(block.values or {}))
            yield from textwrap.wrap(said, WIDTH, initial_indent="  ", subsequent_indent="  ")
        else:
            yield from (["", block.words] if block.kind == "heading" else [block.words])


def _rendered(
    blocks: Iterator[Block],
    escaped: Callable[[str], str],
    strong: Callable[[str], str],
    kinds: Mapping[str, Callable[[Any], str]],
) -> Iterator[str]:
    for block in blocks:
        if block.kind == "table":
            yield kinds["table"]([tuple(map(escaped, row)) for row in block.rows])
        else:
            values = {name: strong(escaped(text)) for name, text in (block.values or {}).items()}
            yield kinds[block.kind](escaped(block.words).format(**values) if values else escaped(block.words))


def _escaped(text: str) -> str:
    return MARKDOWN.sub(r"\\\1", " ".join(text.split()))


def _markdown_table(rows: Cells) -> str:
    head, *rest = (f"| {' | '.join(row)} |" for row in rows)
    rule = "|---|" + "---:|" * (len(rows[0]) - 1)
    return "\n".join([head, rule, *rest, ""])


def _html_table(rows: Cells) -> str:
    head, *rest = rows
    cells = "".join(f'<th scope="col">{cell}</th>' for cell in head)
    body = "".join(
        f'<tr><th scope="row">{first}</th>{"".join(f"<td>{cell}</td>" for cell in others)}</tr>'
        for first, *others in rest
    )
    return f'<div class="scroll"><table><thead><tr>{cells}</tr></thead><tbody>{body}</tbody></table></div>'


_MARKDOWN: Mapping[str, Callable[[Any], str]] = {
    "title": lambda text: f"# {text}\n",
    "heading": lambda text: f"## {text}\n",
    "text": lambda text: f"{text}\n",
    "table": _markdown_table,
}
_HTML: Mapping[str, Callable[[Any], str]] = {
    "heading": lambda text: f"<h3>{text}</h3>",
    "text": lambda text: f"<p>{text}</p>",
    "table": _html_table,
}
