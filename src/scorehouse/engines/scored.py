"""Scoring inside DuckDB: the select that reads features, with the compiled SQL of the versions around it."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from scorehouse.compile import CompiledSql
from scorehouse.engines.source import FEATURE_HASH, KEPT, NEED, ROW_HASH, FeatureSource
from scorehouse.rescore import quote

PART = "scorehouse_part"
TYPES = {pa.bool_(): "boolean", pa.int64(): "bigint", pa.float64(): "double", pa.string(): "varchar"}


class ScoredSelect:
    """SQL of the scored rows: kept columns, the versions' columns, feature hash, part and row hash.

    `schema` is that of the versions' kernels, the same for all.
    """

    def __init__(self, source: FeatureSource, compiled: Sequence[CompiledSql], schema: pa.Schema) -> None:
        self.columns = source.columns
        self.compiled = compiled
        self.outputs = schema.names
        self.types = {field.name: TYPES[field.type] for field in schema}

    def __call__(self, features: str) -> str:
        """The scored rows of the select `features`, which `FeatureSource.select` wrote."""
        carried = [KEPT + name for name in self.columns.kept]
        for part in range(len(self.compiled)):
            carried += [f"{FEATURE_HASH}:{part}", f"{ROW_HASH}:{part}"]
        if len(self.compiled) == 1:
            inner = self.compiled[0].render(f"({features})", keep=carried)
            return f"select {self._kept()}, {self._of_part(0)} from ({inner})"
        return self._parts(features, carried)

    def _kept(self) -> str:
        return ", ".join(f"{quote(KEPT + name)} as {quote(name)}" for name in self.columns.kept)

    def _typed(self, name: str, new: str) -> str:
        """A column of a version, in the kernel's type: an integer of the SQL may be a smaller one."""
        return f"{quote(name)}::{self.types[name]} as {quote(new)}"

    def _of_part(self, part: int) -> str:
        outputs = ", ".join(self._typed(name, name) for name in self.outputs)
        hashes = f"{quote(f'{FEATURE_HASH}:{part}')} as {FEATURE_HASH}, {part}::integer as {PART}"
        return f"{outputs}, {hashes}, {quote(f'{ROW_HASH}:{part}')} as {ROW_HASH}"

    def _parts(self, features: str, carried: list[str]) -> str:
        """Each version's columns side by side, then a row a version: features are read once."""
        # a feature may be named like an output, so both get names of their own
        names = {name: f"in:{name}" for compiled in self.compiled for name in compiled.features}
        needed = [NEED] if f"todo.{NEED}" in features else []
        kept = [*(quote(name) for name in [*carried, *needed])]
        aliased = [f"{quote(name)} as {quote(new)}" for name, new in names.items()]
        inner = f"select {', '.join([*kept, *aliased])} from ({features})"
        keep = [*carried, *needed, *names.values()]
        for part, compiled in enumerate(self.compiled):
            rendered = compiled.render(f"({inner})", keep=keep, columns=names)
            mine = {name: f"{name}:{part}" for name in self.outputs}
            renamed = [self._typed(name, new) for name, new in mine.items()]
            inner = f"select {', '.join([*map(quote, keep), *renamed])} from ({rendered})"
            keep += mine.values()
        chosen = ", ".join(
            f"case {PART} "
            + " ".join(f"when {n} then {quote(f'{name}:{n}')}" for n in range(len(self.compiled)))
            + f" end as {quote(name)}"
            for name in [*self.outputs, FEATURE_HASH, ROW_HASH]
        )
        where = f" where ({NEED} >> {PART}) & 1 = 1" if needed else ""
        numbers = ", ".join(f"({n}::integer)" for n in range(len(self.compiled)))
        ordered = ", ".join(quote(name) for name in [*self.outputs, FEATURE_HASH])
        return (
            f"select {', '.join(quote(name) for name in self.columns.kept)}, {ordered}, {PART}, {ROW_HASH} "
            f"from (select {self._kept()}, {chosen}, {PART} "
            f"from ({inner}) cross join (values {numbers}) as parts({PART}){where})"
        )
