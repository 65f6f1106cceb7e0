"""Messages of errors: words are listed as people write them, not as Python prints a list."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from project import REPOSITORY
from scorehouse.errors import listed

SOURCE = REPOSITORY / "src/scorehouse"
SEQUENCES = ("list", "sorted", "tuple")
# Values of a seed or of a call, shown as they are written there; reasons that a certificate gives.
AS_WRITTEN = {
    "certificate/certify.py": 1,
    "certificate/forest.py": 1,
    "program/choose.py": 1,
    "program/stored_backend.py": 1,
    "registry/key_signature.py": 1,
    "registry/label_rule.py": 3,
    "scoring/decision.py": 1,
}


def printed_lists(source: str) -> Iterator[int]:
    """The lines where text has a list as Python prints it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FormattedValue) and node.conversion == -1:
            value = node.value
            made = isinstance(value, ast.Call) and isinstance(value.func, ast.Name)
            if isinstance(value, ast.List | ast.ListComp) or (made and value.func.id in SEQUENCES):
                yield value.lineno


def test_words_are_listed_as_people_write_them() -> None:
    assert (listed(["a", "b", 3]), listed(()), listed(iter("x"))) == ("a, b, 3", "none", "x")


@pytest.mark.parametrize("text", ["f'{list(a)}'", "f'{sorted(a)}'", "f'{[x for x in a]}'", "f'{[a, b]}'"])
def test_a_printed_list_is_found(text: str) -> None:
    assert list(printed_lists(text)) == [1]
    assert list(printed_lists(text.replace("{", "{listed(").replace("}", ")}"))) == []


def test_no_message_prints_a_list_that_it_makes() -> None:
    """One that stands in a variable is not seen."""
    found = {
        str(file.relative_to(SOURCE)): len(lines)
        for file in sorted(SOURCE.rglob("*.py"))
        if (lines := list(printed_lists(file.read_text())))
    }
    assert found == AS_WRITTEN
