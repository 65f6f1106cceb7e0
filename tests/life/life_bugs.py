"""Bugs that can be put back into the package, to see whether a life catches them; `bugs/` has them."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent / "bugs"


class StaleBug(Exception):
    """The text that a bug replaces does not stand once in its file."""


@dataclass(frozen=True)
class Bug:
    """One bug: what goes wrong, the finding that it was, and its edits (file, text that stands once, bug).

    `events` are those of a life that meets it soon; without them, a random life has to. `engine` is where.
    `test` names the test that catches what a life meets by chance alone, or not on these engines.
    """

    name: str
    review: str
    edits: tuple[tuple[str, str, str], ...]
    events: tuple[str, ...] = ()
    engine: str = "duckdb"
    test: str = ""

    def texts(self, tree: Path) -> dict[str, str]:
        """The files with the bug in them, by path relative to the tree.

        Raises StaleBug where the code of today lacks the text that the bug replaces.
        """
        texts: dict[str, str] = {}
        for file, anchor, bug in self.edits:
            text = texts.get(file) or (tree / file).read_text()
            if (count := text.count(anchor)) != 1:
                raise StaleBug(
                    f"{self.name}: {anchor!r} stands {count} times in {file}, and has to stand once"
                )
            texts[file] = text.replace(anchor, bug)
        return texts


def all_bugs() -> dict[str, Bug]:
    """Every bug by its name."""
    bugs: dict[str, Bug] = {}
    for bug in _listed():
        assert bug.name not in bugs, f"two bugs are called {bug.name!r}"
        bugs[bug.name] = bug
    return bugs


def _listed() -> Iterator[Bug]:
    for file in sorted(FOLDER.glob("*.py")):
        spec = importlib.util.spec_from_file_location(f"bugs_{file.stem}", file)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        yield from module.BUGS
