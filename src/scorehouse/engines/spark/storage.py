"""How a prediction table is stored on Spark."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from scorehouse.scoring.arguments import refuse

CORRECT = "correct the config of the model"


@dataclass(frozen=True)
class Storage:
    """How the prediction table is stored, from the model's config.

    `strategy` is how rows are merged into it: `rewrite` the table, or `insert_overwrite` the partitions
    that change; formats that support MERGE use it. `contract` has the data types of an enforced contract.
    """

    file_format: str = "parquet"
    partition_by: tuple[str, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict)
    strategy: str = "rewrite"
    contract: Mapping[str, str] | None = None

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
