"""Compiled SQL whose trees are Python functions of the warehouse, proven where DuckDB calls them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from scorehouse.kernel.scorer import Kernel
from scorehouse.program.proof import compare
from scorehouse.program.prove import Trial, unequal
from scorehouse.program.sql.compile import compile_sql
from scorehouse.program.sql.compiled import CompiledSql
from scorehouse.program.sql.dialects import DUCKDB
from scorehouse.program.sql.functions import WITH_FUNCTIONS
from scorehouse.program.sql.in_duckdb import duckdb_rows, tolerance_of
from scorehouse.program.sql.macros import SqlSettings
from scorehouse.registration.proven_backend import WHY_NOT_COMPILED, tried


@dataclass
class InFunctions:
    """The SQL of the estimator in `kernel`, for databases of `settings` that have functions."""

    kernel: Kernel
    settings: SqlSettings
    alike: dict[Any, CompiledSql] = field(default_factory=dict)

    def gate(self, refused: dict[str, str]) -> CompiledSql | None:
        """The SQL that DuckDB runs as their proof, where it has no other; None if no database asks for it."""
        if not any(map(self.serve, self.settings.dialects)):
            return None
        why = refused.pop("sql")
        made = tried(partial(self.compiled, DUCKDB.name), "sql", refused, WHY_NOT_COMPILED)
        if made is None:
            refused["sql"] = f"{why}; in functions: {refused['sql']}"
        return made

    def serve(self, dialect: str) -> bool:
        """Whether a database has them, and the project wants them."""
        return self.settings.functions and dialect in WITH_FUNCTIONS

    def compiled(self, dialect: str) -> CompiledSql:
        """The SQL of a dialect, not proven."""
        kernel = self.kernel
        about = (kernel.estimator, kernel.version, kernel.signature, dialect)
        return compile_sql(*about, alike=self.alike, in_functions=True)

    def printed(
        self, dialect: str, gate: CompiledSql | None, trial: Callable[[], Trial], refused: dict[str, str]
    ) -> CompiledSql | None:
        """The SQL of a dialect, once its functions are proven; None where `refused` says why not."""
        name = f"sql for {dialect}"
        refused.pop(name, None)
        return tried(partial(self._proven, dialect, gate, trial), name, refused, WHY_NOT_COMPILED)

    def _proven(self, dialect: str, gate: CompiledSql | None, trial: Callable[[], Trial]) -> CompiledSql:
        made, called = self.compiled(dialect), self.compiled(DUCKDB.name)
        if called.functions != made.functions:
            raise unequal(
                self.kernel.call, f"its functions for {dialect} are not those that DuckDB calls", 0.0
            )
        if gate is not None and gate.functions:  # whose proof is theirs
            return made
        tolerance = tolerance_of(called)
        found = compare(trial().expected, duckdb_rows(called, trial().tried.rows), tolerance=tolerance)
        if not found.proven:
            raise unequal(self.kernel.call, found.problem, tolerance)
        return made
