"""What people say at registration in words: it stands in seeds, which are opened in spreadsheets too."""

from __future__ import annotations

from scorehouse.errors import ConfigurationError
from scorehouse.registry.version import Version

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")  # how a spreadsheet knows a formula in a CSV file
WORDS = ("owner", "description", "trained_from", "trained_to")


def is_formula(text: str) -> bool:
    """Whether a spreadsheet would compute the text instead of showing it."""
    return text.startswith(FORMULA)


def check_words(version: Version, call: str) -> None:
    """Refuse words that begin like a formula: a mark before them would be in the registry, and untrue."""
    for name in WORDS:
        text = str(getattr(version, name))
        if is_formula(text):
            raise ConfigurationError(
                call,
                f"{name} begins with {text[0]!r}: {text[:40]!r}",
                expected="text that a spreadsheet does not read as a formula when it opens the seed",
                action="begin with a letter or a digit",
            )
