"""What computes the scores of a version: its estimator, or a faster backend that was proven equal to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias, TypeVar

import pyarrow as pa

from scorehouse.errors import ArtifactError, CompileError, ConfigurationError, ScorehouseError
from scorehouse.kernel.scorer import Kernel
from scorehouse.program.proof import TOLERANCE, differs_here, kernel_rows, tolerance_of_backend
from scorehouse.program.sql.compiled import CompiledSql
from scorehouse.program.store import reading, scores_of, sql_in
from scorehouse.project.log import logger
from scorehouse.registry import artifact
from scorehouse.registry.policy import LoadPolicy
from scorehouse.registry.program_facts import not_certified, sql_is_stored
from scorehouse.registry.version import PROGRAM_SHA256, PROOF_SHA256

# A linear model takes 10 operations per feature. At 58 (k-means with 8 clusters), a database is as fast as
# the estimator, whose matrix product does all of them at once.
OPERATIONS_A_FEATURE = 24
# A database plans a long statement for longer (a linear model of 100 columns for 0.2 s); matrix products
# take longer per row. Below about 400,000 rows they are faster (benchmarks/linear_backends.py).
WIDE_OPERATIONS = 500
MATRIX_BELOW_ROWS = 400_000
T = TypeVar("T")
SqlRows: TypeAlias = Callable[[CompiledSql, pa.Table], pa.Table]
TREES = "a database computes trees more slowly than native code"


@dataclass(frozen=True)
class Backend:
    """What scores, and why.

    `kernel` scores batches: it holds the estimator, or its native code or its matrices. With `compiled` the
    database scores by itself, and the kernel is the estimator's. `data` are the bytes of the program whose
    backend the kernel holds.
    """

    name: str
    reason: str
    kernel: Kernel
    compiled: CompiledSql | None = None
    data: bytes | None = None


@dataclass(frozen=True)
class ProgramFiles:
    """Where the programs of a project lie, and what may be read."""

    root: Path
    policy: LoadPolicy

    def read(self, kernel: Kernel, file: str = artifact.PROGRAM_FILE) -> bytes:
        """The verified bytes of the program of a version, or of rows that prove it."""
        return artifact.read_program(self.root, kernel.version, file, self.policy, kernel.call)


def choose_backend(
    kernel: Kernel,
    asked: str,
    rows: int,
    files: ProgramFiles,
    served: tuple[str, ...] = ("sql", "native", "matrix"),
    sql_rows: SqlRows | None = None,
    *,
    plans_long: bool = True,
) -> Backend:
    """Choose for a run of `rows` rows; `asked` is one of `options.BACKENDS`, `served` what an engine can run.

    `sql_rows` is how its database computes SQL for rows; None: a DuckDB of its own does. `plans_long` says
    whether the database plans a long statement for longer than matrix products of few rows take.

    `auto` takes a backend only where registration proved it: SQL for models without trees where it is fast
    (matrix products where there are few rows for a long statement), native code for trees, matrix products
    for others, else the estimator. Each backend proves itself on this machine first. A backend that was asked
    for by name and cannot serve is an error.
    """
    if asked == "estimator":
        return Backend("estimator", "asked for", kernel)
    names = ["sql", "native", "matrix"] if asked == "auto" else [asked]
    if asked == "auto" and plans_long and _plans_too_long(kernel, rows):
        names = ["matrix", "sql", "native"]
    refused = []
    for name in names:
        if name not in served:
            refused.append(f"{name}: not on this engine")
            continue
        try:
            if name == "sql":
                return _sql(kernel, asked, files, sql_rows)
            return _stored(kernel, name, asked, files)
        except (CompileError, _NotServing) as error:
            refused.append(f"{name}: {error.problem}")
    if asked == "auto":
        return Backend("estimator", "; ".join(refused), kernel)
    raise ConfigurationError(
        kernel.call,
        f"backend is {asked!r}, which cannot score {kernel.version.label} ({'; '.join(refused)})",
        expected="a backend that was proven at registration, or 'auto'",
        action="pass backend='auto', which takes what is certified, or the estimator"
        if files.policy.require_certificate
        else f"pass backend='auto', or prove it: scorehouse compile {kernel.version.name}",
    )


def in_batches(backend: Backend) -> Backend:
    """The same backend where batches pass through kernels, since other versions of the scan need them."""
    if backend.compiled is None:
        return backend
    from scorehouse.program.sql.in_duckdb import SqlKernel

    return replace(backend, kernel=SqlKernel(backend.kernel, backend.compiled), compiled=None)


class _NotServing(Exception):
    """Why a backend does not serve this run."""

    @property
    def problem(self) -> str:
        return str(self)


def _fact(kernel: Kernel, name: str, files: ProgramFiles) -> dict[str, object]:
    backends = kernel.version.program
    fact = backends.get(name)
    if not fact:
        raise _NotServing(str(backends.get("refused", {}).get(name) or "not proven at registration"))
    if not {PROGRAM_SHA256, PROOF_SHA256} <= set(backends):
        raise _NotServing(
            f"the registry names no rows that prove it; run `scorehouse compile {kernel.version.name}`"
        )
    if files.policy.require_certificate and (open_parts := not_certified(kernel.version, name)):
        raise _NotServing(
            f"not certified for every input, as the load policy requires: {', '.join(open_parts)}"
        )
    return dict(fact)


def _sql(kernel: Kernel, asked: str, files: ProgramFiles, sql_rows: SqlRows | None) -> Backend:
    fact = _fact(kernel, "sql", files)
    if float(str(fact["largest_difference"])) > TOLERANCE:
        raise _NotServing(f"proven only to a difference of {fact['largest_difference']}")
    if not sql_is_stored(kernel.version.program):
        raise _NotServing("its trees are functions of a warehouse")
    if kernel.strict:
        raise _NotServing(f"it has no checks of strict={sorted(kernel.strict)}")
    if asked == "auto" and (slow := slow_in_sql(fact, kernel)):
        raise _NotServing(slow)
    from scorehouse.program.sql.in_duckdb import duckdb_rows, tolerance_of

    data = files.read(kernel)
    compiled = _read(kernel, "sql", lambda: sql_in(data, kernel.version, kernel.signature))
    score = sql_rows or duckdb_rows
    _check_here(kernel, "sql", files, lambda rows: score(compiled, rows), tolerance_of(compiled))
    return Backend("sql", _why(fact, asked), kernel, compiled)


def slow_in_sql(fact: Mapping[str, object], kernel: Kernel) -> str:
    """Why something else scores faster than the SQL that `fact` is of; empty where nothing does."""
    if fact["nodes"]:
        return TREES
    if kernel.version.segments:
        return "a database compares each row with every segment"
    operations = int(str(fact["operations"]))
    if operations > OPERATIONS_A_FEATURE * len(kernel.signature.names):
        return f"{operations} operations per row, for which a matrix product is faster"
    return ""


def _plans_too_long(kernel: Kernel, rows: int) -> bool:
    """Whether a database would plan the SQL of this version for longer than `rows` rows are worth."""
    sql = kernel.version.program.get("sql") or {}
    return int(str(sql.get("operations", 0))) >= WIDE_OPERATIONS and rows < MATRIX_BELOW_ROWS


def _stored(kernel: Kernel, name: str, asked: str, files: ProgramFiles) -> Backend:
    """The native code or the matrix products of a program."""
    fact = _fact(kernel, name, files)
    if name == "native":
        from scorehouse.program.native.kernel import require_library

        require_library(kernel.call)
    data = files.read(kernel)
    scoring = kernel.holding(_read(kernel, name, lambda: scores_of(data, kernel.version)))
    own = scoring.with_strict(frozenset())
    _check_here(kernel, name, files, lambda rows: kernel_rows(own, rows), tolerance_of_backend(name))
    return Backend(name, _why(fact, asked), scoring, data=data)


def _read(kernel: Kernel, name: str, read: Callable[[], T]) -> T:
    try:
        with reading(name, kernel.version, kernel.call):
            return read()
    except ArtifactError as error:
        logger.warning(f"{kernel.call}: {error.problem}")
        raise _NotServing(error.problem) from error


def _check_here(
    kernel: Kernel, name: str, files: ProgramFiles, score: Callable[[pa.Table], pa.Table], tolerance: float
) -> None:
    """Score the proof rows; the estimator serves where the backend differs from it on this machine."""
    try:
        problem = differs_here(files.read(kernel, artifact.PROOF_FILE), kernel, score, tolerance)
    except ScorehouseError:
        raise
    except Exception as error:  # such as a function that this release of the database does not have
        problem = f"it cannot be run here ({type(error).__name__}: {error})"
    if problem:
        label = kernel.version.label
        logger.warning(f"{kernel.call}: the backend {name!r} of {label} does not serve: {problem}")
        raise _NotServing(problem)


def _why(fact: Mapping[str, object], asked: str) -> str:
    found = f"proven on {fact['rows']} rows, largest difference {fact['largest_difference']}"
    return f"{'fastest backend, ' if asked == 'auto' else 'asked for, '}{found}"
