"""Programs of expressions, and the SQL that a run writes of one, as JSON in the file of a version."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import fields
from typing import Any, get_args

from scorehouse.program.sql.builder import Program, Step
from scorehouse.program.sql.compiled import CompiledSql
from scorehouse.program.sql.dialects import DIALECTS
from scorehouse.program.sql.expression import Expr
from scorehouse.registry.signature import Signature
from scorehouse.registry.version import Version

NODES: dict[str, Any] = {kind.__name__: kind for kind in get_args(Expr)}
FUNCTIONS = frozenset(("abs", "coalesce", "concat", "exp", "exp_down", "floor", "greatest", "is_nan"))
FUNCTIONS |= {"join", "least", "ln", "mod", "not", "sigmoid", "sqrt"}
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
