"""The backends of a version besides its artifact: compiled, proven equal to the estimator, and registered.

A backend that is refused or not equal is left out, with the reason; it never stops a registration.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import pyarrow as pa

from scorehouse.kernel.scorer import REJECT_REASON, Kernel
from scorehouse.program.choose import slow_in_sql
from scorehouse.program.native.make import made_of_trees, reads_predictions
from scorehouse.program.prove import Edges, Trial, trial_of
from scorehouse.program.reasons.background import Background
from scorehouse.program.reasons.linear import LinearReasons
from scorehouse.program.segments_made import is_segmented
from scorehouse.program.sql.compiled import CompiledSql
from scorehouse.program.sql.in_duckdb import fault_of_stages
from scorehouse.program.sql.macros import ReasonMacros, drop_macros, pins_of, write_macros
from scorehouse.program.sql.settings import SqlSettings
from scorehouse.registration.certified import certified
from scorehouse.registration.fragile import fragile_labels
from scorehouse.registration.proven_arrays import Candidate, Served, candidate, proven
from scorehouse.registration.proven_backend import ProvenBackend
from scorehouse.registration.proven_reasons import linear_proven, reasons_of_trees
from scorehouse.registration.proven_reasons_sql import reasons_in_sql
from scorehouse.registration.proven_sql import RunningSql, begun, compiled_for, proof_facts
from scorehouse.registry.artifact import beside
from scorehouse.registry.policy import LoadPolicy
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

        Returns the path of the macros, if there are any.
        """
        for name, data in self.files.items():
            write(locate(project, beside(version, name), policy, call), data, call)
        if self.sql:
            return write_macros(project, version.name, self.sql, self.reasons)
        return drop_macros(project, version.name, version.version)


class BackendSearch:
    """Compiles and proves the estimator in `kernel`, on `rows` of features.

    Between `begin` and `backends`, the database runs the SQL in parallel with the caller. `rows_of` says in
    the registry what the rows are; `told` is called for each step. Reasons compare rows with the
    `background`.
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
    ) -> None:
        self.kernel = kernel
        self.rows = rows
        self.settings = sql
        self.rows_of = rows_of
        self.told = told
        self.background = background
        self.made: dict[tuple[str, int | None], CompiledSql | str] = {}
        self.alike: dict[tuple[bool, bool], CompiledSql] = {}
        self.running: RunningSql | str | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if isinstance(self.running, RunningSql):
            self.running.end()

    def begin(self) -> None:
        """Compile the SQL that proves all dialects, and let the database run it."""
        self.told("compile to SQL")
        gate = self._made(GATE, None)  # which may be longer than the statements that a project wants
        self.running = gate if isinstance(gate, str) else begun(gate, lambda: self.trial)

    def fastest(self) -> Kernel:
        """The kernel with native code or matrix products if these are proven equal, else the estimator's."""
        if self.running is None:
            self.begin()
        return self._native.kernel if self._native else self._products.kernel

    def backends(self) -> Backends:
        """All backends, each with its proof."""
        if self.running is None:
            self.begin()
        gate = self._made(GATE, None)
        sql, refused = self._compiled() if isinstance(gate, CompiledSql) else ([], {"sql": gate})
        reasons = self._reasons()  # while the database is at work, as the pins
        macros, without = self._reasons_in_sql(reasons, sql)
        pins = pins_of(self.kernel.version.name, sql, macros) if sql else {}
        found: dict[str, ProvenBackend | str] = {}
        if self._native:
            found["native"] = self._native.found
        if isinstance(gate, CompiledSql):
            self.told("prove SQL")
            made = self._sql(sql, pins)
            if isinstance(made, str):
                sql, refused, without = [], {"sql": made}, {}
            else:
                found["sql"] = made
        if self._native is None:
            found |= self._matrix(found.get("sql"))
        if reasons:
            found["reasons"] = reasons
        refused |= without
        refused |= {backend: one for backend, one in found.items() if isinstance(one, str)}
        proven = {backend: one for backend, one in found.items() if isinstance(one, ProvenBackend)}
        self.told("compare the program with the estimator")
        stored = certified(self.kernel, proven, lambda: self.trial.proof)
        refused |= stored.refused
        facts = dict(stored.facts)
        if facts:
            serving = self.kernel if stored.refused else self.fastest()
            facts |= fragile_labels(serving, self.trial.training, self.told)
        if refused:
            facts["refused"] = refused
        if "sql" in stored.refused:
            sql, macros = [], None
        if "reasons" in stored.refused and macros is not None:  # which are printed beside the SQL
            macros = None
            facts["sql"] = {**facts["sql"], "macro": pins_of(self.kernel.version.name, sql, None)}
        return Backends(facts, tuple(sql), stored.files, macros)

    def _sql(self, sql: list[CompiledSql], pins: Mapping[str, Any]) -> ProvenBackend | str:
        """The SQL of all dialects, proven where it runs; or why it may not serve."""
        fact = proof_facts(self.running, self.rows_of)
        if isinstance(fact, str):
            return fact
        assert isinstance(self.running, RunningSql)
        gate = self.running.compiled
        fact |= {
            "nodes": gate.nodes,
            "operations": gate.operations,
            "dialects": [backend.dialect.name for backend in sql],
            "macro": pins,
        }
        if stages := {backend.dialect.name: len(backend.stages) for backend in sql if backend.stages}:
            fact["stages"] = stages
        return ProvenBackend(fact, gate)

    def _matrix(self, sql: ProvenBackend | str | None) -> dict[str, ProvenBackend | str]:
        """The matrix backend: for engines and checks that have no SQL, and where SQL is slower.

        A reason for having none is given only if no fast SQL serves instead.
        """
        made = self._products.found
        has_fast_sql = isinstance(sql, ProvenBackend) and not slow_in_sql(sql.fact, self.kernel)
        return {} if isinstance(made, str) and has_fast_sql else {"matrix": made}

    def _reasons(self) -> ProvenBackend | str | None:
        """What features contribute to a score, or why that is not known; None without trees or products."""
        if reads_predictions(self.kernel.estimator):
            return "its estimators read what those before them predict, which has no exact contributions"
        self.told("prove reasons")
        if is_segmented(self.kernel.estimator):
            return "it has an estimator for each segment, and reasons are known for one estimator only"
        if self._native:
            return reasons_of_trees(self._native, lambda: self.trial, self.rows_of, self.background)
        products = self._products.found
        if isinstance(products, str):
            return None
        return linear_proven(self.trial, products.part, self.rows_of, self.background)

    def _reasons_in_sql(
        self, reasons: ProvenBackend | str | None, sql: list[CompiledSql]
    ) -> tuple[ReasonMacros | None, dict[str, str]]:
        """The SQL of reasons for databases without Python, and why some have none; of linear models only."""
        running = self.running
        if (
            self._native
            or not sql
            or not isinstance(reasons, ProvenBackend)
            or isinstance(running, str | None)
        ):
            return None, {}
        backend = reasons.part
        assert isinstance(backend, LinearReasons)
        scored = self.trial.tried.rows.filter(self.trial.expected.column(REJECT_REASON).is_null())
        self.told("prove reasons in SQL")
        return reasons_in_sql(self.kernel, backend, running.compiled, sql, scored)

    @cached_property
    def trial(self) -> Trial:
        """The rows that all backends are tried on."""
        gate = self._made(GATE, None)
        edges: list[Edges] = [] if isinstance(gate, str) else [gate.probes]
        if isinstance(self._trees, Candidate):
            edges.append(self._trees.edges)
        return trial_of(self.kernel, self.rows, *edges)

    @cached_property
    def _trees(self) -> Candidate | str | None:
        """Native code before its proof, or why there is none; None if there are no trees."""
        return candidate("native", self.kernel) if made_of_trees(self.kernel.estimator) else None

    @cached_property
    def _native(self) -> Served | None:
        """Native code, and what was proven of it; None if there are no trees."""
        if self._trees is None:
            return None
        self.told("prove native code")
        return proven("native", self._trees, self.kernel, lambda: self.trial, self.rows_of)

    @cached_property
    def _products(self) -> Served:
        """Matrix products, and what was proven of them."""
        self.told("prove matrix products")
        made = candidate("matrix", self.kernel)
        return proven("matrix", made, self.kernel, lambda: self.trial, self.rows_of)

    def _made(self, dialect: str, statement_bytes: int | None) -> CompiledSql | str:
        """The SQL in one dialect, or the reason why there is none."""
        key = (dialect, statement_bytes)
        if key not in self.made:
            self.made[key] = compiled_for(self.kernel, dialect, self.alike, statement_bytes)
        return self.made[key]

    def _compiled(self) -> tuple[list[CompiledSql], dict[str, str]]:
        """The SQL of each dialect that the project wants printed, and why others have none."""
        found: list[CompiledSql] = []
        reasons: dict[str, str] = {}
        for dialect in self.settings.dialects:
            made = self._in_stages(self._made(dialect, self.settings.statement_bytes))
            if isinstance(made, str):
                reasons[f"sql for {dialect}"] = made
            else:
                found.append(made)
        return found, reasons

    def _in_stages(self, made: CompiledSql | str) -> CompiledSql | str:
        """The same, once its stages equal one statement on some of the rows that prove that statement."""
        if isinstance(made, str) or not made.stages or not isinstance(self.running, RunningSql):
            return made
        self.told(f"prove stages for {made.dialect.name}")
        return fault_of_stages(made, self.trial.tried.rows) or made


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
