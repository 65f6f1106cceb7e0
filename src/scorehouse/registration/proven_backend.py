"""Backends that registration proves equal to the estimator, of arrays or SQL, and what it stores of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, TypeVar

from scorehouse.certificate import certify
from scorehouse.errors import CompileError, ScorehouseError
from scorehouse.kernel.scorer import Kernel
from scorehouse.program.native.make import prove_numbers
from scorehouse.program.native.stored import StoredTrees
from scorehouse.program.proof import TOLERANCE, TOLERANCE_NATIVE, Parity, compare
from scorehouse.program.prove import Trial, prove, unequal
from scorehouse.program.sql import in_duckdb
from scorehouse.program.sql.compile import compile_sql
from scorehouse.program.sql.compiled import CompiledSql
from scorehouse.program.sql.dialects import DUCKDB
from scorehouse.program.sql.functions import WITH_FUNCTIONS
from scorehouse.program.sql.in_duckdb import duckdb_rows, scratch, tolerance_of
from scorehouse.program.sql.macros import SqlSettings
from scorehouse.program.store import scores_of, to_bytes
from scorehouse.program.stored_backend import ScoringBackend
from scorehouse.registry.artifact import PROGRAM_FILE, PROOF_FILE, REASONS_PROOF_FILE
from scorehouse.registry.label_rule import proven_for
from scorehouse.registry.storage import sha256
from scorehouse.registry.version import CERTIFICATE, PROGRAM_SHA256, PROOF_SHA256, PROVEN_FOR

# how differences begin that are in one backend alone
OWN = {"sql": ("sql: ", "checks of sql: "), "reasons": ("reasons: ",)}
T = TypeVar("T")


@dataclass(frozen=True)
class ProvenBackend:
    """The facts of a backend, and what of it the program of the version holds; None: it opens the estimator.

    `proof` are rows of its own that prove it.
    """

    fact: Mapping[str, Any]
    part: Any = None
    proof: bytes = b""


def tried(
    make: Callable[[], T], backend: str, refused: dict[str, str], why: Callable[[Exception], str]
) -> T | None:
    """What `make` returns; where it fails, None, and `refused` says why there is no such backend."""
    try:
        return make()
    except Exception as error:  # estimators, compilers and databases raise what they like
        refused[backend] = why(error)
        return None


def why_refused(error: Exception, what: str) -> str:
    """Why a backend cannot be made: the compiler refuses it, or `what` failed.

    Anything may fail where another release of a library has moved attributes, or lacks a type.
    """
    if isinstance(error, CompileError):
        return f"{error.problem}; expected: {error.expected}"
    return f"{what} failed ({type(error).__name__}: {error})"


WHY_NOT_COMPILED = partial(why_refused, what="the compiler")


def proven_arrays(
    ways: Iterable[ScoringBackend],
    kernel: Kernel,
    trial: Callable[[], Trial],
    rows_of: str,
    last: Any = None,
) -> ProvenBackend:
    """Prove the first of several `ways` to store a backend that is equal to the estimator.

    `last` is the estimator whose trees native code runs, if it takes the numbers that they read. `trial` is
    called only for an estimator that has a way. Raises the error of the first way if none is equal.
    """
    stored, parity = _first_equal(ways, kernel, trial)
    rows, largest = parity.rows, parity.max_difference
    if last is not None:
        assert isinstance(stored, StoredTrees)
        more, worst = prove_numbers(stored, last, trial())
        rows, largest = rows + more, max(largest, worst)
    return ProvenBackend({"rows": rows, "rows_of": rows_of, "largest_difference": largest}, stored)


def _first_equal(
    ways: Iterable[ScoringBackend], kernel: Kernel, trial: Callable[[], Trial]
) -> tuple[ScoringBackend, Parity]:
    """The first way that, read back, is equal to the estimator; and how equal."""
    first: CompileError | None = None
    for way in ways:
        stored = scores_of(to_bytes(way), kernel.version)
        try:
            tolerance = TOLERANCE_NATIVE if isinstance(stored, StoredTrees) else TOLERANCE
            return stored, prove(stored, trial(), tolerance)
        except CompileError as error:
            first = first or error
    assert first is not None
    raise first


class RunningSql:
    """SQL that a database computes for the rows of a trial, in parallel with the caller.

    SQL for another database than DuckDB is proven by that for DuckDB, which is printed from the same tree.
    """

    def __init__(self, compiled: CompiledSql, trial: Trial) -> None:
        self.compiled = compiled
        self.trial = trial
        self.connection = scratch()
        self.pool = ThreadPoolExecutor(1, thread_name_prefix="scorehouse_parity")
        self.found = self.pool.submit(in_duckdb.duckdb_rows, compiled, trial.tried.rows, self.connection)

    def end(self) -> None:
        """Stop the database, whether it is running or not."""
        if not self.found.done():
            self.connection.interrupt()
        self.pool.shutdown()
        self.connection.close()

    @classmethod
    def begun(
        cls, compiled: CompiledSql, trial: Callable[[], Trial], refused: dict[str, str]
    ) -> RunningSql | None:
        """SQL at work; None where it cannot be, and `refused` says why."""
        return tried(lambda: cls(compiled, trial()), "sql", refused, _why_not_compared)

    def parity(self, refused: dict[str, str]) -> Parity | None:
        """Score the rows with the estimator, wait for the database, and compare; None if they differ."""
        found = tried(self._compared, "sql", refused, _why_not_compared)
        if found is None or found.proven:
            return found
        refused["sql"] = (
            f"it is not equal to the estimator on {found.rows:,} rows: {found.label_flips:,} other labels, "
            f"{found.status_flips:,} other statuses, largest difference {found.max_difference:.3g}"
        )
        return None

    def _compared(self) -> Parity:
        tolerance = in_duckdb.tolerance_of(self.compiled)
        return compare(self.trial.expected, self.found.result(), tolerance=tolerance)


def _why_not_compared(error: Exception) -> str:
    """Why SQL could not be compared with the estimator; the database has errors of its own."""
    if isinstance(error, ScorehouseError):
        return f"it could not be compared with the estimator: {error.problem}"
    return f"the SQL failed ({type(error).__name__}: {error})"


def certified(
    kernel: Kernel, proven: Mapping[str, ProvenBackend], proof: Callable[[], bytes], wrong: dict[str, str]
) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Facts and files of the program of these backends, without those that differ from the estimator.

    `wrong` gets their names, and what the reader finds in the arrays that score and explain, or in the SQL.
    """
    while proven:
        facts, files = _stored(kernel, proven, proof())
        version = replace(kernel.version, program=facts)
        found = certify(kernel.estimator, files[PROGRAM_FILE], version, kernel.signature)
        if not found.differences:
            return facts | {CERTIFICATE: found.facts()}, files
        different = {name: texts for name in proven if (texts := _of_backend(name, found.differences))}
        if not different:
            raise AssertionError(f"no backend has {found.differences}")
        wrong |= {name: f"it is not the estimator: {texts[0]}" for name, texts in different.items()}
        proven = {name: one for name, one in proven.items() if name not in wrong}
    return {}, {}


def _of_backend(name: str, differences: Sequence[str]) -> list[str]:
    """The differences that are in what a backend runs; SQL does not run what the others share."""
    shared = [text for text in differences if not text.startswith(sum(OWN.values(), ()))]
    own = [text for text in differences if text.startswith(OWN.get(name, ("none",)))]
    return own if name == "sql" else shared + own


def _stored(
    kernel: Kernel, proven: Mapping[str, ProvenBackend], proof: bytes
) -> tuple[dict[str, Any], dict[str, bytes]]:
    parts = {backend: one.part for backend, one in proven.items()}
    scores = parts.get("native", parts.get("matrix"))
    files = {PROOF_FILE: proof, PROGRAM_FILE: to_bytes(scores, parts.get("sql"), parts.get("reasons"))}
    if "reasons" in proven:
        files[REASONS_PROOF_FILE] = proven["reasons"].proof
    facts: dict[str, Any] = {backend: one.fact for backend, one in proven.items()}
    facts[PROVEN_FOR] = proven_for(kernel.version)
    facts[PROOF_SHA256] = sha256(files[PROOF_FILE])
    facts[PROGRAM_SHA256] = sha256(files[PROGRAM_FILE])
    return facts, files


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
