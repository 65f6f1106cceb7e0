"""How a prediction table is stored on Spark.

What a merge into a prediction table on Spark changes, row by row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from scorehouse.engines.spark.source import matching, quote
from scorehouse.scoring.arguments import refuse

CORRECT = "correct the config of the model"


@dataclass(frozen=True)
class Storage:
    """How the prediction table is stored, from the model's config.

    `strategy` is how rows are merged into it: `rewrite` the table, or `insert_overwrite` the partitions
    that change; formats that support MERGE use it.
    """

    file_format: str = "parquet"
    partition_by: tuple[str, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict)
    strategy: str = "rewrite"

    @classmethod
    def checked(cls, call: str, values: Mapping[str, Any]) -> Storage:
        """Read the settings from the materialization; refuse what cannot be done."""
        given = {name: value for name, value in values.items() if value is not None}
        location, columns = given.pop("location_root", None), given.get("partition_by", ())
        given["partition_by"] = (columns,) if isinstance(columns, str) else tuple(columns)
        storage = cls(**given)
        rules = [
            (bool(location), "location_root is set", "a managed table, which can be swapped whole", CORRECT),
            (
                storage.strategy not in ("rewrite", "insert_overwrite"),
                f"incremental_strategy is {storage.strategy!r}",
                "rewrite or insert_overwrite",
                CORRECT,
            ),
            (
                storage.strategy == "insert_overwrite" and not storage.partition_by,
                "incremental_strategy is insert_overwrite without partition_by",
                "partition_by",
                CORRECT,
            ),
        ]
        refuse(call, rules)
        return storage


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
