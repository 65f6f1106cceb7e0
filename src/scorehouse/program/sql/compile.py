"""Compile a fitted estimator into one select of SQL."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from scorehouse.errors import CompileError, ConfigurationError
from scorehouse.kernel.rows import LARGEST
from scorehouse.program.sql.builder import Builder
from scorehouse.program.sql.compiled import MARK, CompiledSql
from scorehouse.program.sql.dialects import ALIASES, DIALECTS
from scorehouse.program.sql.inputs import inputs_of
from scorehouse.program.sql.outputs import outputs_of
from scorehouse.program.sql.printer import Dialect
from scorehouse.program.sql.registers import CONVERTERS
from scorehouse.program.sql.sizes import excess_over, limits_of, of_fitting_size
from scorehouse.program.sql.underflow import without_underflow
from scorehouse.registry.signature import Signature
from scorehouse.registry.version import Version

# Where an overflow raises instead of giving infinity, and an underflow instead of 0: a feature beyond
# this is rejected, and one nearer to 0 than its reciprocal is taken as that, so that products fit.
LARGEST_WHERE_OVERFLOW_RAISES = 1e60


def compile_sql(
    estimator: Any,
    version: Version,
    signature: Signature,
    dialect: str,
    *,
    alike: dict[tuple[bool, bool], CompiledSql] | None = None,
    statement_bytes: int | None = None,
) -> CompiledSql:
    """Compile a fitted estimator, as it was registered, for one dialect.

    `alike` keeps what was compiled for dialects that compute alike, which differ in their spelling alone.
    `statement_bytes` is the length beyond which there are several statements, if the database accepts more.
    Raises CompileError naming the step that has no exact equivalent, or the limit that is passed.
    """
    call = f"compile_sql({version.label}, {dialect!r})"
    chosen = DIALECTS.get(ALIASES.get(dialect, dialect))
    if chosen is None:
        raise ConfigurationError(
            call,
            f"dialect is {dialect!r}",
            expected=f"one of {[*DIALECTS, *ALIASES]}",
            action="name one of these",
        )
    key = ("real" in chosen.types, chosen.ieee)
    others = {} if alike is None else alike
    compiled = others.get(key)
    if compiled is None:
        # another dialect has told the nodes of all trees, which need not be compiled to be refused
        nodes = max((other.nodes for other in others.values()), default=0)
        excess = excess_over(nodes, "tree nodes", limits_of(chosen).nodes, version, chosen, call)
        compiled = _compiled(estimator, version, signature, chosen, call, excess)
    others[key] = compiled
    compiled = of_fitting_size(replace(compiled, dialect=chosen), statement_bytes, call)
    _check_marks(compiled, call)
    return compiled


def largest_of(dialect: Dialect) -> float:
    """The largest magnitude of a feature that a database computes with."""
    return LARGEST if dialect.ieee else LARGEST_WHERE_OVERFLOW_RAISES


def _compiled(
    estimator: Any,
    version: Version,
    signature: Signature,
    chosen: Dialect,
    call: str,
    excess: CompileError | None,
) -> CompiledSql:
    """The program of a dialect, whose size is not checked yet; `excess` is raised at its first tree."""
    largest = largest_of(chosen)
    has_real = "real" in chosen.types
    b = Builder(signature, call, CONVERTERS, has_real=has_real, largest=largest, excess=excess)
    values, reason = inputs_of(b)
    outputs, scores = outputs_of(b, estimator, version, values, reason)
    program = b.finish(outputs)
    if not chosen.ieee:
        program = without_underflow(program, 1.0 / largest)
    return CompiledSql(
        version=version,
        dialect=chosen,
        signature=signature,
        program=program,
        columns=tuple(name for name, _ in outputs),
        nodes=b.nodes,
        single=scores.single,
        probes={position: frozenset(found) for position, found in b.probes.items()},
    )


def _check_marks(compiled: CompiledSql, call: str) -> None:
    """dbt fills arguments in between marks, which a category or class must not contain."""
    texts = compiled.statements([""] * len(compiled.stages)) if compiled.stages else [compiled.text]
    if any(MARK in text for text in texts) or any(MARK in name for name in compiled.features):
        raise CompileError(
            call,
            f"a category, class or feature of {compiled.version.label} contains {MARK!r}",
            expected=f"no {MARK!r}, which marks where dbt fills in the columns",
            action="score this version through a Python or SQL model with the predictions materialization",
        )
