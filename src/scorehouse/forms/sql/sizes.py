"""The size of compiled SQL, held against the limits of its database."""

from __future__ import annotations

from collections.abc import Callable

from scorehouse.errors import CompileError
from scorehouse.forms.sql.compiled import CompiledSql
from scorehouse.forms.sql.dialects import Limits
from scorehouse.forms.sql.printer import Dialect
from scorehouse.registry.version import Version


def check_size(compiled: CompiledSql, limits: Limits, call: str) -> None:
    """Raise CompileError if the SQL is too large for its database."""
    widest = max((len(s.made) + len(s.carried) for s in compiled.program.steps), default=0)
    sizes: tuple[tuple[str, Callable[[], int], int], ...] = (
        ("tree nodes", lambda: compiled.nodes, limits.nodes),
        ("columns in one step", lambda: widest, limits.columns),
        ("bytes of SQL", lambda: compiled.size_bytes, limits.sql_bytes),  # printed only if the others fit
    )
    for what, size, limit in sizes:
        excess = excess_over(size(), what, limit, compiled.version, compiled.dialect, call)
        if excess is not None:
            raise excess


def excess_over(
    found: int, what: str, limit: int, version: Version, dialect: Dialect, call: str
) -> CompileError | None:
    """The refusal of what is larger than the limit."""
    if found <= limit:
        return None
    return CompileError(
        call,
        f"the SQL of {version.label} has {found:,} {what}",
        expected=f"at most {limit:,} on {dialect.name}",
        action="score this version through a Python or SQL model with the predictions "
        "materialization, or register a smaller estimator",
    )
