"""Scoring inside DuckDB: the compiled SQL of the versions around the select that reads features."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from scorehouse.dialect import DUCKDB
from scorehouse.engines.columns import FEATURE_HASH, KEPT, NEED, PART, ROW_HASH, SQL_TYPES, scored_columns
from scorehouse.engines.duckdb.source import DuckDBSource
from scorehouse.engines.duckdb.sql import quote
from scorehouse.program.sql.compiled import CompiledSql
from scorehouse.program.sql.together import together


class ScoredSelect:
    """SQL of the scored rows: kept columns, the versions' columns, feature hash, row hash and part.

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
        self.compiled = compiled
        self.suffixes = suffixes or [""][: len(compiled) == 1]
        self.schema = schema

    def __call__(self, features: str) -> str:
        """The scored rows of the select `features`, which `DuckDBSource.select` wrote."""
        source = self.source
        need = [] if source.chosen is None else [NEED]
        carried = [*(KEPT + name for name in source.columns.kept), *source.hash_columns, *need]
        inner = together(self.compiled).render(f"({features})", carried)
        hashes = (FEATURE_HASH, ROW_HASH)
        columns = scored_columns(source.columns, self.schema, self.suffixes, PART, DUCKDB, hashes)
        select = f"select {', '.join(columns)} from ({inner})"
        if self.suffixes:
            return select
        # one row per version, made from one row with all versions' columns: features are read once
        numbers = ", ".join(f"({number})" for number in range(len(self.compiled)))
        where = f" where ({NEED} >> {PART}) & 1 = 1" if need else ""
        return f"{select} cross join (values {numbers}) as parts({PART}){where}"

    def alike(self) -> str:
        """A relation with the columns of the scored rows and one row of NULL: it is bound at once."""
        types = {name: self.source.types[name] for name in self.source.columns.kept}
        for suffix in self.suffixes or [""]:
            for field in self.schema:
                types[field.name + suffix] = SQL_TYPES.get(field.type, DUCKDB.text)
        types |= {FEATURE_HASH: "ubigint", PART: "integer"}
        return f"(select {', '.join(f'null::{kind} as {quote(name)}' for name, kind in types.items())})"
