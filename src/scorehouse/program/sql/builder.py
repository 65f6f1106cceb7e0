"""Steps of a compiled estimator: an expression that is used more than once becomes a column of a step."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from scorehouse.errors import CompileError
from scorehouse.program.sql.expression import Case, Column, Expr, Literal, Sum, TreeFunction, columns_of
from scorehouse.program.sql.singles import rounded
from scorehouse.registry.signature import Signature

PREFIX = "sh_"
NAME_LENGTH = 40  # PostgreSQL cuts identifiers at 63 bytes
TERMS_LIMIT = 250  # DuckDB parses expressions up to a depth of 1000
PROBES_PER_FEATURE = 400
DEPTH_LIMIT = 60  # nested splits


@dataclass(frozen=True)
class Origin:
    """A value that is `feature * scale + offset` of one input feature."""

    position: int
    scale: float = 1.0
    offset: float = 0.0


@dataclass(frozen=True)
class Value:
    """One column of the matrix that passes from step to step of a pipeline.

    `kind` is double, text or boolean; `name` hints at a readable name. `has_gaps`: NULL for some numbers, as
    for the logarithm of -2. `is_single`: a table's double, which the estimator gets rounded to float32.
    """

    expr: Expr
    name: str
    kind: str = "double"
    origin: Origin | None = None
    has_gaps: bool = False
    is_single: bool = False

    def moved(self, expr: Expr, *, scale: float = 1.0, offset: float = 0.0) -> Value:
        """The value `self * scale + offset`, computed by `expr`."""
        origin = self.origin
        if origin is not None:
            origin = Origin(origin.position, origin.scale * scale, origin.offset * scale + offset)
        return replace(self, expr=expr, origin=origin, kind="double", is_single=False)

    def made(self, expr: Expr, name: str | None = None) -> Value:
        """Another number, made from this value in a way that has no simple inverse."""
        return Value(expr, name or self.name)


@dataclass(frozen=True)
class Scores:
    """The output of the score method.

    `values` is one number per row, or one per class; with two classes, only the second one's. `decisions` is
    what `predict` compares if that is not `values`: one number against 0, or one per class. `bounded`: no row
    can reach infinity. `single`: sums are done in float32. `labels` has the scores of each of several labels.
    """

    values: tuple[Expr, ...]
    decisions: tuple[Expr, ...] = ()
    zero_is_second: bool = False
    bounded: bool = False
    single: bool = False
    labels: tuple[Scores, ...] = ()


@dataclass(frozen=True)
class Converters:
    """The functions that convert each class, by `library.Class`.

    `transformers`: `(builder, estimator, values) -> values`; `predictors`:
    `(builder, estimator, values, method) -> Scores`. `take_singles` names those of either that are given
    features of float32 as the doubles of the table.
    """

    transformers: Mapping[str, Callable[[Builder, Any, list[Value]], list[Value]]]
    predictors: Mapping[str, Callable[[Builder, Any, list[Value], str], Scores]]
    take_singles: frozenset[str]


def name_of(estimator: Any) -> str:
    """`library.Class`."""
    kind = type(estimator)
    return f"{kind.__module__.split('.')[0]}.{kind.__qualname__}"


@dataclass(frozen=True)
class Step:
    """One select: the columns that it computes, and the columns of earlier steps that it passes on."""

    made: tuple[tuple[str, Expr], ...]
    carried: tuple[str, ...]


@dataclass(frozen=True)
class Program:
    """Steps over the input relation, and the columns of the last select."""

    steps: tuple[Step, ...]
    outputs: tuple[tuple[str, Expr], ...]


@dataclass(eq=False)
class Builder:
    """Collects the columns of each step while the converters walk through the estimator.

    `probes` collects, by feature, the values at which something changes: split thresholds and edges;
    `failures` the conditions of rows on which the estimator raises ValueError. `converters` are the functions
    for the steps that it meets; they are passed in, since they call the builder. `has_real`: the dialect has
    a float32 type. `largest` is the largest magnitude of a feature that it computes with. `excess` is raised
    at the first tree if all trees together are known to be too large. With `functions_of`, how their names
    begin, trees become `functions`. `in_singles`: a step has made all columns float32.
    """

    signature: Signature
    call: str
    converters: Converters
    has_real: bool = field(kw_only=True)
    largest: float = field(kw_only=True)
    excess: CompileError | None = field(default=None, kw_only=True)
    functions_of: str = field(default="", kw_only=True)
    functions: list[TreeFunction] = field(default_factory=list, init=False)
    path: list[str] = field(default_factory=list, init=False)
    probes: dict[int, set[float]] = field(default_factory=lambda: defaultdict(set), init=False)
    nodes: int = field(default=0, init=False)
    failures: list[Expr] = field(default_factory=list, init=False)
    in_singles: bool = field(default=False, init=False)
    _gate: Expr | None = field(default=None, init=False)
    _behind_gate: frozenset[str] = field(default=frozenset(), init=False)
    _levels: dict[str, int] = field(default_factory=dict, init=False)
    _steps: list[dict[str, Expr]] = field(default_factory=list, init=False)
    _known: dict[Expr, Column] = field(default_factory=dict, init=False)
    _read: dict[str, set[str]] = field(default_factory=dict, init=False)

    @contextmanager
    def inside(self, step: str) -> Iterator[None]:
        """While inside, a refusal names `step`."""
        self.path.append(step)
        yield
        self.path.pop()

    def refuse(self, estimator: Any, problem: str) -> CompileError:
        """The error that names the step that cannot be compiled."""
        name = type(estimator).__name__ if not isinstance(estimator, str) else estimator
        where = " > ".join([*self.path, name]) if self.path else name
        return CompileError(
            self.call,
            f"{where}: {problem}",
            expected="steps that have an exact equivalent in SQL (docs/reference/backends.md lists them)",
            action="score this version through a Python or SQL model with the predictions materialization, "
            "or replace the step and register again",
        )

    def transform(self, estimator: Any, values: list[Value]) -> list[Value]:
        """The columns that a fitted transformer computes from `values`."""
        if estimator is None or (isinstance(estimator, str) and estimator == "passthrough"):
            return values
        converter = self.converters.transformers.get(name_of(estimator))
        if converter is None:
            raise self.refuse(estimator, "this transformer has no equivalent in SQL")
        return converter(self, estimator, self._given(estimator, values))

    def predict(self, estimator: Any, values: list[Value], method: str) -> Scores:
        """The result of `estimator.method` for `values`."""
        converter = self.converters.predictors.get(name_of(estimator))
        if converter is None:
            raise self.refuse(estimator, "this estimator has no equivalent in SQL")
        return converter(self, estimator, self._given(estimator, values), method)

    def _given(self, estimator: Any, values: list[Value]) -> list[Value]:
        """The columns that a step is given, rounded to float32 unless it does so itself or passes them on."""
        expected = getattr(estimator, "n_features_in_", 0) or len(values)  # CatBoost forgets it in a pickle
        if expected != len(values):
            raise self.refuse(estimator, f"it was fitted on {expected} columns but is given {len(values)}")
        if name_of(estimator) in self.converters.take_singles:
            return values
        return [self.rounded(value) for value in values]

    def rounded(self, value: Value) -> Value:
        """The value as the estimator gets it: rounded to float32 where training held it so."""
        if not value.is_single:
            return value
        if not self.has_real:
            raise CompileError(
                self.call,
                f"training held the feature {value.name!r} in float32",
                expected="doubles, since this database has no such type",
                action="train on float64, or trees without an imputer, and register again",
            )
        own = self.signature.features[value.origin.position] if value.origin else None
        is_finite = own is not None and not own.accepts_non_finite
        made = rounded(self.bind(value.expr, value.name), is_finite=is_finite)
        return replace(value, expr=self.bind(made, value.name), is_single=False)

    def close(self, gate: Expr, columns: Iterable[str]) -> None:
        """From now on, everything computed from these columns is NULL where `gate` is not true."""
        self._gate, self._behind_gate = gate, frozenset(columns)

    def bind(self, expr: Expr, hint: str, *, gated: bool = True) -> Expr:
        """`expr` as a column of the earliest step that can compute it; constants stay as they are.

        `gated=False` lets it look behind the gate.
        """
        if isinstance(expr, (Column, Literal)):
            return expr
        read = columns_of(expr)
        if gated and self._gate is not None and read & self._behind_gate:
            expr, read = Case(((self._gate, expr),)), read | columns_of(self._gate)
        known = self._known.get(expr)
        if known is not None:
            return known
        plain = re.sub(r"[^0-9a-z]+", "_", hint.lower()).strip("_") or "x"
        column = Column(unused(PREFIX + plain[:NAME_LENGTH], self._levels))
        self._read[column.name] = read
        add_column(self._steps, self._levels, column.name, expr, read)
        self._known[expr] = column
        return column

    def bound(self, value: Value) -> Value:
        """`value` as a column, since it will be read more than once."""
        return replace(value, expr=self.bind(value.expr, value.name))

    def sum(self, terms: Sequence[Expr], hint: str) -> Expr:
        """A long sum in order, in pieces that every parser accepts."""
        total, rest = terms[:TERMS_LIMIT], terms[TERMS_LIMIT:]
        while rest:
            total = [self.bind(Sum(tuple(total)), hint), *rest[: TERMS_LIMIT - 1]]
            rest = rest[TERMS_LIMIT - 1 :]
        return Sum(tuple(total)) if len(total) > 1 else total[0]

    def probe(self, value: Value, threshold: float) -> None:
        """Record the value of the feature at which `value` meets `threshold`, if it is known."""
        origin = value.origin
        if origin is None or origin.scale == 0.0:
            return
        found = self.probes[origin.position]
        if len(found) < PROBES_PER_FEATURE:
            found.add((threshold - origin.offset) / origin.scale)

    def count_nodes(self, nodes: int, depth: int) -> None:
        """Add up the size of trees, and refuse a tree that is nested too deeply."""
        if self.excess is not None:
            raise self.excess
        self.nodes += nodes
        if depth > DEPTH_LIMIT:
            raise self.refuse("a tree", f"it is {depth} splits deep, more than {DEPTH_LIMIT}")

    def finish(self, outputs: Sequence[tuple[str, Expr]]) -> Program:
        """The steps, each with the columns that it passes on; columns that nobody reads are left out."""
        return program_of(self._steps, outputs, self._read)


def add_column(
    steps: list[dict[str, Expr]], levels: dict[str, int], name: str, expr: Expr, read: Iterable[str]
) -> None:
    """Put a column into the earliest step that can compute it; `levels` has the step of each column."""
    level = 1 + max((levels[other] for other in read if other in levels), default=-1)
    while len(steps) <= level:
        steps.append({})
    steps[level][name] = expr
    levels[name] = level


def unused(name: str, taken: Collection[str]) -> str:
    """The name itself if it is not taken, else the first of `name_2`, `name_3` and so on that is not."""
    free, count = name, 1
    while free in taken:
        count += 1
        free = f"{name}_{count}"
    return free


def program_of(
    levels: Sequence[Mapping[str, Expr]],
    outputs: Sequence[tuple[str, Expr]],
    read: Mapping[str, set[str]] | None = None,
) -> Program:
    """The program for the columns of each level, without columns that nobody reads.

    `read` holds the columns that each of these columns reads, if that is known.
    """
    reads = read or {name: columns_of(expr) for made in levels for name, expr in made.items()}
    needed = set().union(*(columns_of(expr) for _, expr in outputs))
    steps: list[Step] = []
    for made in reversed(levels):
        kept = tuple((name, expr) for name, expr in made.items() if name in needed)
        carried = tuple(sorted(needed - made.keys()))
        steps.append(Step(kept, carried))
        needed = set(carried).union(*(reads[name] for name, _ in kept))
    return Program(tuple(reversed(steps)), tuple(outputs))
