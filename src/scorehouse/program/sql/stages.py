"""A program as several statements, for a database that does not accept it as one.

Each stage selects from the table that the one before has made, and every table has all rows, so nothing is
joined. A long sum is cut between two terms and goes on in a later stage where it stopped. It is still added
from left to right, so every number is the one that a single statement computes.

The size of compiled SQL, held against the limits of its database.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import count
from typing import NamedTuple, Self

from scorehouse.errors import CompileError
from scorehouse.program.sql.builder import Program, add_column, program_of
from scorehouse.program.sql.compiled import CompiledSql
from scorehouse.program.sql.dialects import IN_STAGES, LARGEST_IN_STAGES, LIMITS, Dialect, Limits
from scorehouse.program.sql.expression import (
    Arith,
    Call,
    Case,
    Cast,
    Column,
    Expr,
    Feature,
    Literal,
    Sum,
    columns_of,
    rewritten,
    walk,
)
from scorehouse.program.sql.printer import Printer
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


Made = list[tuple[str, Expr]]
PIECES = 8  # of a sum in a full stage: the smaller, the better stages are filled
SHARES = (0.98, 0.85, 0.7, 0.5)  # of the limits, tried until names and line ends fit too


class Size(NamedTuple):
    """Bytes of SQL, and nodes of trees."""

    sql_bytes: int
    nodes: int

    @classmethod
    def of(cls, text: str) -> Self:
        """A tree of n splits has 2 n + 1 nodes, and a case for each split."""
        return cls(len(text.encode()), 2 * text.count("case "))

    def plus(self, other: Size) -> Size:
        return Size(self.sql_bytes + other.sql_bytes, self.nodes + other.nodes)

    def times(self, share: float) -> Size:
        return Size(int(self.sql_bytes * share), int(self.nodes * share))

    def fits(self, most: Size) -> bool:
        return self.sql_bytes <= most.sql_bytes and self.nodes <= most.nodes


def stages_of(compiled: CompiledSql, limits: Limits) -> tuple[Program, ...] | None:
    """The program in stages, each within the limits; None if it cannot be cut so."""
    most = Size(limits.sql_bytes, limits.nodes)
    printer = compiled.printer()
    made = [column for step in compiled.program.steps for column in step.made]
    made = list(_cut(made, printer, most.times(1 / PIECES)))
    sizes = {name: Size.of(printer.expr(expr)) for name, expr in made}
    if not all(size.fits(most) for size in sizes.values()):
        return None
    for share in SHARES:
        stages = _packed(made, sizes, most.times(share))
        parts = (part for stage in stages[1:] for _, expr in stage for part in walk(expr))
        if any(isinstance(part, Feature) for part in parts):
            return None  # a table of a stage has no features, but what was made of them
        programs = tuple(_programs(stages, compiled.program.outputs))
        if _fits(replace(compiled, stages=programs), limits):
            return programs
    return None


def _fits(compiled: CompiledSql, limits: Limits) -> bool:
    texts = compiled.statements(["input_relation"] * len(compiled.stages))
    steps = [step for stage in compiled.stages for step in stage.steps]
    widest = max((len(step.made) + len(step.carried) for step in steps), default=0)
    most = Size(limits.sql_bytes, limits.nodes)
    return widest <= limits.columns and all(Size.of(text).fits(most) for text in texts)


def _cut(made: Made, printer: Printer, most: Size) -> Iterator[tuple[str, Expr]]:
    """The columns, with a sum that is too large as several: each begins with the one before."""
    taken = {name for name, _ in made}
    for name, expr in made:
        found, gates = _sum_within(expr)
        if found is None or Size.of(printer.expr(expr)).fits(most):
            yield name, expr
            continue
        terms: list[Expr] = []
        size = Size(0, 0)
        for term in found.terms:
            own = Size.of(printer.expr(term))
            if terms and not size.plus(own).fits(most):
                piece = next(free for n in count(1) if (free := f"{name}_part_{n}") not in taken)
                taken.add(piece)
                yield piece, _gated(_added(terms), gates)
                terms, size = [Column(piece)], Size(0, 0)
            terms.append(term)
            size = size.plus(own)
        in_place: dict[Expr, Expr] = {found: _added(terms)}
        yield name, rewritten(expr, in_place.get)


def _added(terms: Sequence[Expr]) -> Expr:
    return terms[0] if len(terms) == 1 else Sum(tuple(terms))


def _sum_within(expr: Expr) -> tuple[Sum | None, list[Expr]]:
    """The sum that an expression computes first of all, if any, and the conditions under which it does so."""
    gates: list[Expr] = []
    while not isinstance(expr, Sum):
        match expr:
            case Case(whens=((gate, inner),), default=None):
                gates.append(gate)
            case Arith(left=inner, right=Literal()) | Call(args=(inner,)) | Cast(arg=inner):
                pass
            case _:
                return None, []
        expr = inner
    return expr, gates


def _gated(piece: Expr, gates: Sequence[Expr]) -> Expr:
    """A piece of a sum, computed under the conditions of the whole."""
    for gate in reversed(gates):
        piece = Case(((gate, piece),))
    return piece


def _packed(made: Made, sizes: dict[str, Size], most: Size) -> list[Made]:
    """The columns in their order, in as few stages as they fill."""
    stages: list[Made] = [[]]
    full = Size(0, 0)
    for name, expr in made:
        if stages[-1] and not full.plus(sizes[name]).fits(most):
            stages.append([])
            full = Size(0, 0)
        stages[-1].append((name, expr))
        full = full.plus(sizes[name])
    return stages


def _programs(stages: Sequence[Made], outputs: Sequence[tuple[str, Expr]]) -> Iterator[Program]:
    """A program for each stage; it hands on the columns that a later one reads."""
    reads = {name: columns_of(expr) for stage in stages for name, expr in stage}
    final = set[str]().union(*(columns_of(expr) for _, expr in outputs))
    so_far: set[str] = set()
    for place, stage in enumerate(stages):
        so_far |= {name for name, _ in stage}
        later = final.union(*(reads[name] for rest in stages[place + 1 :] for name, _ in rest))
        is_last = place == len(stages) - 1
        handed = outputs if is_last else [(name, Column(name)) for name in sorted(later & so_far)]
        steps: list[dict[str, Expr]] = []
        levels: dict[str, int] = {}
        for name, expr in stage:
            add_column(steps, levels, name, expr, reads[name])
        yield program_of(steps, handed, reads)
