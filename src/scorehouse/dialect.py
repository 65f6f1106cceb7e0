"""How the databases that keep prediction tables spell names, texts and types in SQL."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Spelling:
    """One database's way: `mark` encloses names; with `backslash` that sign escapes within texts.

    `text`, `time` (without a zone), `run_id` and `status` are the types of such columns.
    """

    mark: str
    backslash: bool
    text: str
    time: str
    run_id: str
    status: str

    def quote(self, name: str) -> str:
        """A column name as an SQL identifier."""
        return self.mark + name.replace(self.mark, self.mark * 2) + self.mark

    def literal(self, text: str) -> str:
        """A text as an SQL literal."""
        if self.backslash:
            return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
        return "'" + text.replace("'", "''") + "'"


def double(value: float) -> str:
    """A number as an SQL literal, with the exponent without which it would be read as a DECIMAL."""
    text = repr(value)
    return text if "e" in text else f"{text}e0"


DUCKDB = Spelling(
    mark='"',
    backslash=False,
    text="varchar",
    time="timestamp",
    run_id="uuid",
    status="enum('rejected', 'scored')",  # half the cost of a text, read like one, sorted like one
)
SPARK = Spelling(
    mark="`", backslash=True, text="string", time="timestamp_ntz", run_id="string", status="string"
)
