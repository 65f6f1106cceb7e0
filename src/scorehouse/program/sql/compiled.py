"""A version as one select of SQL, in one dialect: no estimator is needed to write it.

Several versions in one select: what they share, such as the checks of features, is computed once. A program
of expressions, and the SQL that a run writes of one, are kept as JSON in the file of a version.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any, get_args

from scorehouse.program.sql.builder import Program, Step, program_of, unused
from scorehouse.program.sql.dialects import DIALECTS, Dialect
from scorehouse.program.sql.expression import (
    Arith,
    Call,
    Column,
    Compare,
    Expr,
    Feature,
    Sum,
    TreeFunction,
    rewritten,
    walk,
)
from scorehouse.program.sql.links import decided
from scorehouse.program.sql.printer import Printer
from scorehouse.registry.signature import Signature
from scorehouse.registry.version import Version

MARK = "<scorehouse>"  # macros/predict/_verified_select.sql puts what is to be filled in between two of them
NEXT = f"{MARK}next statement{MARK}"  # macros/predict/_verified_select.sql cuts the text of a version here
NODES: dict[str, Any] = {kind.__name__: kind for kind in get_args(Expr)}
FUNCTIONS = frozenset(("abs", "coalesce", "concat", "exp", "exp_down", "floor", "greatest", "is_nan"))
FUNCTIONS |= {"join", "least", "ln", "mod", "not", "replace", "sigmoid", "sqrt"}
LITERALS = ("double", "integer", "text", "boolean", "null")
FIRST: dict[str, Callable[[Any], Any]] = {  # what the first field of a node may be, where SQL is made of it
    "Feature": lambda position: type(position) is int and position >= 0,
    "Column": re.compile(r"sh_[0-9a-z_]*").fullmatch,
    "Arith": frozenset("-*/").__contains__,
    "Compare": frozenset(("=", "<>", "<", "<=", ">", ">=")).__contains__,
    "Logic": frozenset(("and", "or")).__contains__,
    "Call": FUNCTIONS.__contains__,
    "Udf": lambda name: False,  # is printed, and not stored
}
QUOTED = re.compile(r'"([^"]|"")*"|`[^`\\]*`|[^"`].*', re.DOTALL)


@dataclass(frozen=True)
class CompiledSql:
    """The SQL of one version in one dialect.

    `columns` are the columns that it adds to the kept ones, in order; `features` are the features that it
    reads; `nodes` counts the nodes of all trees; `single`: the estimator itself computes in float32; `probes`
    holds, by feature, the values of splits and edges; `stages` are the same program as several statements, if
    one would be larger than the database accepts (`program/sql/stages.py`); `functions` are those that it
    calls (`program/sql/functions.py`). Threshold and classes are
    parameters of `program` and of the last stage; `decided` has those of `version`.
    """

    version: Version
    dialect: Dialect
    signature: Signature
    program: Program
    columns: tuple[str, ...]
    nodes: int = 0
    single: bool = False
    probes: Mapping[int, frozenset[float]] = field(default_factory=dict)
    stages: tuple[Program, ...] = ()
    functions: tuple[TreeFunction, ...] = ()

    @property
    def features(self) -> list[str]:
        return self.signature.names

    @cached_property
    def decided(self) -> Program:
        """The program with the threshold and the classes of the version."""
        return decided(self.program, self.version)

    @cached_property
    def text(self) -> str:
        """The select over a relation named `input_relation`, with no kept columns."""
        return self.render("input_relation")

    @property
    def operations(self) -> int:
        """The approximate number of computations per row in a database."""
        parts = [part for step in self.program.steps for _, expr in step.made for part in walk(expr)]
        sums = sum(len(part.terms) for part in parts if isinstance(part, Sum))
        return sums + sum(isinstance(part, Arith | Compare | Call) for part in parts)

    @property
    def size_bytes(self) -> int:
        return len(self.text.encode())

    @property
    def sha256(self) -> str:
        """The digest of `text`, which identifies the proven SQL in the registry."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    def render(self, relation: str, keep: Sequence[str] = ()) -> str:
        """The select over `relation` (a table name or a subquery in parentheses).

        `keep` names columns of the relation to put in front.
        """
        return self.printer().program(self.decided, relation, self._kept(keep))

    def statements(self, relations: Sequence[str], keep: Sequence[str] = ()) -> list[str]:
        """The selects of the stages over the relation of each: the first has the features."""
        printer, kept = self.printer(in_stages=True), self._kept(keep)
        stages = [decided(stage, self.version) for stage in self.stages]
        return [printer.program(*pair, kept) for pair in zip(stages, relations, strict=True)]

    def macro_body(self) -> str:
        """The select as Jinja: dbt fills in relation, keep, columns and decision. NEXT separates stages."""
        printer = self.printer(jinja=True, in_stages=bool(self.stages))
        programs = self.stages or (self.program,)
        return f"\n{NEXT}\n".join(printer.program(one, "{{ relation }}", "{{ keep }}") for one in programs)

    def _kept(self, names: Sequence[str]) -> str:
        return "".join(f"{self.dialect.quote(name)}, " for name in names).rstrip()

    def printer(self, *, jinja: bool = False, in_stages: bool = False) -> Printer:
        """What writes the programs of this version; with `jinja`, dbt fills in the columns of features."""
        columns = [self.dialect.quote(name) for name in self.features]
        if jinja:
            columns = [f"{{{{ columns[{place}] }}}}" for place in range(len(columns))]
        printed = self._printed.setdefault((jinja, in_stages), {})
        return Printer(self.dialect, columns, jinja=jinja, printed=printed)

    @cached_property
    def _printed(self) -> dict[tuple[bool, bool], dict[str, str]]:
        """SQL that was printed before, by what it depends on: a forest takes long to print."""
        return {}


@dataclass(frozen=True)
class Together:
    """One program for several versions in one dialect.

    `features` are the features of all versions; the output `score` of the second version is named `score:1`.
    """

    compiled: Sequence[CompiledSql]
    program: Program
    features: tuple[str, ...]

    def render(self, relation: str, keep: Iterable[str]) -> str:
        """The select over `relation`, with the columns `keep` of it in front."""
        dialect = self.compiled[0].dialect
        kept = "".join(f"{dialect.quote(name)}, " for name in keep).rstrip()
        columns = [dialect.quote(name) for name in self.features]
        return Printer(dialect, columns).program(self.program, relation, kept)

    def selects(self, keep: Iterable[str], columns: Mapping[str, str]) -> list[list[str]]:
        """The same as lists of columns, each to be selected from the one before.

        `columns` are those of the first relation that hold the features.
        """
        dialect = self.compiled[0].dialect
        held = [dialect.quote(columns[name]) for name in self.features]
        return Printer(dialect, held).selects(self.program, [dialect.quote(name) for name in keep])


def together(compiled: Sequence[CompiledSql]) -> Together:
    """Join the programs step by step; an expression that two versions share becomes one column."""
    features: dict[str, int] = {}
    levels: list[dict[str, Expr]] = []
    known: dict[tuple[int, Expr], str] = {}
    taken: set[str] = set()
    outputs: list[tuple[str, Expr]] = []
    for number, one in enumerate(compiled):
        positions = [features.setdefault(name, len(features)) for name in one.features]
        names: dict[str, str] = {}
        for level, step in enumerate(one.decided.steps):
            if level == len(levels):
                levels.append({})
            for name, expr in step.made:
                moved = _moved(expr, names, positions)
                if (level, moved) not in known:
                    free = unused(name if name not in taken else f"{name}_of_{number}", taken)
                    taken.add(free)
                    known[level, moved] = free
                    levels[level][free] = moved
                names[name] = known[level, moved]
        quoted = one.dialect.quote
        outputs += [
            (quoted(f"{name}:{number}"), _moved(e, names, positions)) for name, e in one.decided.outputs
        ]
    return Together(compiled, program_of(levels, outputs), tuple(features))


def _moved(expr: Expr, names: Mapping[str, str], positions: Sequence[int]) -> Expr:
    """The expression, rewritten to the common columns and features."""

    def moved(part: Expr) -> Expr | None:
        if isinstance(part, Column):
            return Column(names[part.name])
        return Feature(positions[part.position], part.type) if isinstance(part, Feature) else None

    return rewritten(expr, moved)


def sql_head(compiled: CompiledSql) -> dict[str, Any]:
    """The SQL of a version as JSON can hold it."""
    return {
        "dialect": compiled.dialect.name,
        "columns": compiled.columns,
        "nodes": compiled.nodes,
        "single": compiled.single,
        "program": program_to_json(compiled.program),
    }


def sql_of(document: dict[str, Any], version: Version, signature: Signature) -> CompiledSql:
    """The SQL that `sql_head` wrote; ValueError as in `program_of_json`."""
    return CompiledSql(
        version=version,
        dialect=DIALECTS[document["dialect"]],
        signature=signature,
        program=program_of_json(document["program"]),
        columns=tuple(document["columns"]),
        nodes=document["nodes"],
        single=document["single"],
    )


def program_to_json(program: Program) -> dict[str, Any]:
    """A program as JSON can hold it."""
    return {
        "steps": [[_packed(step.made), step.carried] for step in program.steps],
        "outputs": _packed(program.outputs),
    }


def program_of_json(document: dict[str, Any]) -> Program:
    """The program that `program_to_json` wrote.

    Raises ValueError for names and operators that the compiler never writes: SQL is made of them as they are.
    """
    steps = tuple(Step(_unpacked(made), tuple(carried)) for made, carried in document["steps"])
    program = Program(steps, _unpacked(document["outputs"]))
    names = {name for step in steps for name in (*step.carried, *(name for name, _ in step.made))}
    if not all(map(FIRST["Column"], names)) or not all(QUOTED.fullmatch(name) for name, _ in program.outputs):
        raise ValueError("a column of its program has a name that is no name of a column")
    return program


def _packed(part: Any) -> Any:
    """A node as an object with its name and fields, a tuple as an array, and values as they are."""
    if isinstance(part, tuple):
        return [_packed(item) for item in part]
    if type(part).__name__ in NODES:
        return {type(part).__name__: [_packed(getattr(part, field.name)) for field in fields(part)]}
    return part


def _unpacked(part: Any) -> Any:
    if isinstance(part, list):
        return tuple(_unpacked(item) for item in part)
    if isinstance(part, dict):
        ((name, values),) = part.items()
        if name in FIRST and not FIRST[name](values[0]):
            raise ValueError(f"{name} of {values[0]!r} is nothing that the compiler writes")
        if name == "Literal" and values[1] not in LITERALS:
            raise ValueError(f"a constant of the type {values[1]!r} is nothing that the compiler writes")
        return NODES[name](*(_unpacked(value) for value in values))
    return part
