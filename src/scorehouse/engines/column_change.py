"""Compare the columns of the prediction table with the run's columns, before a merge scores anything.

dbt's setting `on_schema_change` says what happens if they differ; if it is not set, the run is refused,
as with `fail`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from scorehouse.errors import ConfigurationError

APPEND, SYNC, IGNORE, FAIL = "append_new_columns", "sync_all_columns", "ignore", "fail"
ACTION = (
    f"set on_schema_change='{APPEND}' or '{SYNC}' in the model's config, or rebuild the table once with "
    "--full-refresh"
)


@dataclass(frozen=True)
class ColumnChange:
    """How the table differs from the run: columns that it `lacks`, and columns that only it `has`, with type.

    `retyped` has the type in the table and the type in the run.
    """

    lacks: Mapping[str, str] = field(default_factory=dict)
    has: Mapping[str, str] = field(default_factory=dict)
    retyped: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    @classmethod
    def between(cls, table: Mapping[str, str], run: Mapping[str, str]) -> ColumnChange:
        """Compare the columns of the table with those of the run, ignoring the case of names."""
        old, new = ({name.lower(): name for name in columns} for columns in (table, run))
        same = [(old[name], new[name]) for name in new if name in old]
        return cls(
            lacks={name: kind for name, kind in run.items() if name.lower() not in old},
            has={name: kind for name, kind in table.items() if name.lower() not in new},
            retyped={one: (table[one], run[other]) for one, other in same if table[one] != run[other]},
        )

    def check_names(self, relation: str, setting: str, call: str) -> None:
        """Refuse columns that were added or removed, unless the setting says what happens to them."""
        if (self.lacks or self.has) and setting in ("", FAIL):
            found = [f"it lacks {list(self.lacks)}"] if self.lacks else []
            found += [f"it has {list(self.has)}, which this run does not write"] if self.has else []
            raise ConfigurationError(
                call,
                f"the columns of {relation} differ from those of this run: {', and '.join(found)}",
                expected="a table that was built with the same arguments",
                action=ACTION,
            )
