"""Several versions in one select: what they share, such as the checks of features, is computed once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from scorehouse.program.sql.builder import Program, program_of, unused
from scorehouse.program.sql.compiled import CompiledSql
from scorehouse.program.sql.expression import Column, Expr, Feature, rewritten
from scorehouse.program.sql.printer import Printer


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
