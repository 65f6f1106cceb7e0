"""Compile a fitted estimator into one select of SQL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from scorehouse.errors import CompileError
from scorehouse.program.sql.builder import Builder, Program
from scorehouse.program.sql.compiled import MARK, CompiledSql
from scorehouse.program.sql.dialects import ALIASES, DIALECTS
from scorehouse.program.sql.expression import Expr
from scorehouse.program.sql.inputs import inputs_of
from scorehouse.program.sql.outputs import outputs_of
from scorehouse.program.sql.printer import Dialect
from scorehouse.program.sql.registers import CONVERTERS
from scorehouse.program.sql.sizes import excess_over, limits_of, of_fitting_size
from scorehouse.program.sql.underflow import without_underflow
from scorehouse.registry.signature import Signature
from scorehouse.registry.version import Version


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
    chosen = DIALECTS[ALIASES.get(dialect, dialect)]
    others = {} if alike is None else alike
    compiled = others.get(chosen.arithmetic)
    if compiled is None:
        # another dialect has told the nodes of all trees, which need not be compiled to be refused
        nodes = max((other.nodes for other in others.values()), default=0)
        excess = excess_over(nodes, "tree nodes", limits_of(chosen).nodes, version, chosen, call)
        b = builder_of(signature, chosen, call, excess)
        values, reason = inputs_of(b)
        outputs, scores = outputs_of(b, estimator, version, values, reason)
        compiled = CompiledSql(
            version=version,
            dialect=chosen,
            signature=signature,
            program=finished(b, outputs, chosen),
            columns=tuple(name for name, _ in outputs),
            nodes=b.nodes,
            single=scores.single,
            probes={position: frozenset(found) for position, found in b.probes.items()},
        )
    others[chosen.arithmetic] = compiled
    compiled = of_fitting_size(replace(compiled, dialect=chosen), statement_bytes, call)
    _check_marks(compiled, call)
    return compiled


def builder_of(
    signature: Signature, dialect: Dialect, call: str, excess: CompileError | None = None
) -> Builder:
    """What builds the program of a dialect; `excess` is raised at its first tree."""
    has_real, largest = dialect.has_real, dialect.largest
    return Builder(signature, call, CONVERTERS, has_real=has_real, largest=largest, excess=excess)


def finished(b: Builder, outputs: Sequence[tuple[str, Expr]], dialect: Dialect) -> Program:
    """The program of a dialect, in which no product underflows where that raises."""
    program = b.finish(outputs)
    return program if dialect.ieee else without_underflow(program, 1.0 / dialect.largest)


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
