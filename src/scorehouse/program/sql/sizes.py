"""The size of compiled SQL, held against the limits of its database."""

from __future__ import annotations

from dataclasses import replace

from scorehouse.errors import CompileError
from scorehouse.program.sql.compiled import CompiledSql
from scorehouse.program.sql.dialects import IN_STAGES, LARGEST_IN_STAGES, LIMITS, Limits
from scorehouse.program.sql.printer import Dialect
from scorehouse.program.sql.stages import stages_of
from scorehouse.registry.version import Version


def limits_of(dialect: Dialect) -> Limits:
    """The limits of a version in a database, whatever the number of statements."""
    return LARGEST_IN_STAGES if dialect.name in IN_STAGES else LIMITS[dialect.name]


def of_fitting_size(compiled: CompiledSql, statement_bytes: int | None, call: str) -> CompiledSql:
    """The same, in stages if it is beyond the limits of one statement.

    `statement_bytes` lowers the limit of bytes. Raises CompileError if it cannot be cut into stages, or the
    database does not run any.
    """
    limits = LIMITS[compiled.dialect.name]
    if statement_bytes is not None:
        limits = replace(limits, sql_bytes=min(statement_bytes, limits.sql_bytes))
    excess = excess_of(compiled, limits, call)
    if excess is None:
        return compiled
    if compiled.dialect.name not in IN_STAGES:
        raise excess
    check_size(compiled, replace(LARGEST_IN_STAGES, columns=limits.columns), call)
    stages = stages_of(compiled, limits)
    if stages is None:
        raise excess
    return replace(compiled, stages=stages)


def check_size(compiled: CompiledSql, limits: Limits, call: str) -> None:
    """Raise CompileError if the SQL is too large for one statement of its database."""
    if excess := excess_of(compiled, limits, call):
        raise excess


def excess_of(compiled: CompiledSql, limits: Limits, call: str) -> CompileError | None:
    """The refusal of SQL that is too large for one statement."""
    widest = max((len(s.made) + len(s.carried) for s in compiled.program.steps), default=0)

    def over(found: int, what: str, limit: int) -> CompileError | None:
        return excess_over(found, what, limit, compiled.version, compiled.dialect, call)

    excess = over(compiled.nodes, "tree nodes", limits.nodes)
    excess = excess or over(widest, "columns in one step", limits.columns)
    return excess or over(compiled.size_bytes, "bytes of SQL", limits.sql_bytes)  # printed if the others fit


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
