"""What a merge into a prediction table on Spark changes, row by row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from scorehouse.engines.spark.source import matching, quote

GONE = "scorehouse_gone"  # the column that tells a key that is gone from a new row


@dataclass(frozen=True)
class Change:
    """What a merge changes: rows of `new` replace rows of `old` with the same `keys`; others are added.

    `gone` has the keys of old rows to `flag` or `delete`, as `vanished` says; None: there are none.
    """

    old: Any
    new: Any
    keys: tuple[str, ...]
    gone: Any = None
    vanished: str = "keep"

    def kept(self, rows: Any) -> Any:
        """The given old rows that stay, with their flag."""
        stays = matching(rows, self.new, self.keys, "left_anti")
        if self.gone is None:
            return stays
        others = matching(stays, self.gone, self.keys, "left_anti")
        if self.vanished == "delete":
            return others
        flagged = matching(stays, self.gone, self.keys, "left_semi")
        columns = (
            "true as is_vanished" if name == "is_vanished" else quote(name) for name in self.old.columns
        )
        return others.unionByName(flagged.selectExpr(*columns))

    def touched(self, parts: Sequence[str]) -> Any:
        """The values of the columns `parts` in which a row is added, deleted or flagged."""
        found = self.new.select(*parts).union(
            matching(self.old, self.new, self.keys, "left_semi").select(*parts)
        )
        if self.gone is not None:
            found = found.union(matching(self.old, self.gone, self.keys, "left_semi").select(*parts))
        return found.distinct()

    def source(self) -> Any:
        """New rows, and keys that are gone, distinguished by the column GONE."""
        new = self.new.selectExpr("*", f"false as {GONE}")
        if self.gone is None:
            return new
        return new.unionByName(self.gone.selectExpr("*", f"true as {GONE}"), allowMissingColumns=True)
