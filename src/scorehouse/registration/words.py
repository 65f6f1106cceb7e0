"""Texts that users pass at registration: they are written to seeds, which may be opened in spreadsheets."""

from __future__ import annotations

from scorehouse.errors import ConfigurationError
from scorehouse.registry.version import Version

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")  # how a spreadsheet recognizes a formula in a CSV file
WORDS = ("owner", "description", "trained_from", "trained_to")


def is_formula(text: str) -> bool:
    """Whether a spreadsheet would compute the text instead of showing it."""
    return text.startswith(FORMULA)


def check_words(version: Version, call: str) -> None:
    """Refuse texts that begin like a formula: an escape before them would change the registered text."""
    for name in WORDS:
        text = str(getattr(version, name))
        if is_formula(text):
            raise ConfigurationError(
                call,
                f"{name} begins with {text[0]!r}: {text[:40]!r}",
                expected="text that a spreadsheet does not read as a formula when it opens the seed",
                action="begin with a letter or a digit",
            )
