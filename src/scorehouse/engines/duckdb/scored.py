"""Scoring inside DuckDB: the compiled SQL of the versions around the select that reads features."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from scorehouse.engines.columns import FEATURE_HASH, KEPT, NEED, PART, ROW_HASH, of_part
from scorehouse.engines.duckdb.source import DuckDBSource
from scorehouse.engines.duckdb.sql import quote
from scorehouse.forms.sql.compiled import CompiledSql
from scorehouse.forms.sql.together import together

TYPES = {pa.bool_(): "boolean", pa.int64(): "bigint", pa.float64(): "double", pa.string(): "varchar"}


class ScoredSelect:
    """SQL of the scored rows: kept columns, the versions' columns, feature hash, part and row hash.

    `schema` is the schema of the kernels, the same for all versions. `suffixes` are the suffixes of the
    versions' columns if they share a row; without them, each version has a row of its own.
    """

    def __init__(
        self,
        source: DuckDBSource,
        compiled: Sequence[CompiledSql],
        schema: pa.Schema,
        suffixes: Sequence[str] = (),
    ) -> None:
        self.source = source
        self.columns = source.columns
        self.compiled = compiled
        self.suffixes = suffixes or [""][: len(compiled) == 1]
        self.outputs = schema.names
        self.types = {field.name: TYPES[field.type] for field in schema}

    def __call__(self, features: str) -> str:
        """The scored rows of the select `features`, which `DuckDBSource.select` wrote."""
        carried = [*(KEPT + name for name in self.columns.kept), *self.source.hash_columns]
        has_need = self.source.chosen is not None
        inner = together(self.compiled).render(f"({features})", [*carried, *([NEED] if has_need else [])])
        if self.suffixes:
            return f"select {self._kept()}, {self._side_by_side()} from ({inner})"
        return self._rows(inner, has_need)

    def alike(self) -> str:
        """A relation with the columns of the scored rows and one row of NULL: it is bound at once."""
        types = {name: self.source.types[name] for name in self.columns.kept}
        types |= {
            name + suffix: self.types[name] for suffix in self.suffixes or [""] for name in self.outputs
        }
        types |= {FEATURE_HASH: "ubigint", PART: "integer"}
        return f"(select {', '.join(f'null::{kind} as {quote(name)}' for name, kind in types.items())})"

    def _kept(self) -> str:
        return ", ".join(f"{quote(KEPT + name)} as {quote(name)}" for name in self.columns.kept)

    def _typed(self, name: str, part: int) -> str:
        """A column of a version, in the kernel's type: an integer in the SQL may have a smaller type."""
        return f"{quote(f'{name}:{part}')}::{self.types[name]}"

    def _side_by_side(self) -> str:
        outputs = [
            f"{self._typed(name, part)} as {quote(name + suffix)}"
            for part, suffix in enumerate(self.suffixes)
            for name in self.outputs
        ]
        hashes = f"{quote(f'{FEATURE_HASH}:0')} as {FEATURE_HASH}, 0::integer as {PART}"
        return f"{', '.join(outputs)}, {hashes}, {quote(f'{ROW_HASH}:0')} as {ROW_HASH}"

    def _rows(self, inner: str, has_need: bool) -> str:
        """One row per version, made from one row with all versions' columns: features are read once."""
        parts = range(len(self.compiled))
        chosen = [
            f"{of_part([self._typed(name, n) for n in parts])} as {quote(name)}" for name in self.outputs
        ]
        for name in (FEATURE_HASH, ROW_HASH):
            held = [quote(f"{name}:{self.columns.hash_part(n)}") for n in parts]
            chosen.append(f"{of_part(held)} as {quote(name)}")
        where = f" where ({NEED} >> {PART}) & 1 = 1" if has_need else ""
        numbers = ", ".join(f"({n}::integer)" for n in parts)
        return (
            f"select {self._kept()}, {', '.join(chosen)}, {PART} "
            f"from ({inner}) cross join (values {numbers}) as parts({PART}){where}"
        )
