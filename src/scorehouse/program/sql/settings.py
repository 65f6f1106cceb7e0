"""A project's settings for compiled SQL: the databases to compile for, and where to write the macros."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from scorehouse.errors import ConfigurationError
from scorehouse.program.sql.dialects import BY_DEFAULT, DIALECTS
from scorehouse.project.folder import project_variable

VARIABLE = "scorehouse_compiled_sql"
KNOWN = {"dialects", "macro_path", "statement_bytes"}
SMALLEST = 10_000  # shorter statements would be as many as a forest has trees


@dataclass(frozen=True)
class SqlSettings:
    """`dialects`: databases that SQL is printed for; `macro_path`: macro path of `ml/<name>.sql`.

    `statement_bytes`: the length beyond which there are several statements; None: the limit of the database.
    """

    dialects: tuple[str, ...] = BY_DEFAULT
    macro_path: str = "macros"
    statement_bytes: int | None = None

    @classmethod
    def of(cls, project: Path) -> SqlSettings:
        """The variable of the project; by default the dialects of BY_DEFAULT, and the first macro path."""
        file = project / "dbt_project.yml"
        if not file.is_file():
            return cls()
        value = project_variable(project, VARIABLE) or {}
        if not isinstance(value, Mapping) or set(value) - KNOWN:
            raise _unusable(f"it is {value!r}", f"a mapping with keys among {sorted(KNOWN)}")
        document = yaml.safe_load(file.read_text()) or {}
        paths = [str(path) for path in document.get("macro-paths") or ["macros"]]
        macro_path = str(value.get("macro_path", paths[0]))
        return cls(_dialects(value.get("dialects")), macro_path, _bytes(value.get("statement_bytes")))


def _dialects(wanted: Any) -> tuple[str, ...]:
    if wanted is None:
        return BY_DEFAULT
    if not isinstance(wanted, list) or set(wanted) - set(DIALECTS):
        raise _unusable(f"dialects is {wanted!r}", f"a list among {list(DIALECTS)}")
    return tuple(name for name in DIALECTS if name in wanted)


def _bytes(wanted: Any) -> int | None:
    if wanted is None or (type(wanted) is int and wanted >= SMALLEST):
        return wanted
    raise _unusable(f"statement_bytes is {wanted!r}", f"a whole number, at least {SMALLEST:,}")


def _unusable(problem: str, expected: str) -> ConfigurationError:
    return ConfigurationError(
        f"the variable {VARIABLE} of dbt_project.yml", problem, expected=expected, action="correct it"
    )
