"""A page of the documentation, followed literally: files are written, commands run, their output compared.

A block ```text below a block ```console is what the commands print. In it, a line `...` stands for any lines,
and `...` within a line for any text. Integers have to be equal; dates, times, ids, sizes and decimals may
differ. A console block without a text block prints nothing. The steps of a registration that are slow on this
machine, which standard error tells, do not count.
"""

from __future__ import annotations

import difflib
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from virtual_environments import kept_variables

FENCE = re.compile(r"^```(\w+)(?: title=\"([^\"]+)\")?\n(.*?)^```$", re.M | re.S)
MARK = "@@@ block {} @@@"
SAME = (
    (re.compile(r"\x1b\[[0-9;]*m"), ""),
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?Z?"), "<time>"),
    (re.compile(r"\d{4}-\d\d-\d\d"), "<date>"),
    (re.compile(r"\b\d\d:\d\d:\d\d\b"), "<time>"),
    (re.compile(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"), "<id>"),
    (re.compile(r"\b(?=[a-f]*\d)[0-9a-f]{8,64}\b"), "<id>"),
    (re.compile(r"\b[\d,]+ bytes"), "<size>"),
    (re.compile(r"\b[\d.]+ kB"), "<size>"),
    (re.compile(r"\b\d+(?:\.\d+)+(?:e[-+]?\d+)?s?\b"), "<decimal>"),
    (re.compile(r"([-+])\1{2,}"), r"\1"),  # a bar
    (re.compile(r"\.{4,}"), "..."),  # dbt fills lines with dots
    (re.compile(r"\s+"), " "),
    (re.compile(r"^register\('\w+'\): [A-Za-z ]+$"), ""),  # a step that took long here
)


@dataclass(frozen=True)
class Block:
    """A file to be written, or commands to be run and what they print."""

    language: str
    file: str
    text: str
    printed: str = ""

    @property
    def commands(self) -> list[str]:
        """The commands, each with the lines that continue it."""
        return [command.rstrip("\n") for command in re.split(r"^\$ ", self.text, flags=re.M)[1:]]

    def script(self) -> str:
        """The block as shell: commands as they stand, a file as it would be saved."""
        if self.language == "console":
            return "\n".join(self.commands) + "\n"
        folder = Path(self.file).parent
        return f"mkdir -p '{folder}'\ncat > '{self.file}' <<'END_OF_FILE'\n{self.text}END_OF_FILE\n"


def blocks(page: Path) -> list[Block]:
    """The blocks of a page; a text block belongs to the console block above it."""
    found: list[Block] = []
    for language, file, text in FENCE.findall(page.read_text()):
        if language == "text":
            above = found.pop()
            assert above.language == "console" and not above.printed, f"output of nothing: {text}"
            found.append(Block(above.language, above.file, above.text, text))
        else:
            found.append(Block(language, file, text))
    return found


@dataclass(frozen=True)
class Followed:
    """The folder in which a page was followed, and its blocks with what each printed."""

    folder: Path
    said: list[tuple[Block, str]]

    def differences(self) -> str:
        """What is printed otherwise than the page says; empty if nothing is."""
        return "\n".join(
            f"$ {block.commands[0]}\n{difference}"
            for block, said in self.said
            if (difference := difference_of(block.printed, said))
        )


def follow(page: Path, folder: Path, replaced: Mapping[str, str], **variables: str) -> Followed:
    """Write and run all blocks in order, up to the first failure.

    `replaced` is text of the page, and what it is here.
    """
    found = [block for block in blocks(page) if block.file or block.language == "console"]
    parts = [f"echo '{MARK.format(n)}'\n{block.script()}" for n, block in enumerate(found)]
    script = "set -euo pipefail\n" + "".join(parts)
    for text, own in replaced.items():
        script = script.replace(text, own)
    ended = subprocess.run(
        ["bash"],
        input=script,
        cwd=folder,
        env={**kept_variables(), "DBT_SEND_ANONYMOUS_USAGE_STATS": "false", "NO_COLOR": "1", **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert ended.returncode == 0, ended.stdout
    printed = ended.stdout
    for text, own in replaced.items():
        printed = printed.replace(own, text)
    said = re.split(r"^@@@ block \d+ @@@\n", printed, flags=re.M)[1:]
    pairs = zip(found, said, strict=True)
    return Followed(folder, [(block, text) for block, text in pairs if block.language == "console"])


def difference_of(expected: str, said: str) -> str:
    """How the output differs from the page, line by line; empty if it does not."""
    wanted, lines = list(_normal(expected)), list(_normal(said))
    pattern = "".join(_pattern(line) for line in wanted)
    if re.fullmatch(pattern, "".join(f"{line}\n" for line in lines)):
        return ""
    return "\n".join(difflib.unified_diff(wanted, lines, "page", "printed", lineterm=""))


def _normal(text: str) -> Iterator[str]:
    for line in text.splitlines():
        for pattern, same in SAME:
            line = pattern.sub(same, line)
        if line.strip():
            yield line.strip()


def _pattern(line: str) -> str:
    if line == "...":
        return r"(?:.*\n)*?"
    return re.escape(line).replace(re.escape("..."), ".*") + r"\n"
