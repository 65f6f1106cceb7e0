"""The backends of a version besides its artifact: compiled, proven equal to the estimator, and registered.

A backend that is refused or not equal is left out, with the reason; it never stops a registration.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from scorehouse.kernel.scorer import Kernel
from scorehouse.program.choose import slow_in_sql
from scorehouse.program.matrix.make import compiled
from scorehouse.program.native.make import CompiledTrees, compile_trees, made_of_trees, reads_predictions
from scorehouse.program.prove import Edges, Trial, trial_of
from scorehouse.program.reasons.prove_reasons import scored_rows
from scorehouse.program.reasons.stored_reasons import Background
from scorehouse.program.reasons.trees import LinearReasons
from scorehouse.program.segments_made import is_segmented
from scorehouse.program.sql.compile import compile_sql
from scorehouse.program.sql.compiled import CompiledSql
from scorehouse.program.sql.function_files import write_functions
from scorehouse.program.sql.in_duckdb import fault_of_stages
from scorehouse.program.sql.macros import ReasonMacros, SqlSettings, drop_macros, pins_of, write_macros
from scorehouse.program.sql.reasons import MOST_ROWS
from scorehouse.program.stored_backend import ScoringBackend
from scorehouse.registration.fragile import fragile_labels
from scorehouse.registration.proven_backend import (
    WHY_NOT_COMPILED,
    InFunctions,
    ProvenBackend,
    RunningSql,
    certified,
    proven_arrays,
    tried,
    why_refused,
)
from scorehouse.registration.proven_reasons import proven_reasons, reasons_in_sql
from scorehouse.registry.artifact import beside
from scorehouse.registry.policy import LoadPolicy
from scorehouse.registry.signature import Signature
from scorehouse.registry.storage import locate, write
from scorehouse.registry.version import Version

BY_DEFAULT = SqlSettings()
GATE = "duckdb"  # is run, and proves the other dialects, which are printed from the same tree
TRAINING = "training"


@dataclass(frozen=True)
class Backends:
    """What the registry stores about a version's backends, and the compiled SQL to write.

    `facts` has a mapping for each proven backend, and under `refused` the reasons of the others. `files` are
    the bytes to store beside the artifact, by the name of the file.
    """

    facts: Mapping[str, Any]
    sql: tuple[CompiledSql, ...] = field(default=(), repr=False)
    files: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    reasons: ReasonMacros | None = field(default=None, repr=False)

    def write(self, project: Path, version: Version, policy: LoadPolicy, call: str) -> Path | None:
        """Write the files and macros, or remove the macros of a backend that no longer serves.

        Returns the file that macros were removed from.
        """
        for name, data in self.files.items():
            write(locate(project, beside(version, name), policy, call), data, call)
        write_functions(project, version, self.sql)
        if not self.sql:
            return drop_macros(project, version.name, version.version)
        write_macros(project, version.name, self.sql, self.reasons)
        return None


class BackendSearch(AbstractContextManager["BackendSearch"]):
    """Compiles and proves the estimator in `kernel`, on `rows` of features.

    Between `begin` and `backends`, the database runs the SQL in parallel with the caller. `rows_of` says in
    the registry what the rows are; `told` is called for each step. Reasons compare rows with the
    `background`. `scored` is what the kernel made of the rows, if it was asked.
    """

    def __init__(
        self,
        kernel: Kernel,
        rows: pa.RecordBatch,
        *,
        sql: SqlSettings = BY_DEFAULT,
        rows_of: str = TRAINING,
        told: Callable[[str], None] = lambda step: None,
        background: Background | None = None,
        scored: pa.RecordBatch | None = None,
    ) -> None:
        self.kernel = kernel
        self.scored = scored
        self.rows = rows
        self.settings = sql
        self.rows_of = rows_of
        self.told = told
        self.background = background
        self.has_trees = made_of_trees(kernel.estimator)
        self.arrays = "native" if self.has_trees else "matrix"  # the backend that runs trees or products
        self.refused: dict[str, str] = {}  # why there is no such backend
        self.alike: dict[tuple[bool, bool], CompiledSql] = {}
        self.functions = InFunctions(kernel, sql if self.has_trees else BY_DEFAULT)
        self.closing = ExitStack()

    def __exit__(self, *_: object) -> None:
        self.closing.close()

    def begin(self) -> None:
        """Compile the SQL that proves all dialects, and let the database run it."""
        _ = self._running

    def fastest(self) -> Kernel:
        """The kernel with native code or matrix products if these are proven equal, else the estimator's."""
        self.begin()
        scores = self._scores
        return self.kernel.holding(scores.part) if scores else self.kernel

    def backends(self) -> Backends:
        """All backends, each with its proof."""
        self.begin()
        without: dict[str, str] = {}  # databases that have no SQL, or none for reasons
        sql = self._printed(without) if self._running else []
        reasons = self._reasons()  # while the database is at work, as the pins
        macros = self._reasons_in_sql(reasons, sql, without)
        pins = pins_of(self.kernel.version.name, sql, macros) if sql else {}
        in_sql = self._sql(sql, pins)
        if in_sql is None:
            sql, macros = [], None
        else:
            self.refused |= without
        found = {self.arrays: self._scores, "sql": in_sql, "reasons": reasons}
        if in_sql is not None and not slow_in_sql(in_sql.fact, self.kernel):
            self.refused.pop("matrix", None)  # whose lack matters to none if SQL is fast
        self.told("compare the program with the estimator")
        proven = {backend: one for backend, one in found.items() if one is not None}
        wrong: dict[str, str] = {}
        facts, files = certified(self.kernel, proven, lambda: self.trial.proof, wrong)
        self.refused |= wrong
        if facts:
            serving = self.kernel if wrong else self.fastest()
            facts |= fragile_labels(serving, self.trial.training, self.told)
        if self.refused:
            facts["refused"] = self.refused
        if "sql" in wrong:
            sql, macros = [], None
        if "reasons" in wrong and macros is not None:  # which are printed beside the SQL
            macros = None
            facts["sql"] = {**facts["sql"], "macro": pins_of(self.kernel.version.name, sql, None)}
        return Backends(facts, tuple(sql), files, macros)

    def _sql(self, sql: list[CompiledSql], pins: Mapping[str, Any]) -> ProvenBackend | None:
        """The SQL of all dialects, proven where it runs."""
        if self._running is None:
            return None
        self.told("prove SQL")
        parity = self._running.parity(self.refused)
        if parity is None:
            return None
        gate = self._running.compiled
        fact: dict[str, Any] = {
            "sha256": gate.sha256,
            "rows": parity.rows,
            "rows_of": self.rows_of,
            "largest_difference": parity.max_difference,
            "nodes": gate.nodes,
            "operations": gate.operations,
            "dialects": [backend.dialect.name for backend in sql],
            "macro": pins,
        }
        for what in ("stages", "functions"):
            if counts := {one.dialect.name: len(parts) for one in sql if (parts := getattr(one, what))}:
                fact[what] = counts
        return ProvenBackend(fact, None if gate.functions else gate)

    def _reasons(self) -> ProvenBackend | None:
        """What features contribute to a score; None where that is not known, and without a backend."""
        self.told("prove reasons")
        if reads_predictions(self.kernel.estimator):
            problem = "its estimators read what those before them predict, which has no exact contributions"
        elif is_segmented(self.kernel.estimator):
            problem = "it has an estimator for each segment, and reasons are known for one estimator only"
        elif self._scores is not None:
            given = (self.trial, self._scores.part, self.rows_of, self.background)
            why = partial(why_refused, what="reasons")
            return tried(partial(proven_reasons, *given), "reasons", self.refused, why)
        elif self.has_trees:
            problem = f"its trees have no native backend: {self.refused['native']}"
        else:
            return None
        self.refused["reasons"] = problem
        return None

    def _reasons_in_sql(
        self, reasons: ProvenBackend | None, sql: list[CompiledSql], without: dict[str, str]
    ) -> ReasonMacros | None:
        """The SQL of reasons for databases without Python, of linear models only."""
        if self.has_trees or not sql or reasons is None or self._running is None:
            return None
        backend = reasons.part
        assert isinstance(backend, LinearReasons)
        scored = scored_rows(self.trial.tried, self.trial.expected, MOST_ROWS)
        self.told("prove reasons in SQL")
        macros, refused = reasons_in_sql(self.kernel, backend, self._running.compiled, sql, scored)
        without |= refused
        return macros

    @cached_property
    def trial(self) -> Trial:
        """The rows that all backends are tried on."""
        edges: list[Edges] = [self._gate.probes] if self._gate else []
        if self._trees:
            edges.append(self._trees.edges)
        return trial_of(self.kernel, self.rows, *edges, scored=self.scored)

    @cached_property
    def _trees(self) -> CompiledTrees | None:
        """Native code before its proof; None if there are no trees, or if they are refused."""
        if not self.has_trees:
            return None
        made = partial(compile_trees, *self._about, self.kernel.call)
        return tried(made, "native", self.refused, partial(why_refused, what="native code"))

    @cached_property
    def _scores(self) -> ProvenBackend | None:
        """Native code for trees, matrix products for others, once it is proven."""
        what = "native code" if self.has_trees else "matrix products"
        self.told(f"prove {what}")
        ways: Iterable[ScoringBackend] = compiled(*self._about, self.kernel.call)
        last = None
        if self.has_trees:
            if self._trees is None:
                return None
            ways, last = [self._trees.backend], self._trees.last
        prove = partial(proven_arrays, ways, self.kernel, lambda: self.trial, self.rows_of, last)
        return tried(prove, self.arrays, self.refused, partial(why_refused, what=what))

    @cached_property
    def _gate(self) -> CompiledSql | None:
        """The SQL that is run; it may be longer than the statements that a project wants."""
        self.told("compile to SQL")
        made = partial(self._compiled, GATE, None)
        return tried(made, "sql", self.refused, WHY_NOT_COMPILED) or self.functions.gate(self.refused)

    @cached_property
    def _running(self) -> RunningSql | None:
        """The SQL at work in the database."""
        if self._gate is None:
            return None
        running = RunningSql.begun(self._gate, lambda: self.trial, self.refused)
        if running is not None:
            self.closing.callback(running.end)
        return running

    def _compiled(self, dialect: str, most: int | None) -> CompiledSql:
        return compile_sql(*self._about, dialect, alike=self.alike, statement_bytes=most)

    @property
    def _about(self) -> tuple[Any, Version, Signature]:
        return self.kernel.estimator, self.kernel.version, self.kernel.signature

    def _printed(self, without: dict[str, str]) -> list[CompiledSql]:
        """The SQL of each dialect that the project wants printed."""
        found = []
        for dialect in self.settings.dialects:
            name, asked = f"sql for {dialect}", (dialect, self.settings.statement_bytes)
            made = self._gate if asked == (GATE, None) else None
            if made is None or made.functions:  # which DuckDB calls for the proof alone
                made = tried(partial(self._compiled, *asked), name, without, WHY_NOT_COMPILED)
            if self.functions.serve(dialect) and (made is None or made.stages):
                made = self.functions.printed(dialect, self._gate, lambda: self.trial, without)
            if made and made.stages:  # which have to equal one statement on some of the rows that prove that
                self.told(f"prove stages for {dialect}")
                if fault := fault_of_stages(made, self.trial.tried.rows):
                    without[name], made = fault, None
            found += [made] if made else []
        return found


def find_backends(
    kernel: Kernel,
    rows: pa.RecordBatch,
    *,
    sql: SqlSettings = BY_DEFAULT,
    rows_of: str = TRAINING,
    background: Background | None = None,
) -> Backends:
    """The backends of the estimator in `kernel`, proven on `rows` of features."""
    with BackendSearch(kernel, rows, sql=sql, rows_of=rows_of, background=background) as search:
        return search.backends()
