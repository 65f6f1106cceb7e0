"""Where a macro stands, in a file of its own name, a public one alone in it; and where it is described."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from project import REPOSITORY

FILES = sorted((REPOSITORY / "macros").rglob("*.sql"))
DEFINED = re.compile(r"{%-?\s*(?:macro|test|materialization)\s+(\w+)")
# with the end of a comment right before it, and without the bodies for single databases, which have `__`
BEGUN = re.compile(r"(#}\s*)?{%-?\s*(macro|test)\s+(_?[a-z0-9]+(?:_[a-z0-9]+)*)\(")
BODY = re.compile(r"[a-z]+__(?:test_)?(_?[a-z]\w*)")  # what `adapter.dispatch` finds: default__x


def macros_of(file: Path) -> set[str]:
    """The macros of a file; the bodies of one for several databases count as that one."""
    names = DEFINED.findall(file.read_text(encoding="utf-8"))
    return {body[1] if (body := BODY.fullmatch(name)) else name for name in names}


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(REPOSITORY)))
def test_a_file_is_named_after_a_macro_in_it(file: Path) -> None:
    assert file.stem in macros_of(file)


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(REPOSITORY)))
def test_a_public_macro_is_alone_in_its_file(file: Path) -> None:
    macros = macros_of(file)
    assert len(macros) == 1 or all(name.startswith("_") for name in macros)


def test_no_two_macros_have_one_name() -> None:
    """dbt takes either of them without a word; a materialization is one per database."""
    found = [
        name
        for file in FILES
        for name in re.findall(r"{%-?\s*(?:macro|test)\s+(\w+)", file.read_text(encoding="utf-8"))
    ]
    assert sorted(found) == sorted(set(found))


def test_macros_stop_with_the_four_part_error_alone() -> None:
    raising = [file.stem for file in FILES if "raise_compiler_error" in file.read_text(encoding="utf-8")]
    assert raising == ["_fail"]


def test_every_macro_is_described() -> None:
    """A public one in YAML, for dbt docs; a private one by a comment right before it, and out of dbt docs."""
    entries = {
        entry["name"]: entry
        for file in (REPOSITORY / "macros").rglob("*.yml")
        for entry in yaml.safe_load(file.read_text(encoding="utf-8"))["macros"]
    }
    for file in FILES:
        for comment, kind, name in BEGUN.findall(file.read_text(encoding="utf-8")):
            entry = entries.get("test_" * (kind == "test") + name, {})
            if name.startswith("_"):
                assert comment or entry.get("description"), name
                assert entry.get("config") == {"docs": {"show": False}}, name
            else:
                assert entry.get("description"), name
