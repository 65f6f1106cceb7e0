"""The backend by which a loaded version scores: the same as in a run, computed for single rows."""

from __future__ import annotations

from dataclasses import replace

from scorehouse.errors import CompileError
from scorehouse.kernel.scorer import Kernel
from scorehouse.program.choose import Backend, ProgramFiles, choose_backend, in_batches
from scorehouse.program.proof import differs_here, kernel_rows, tolerance_of_backend
from scorehouse.program.sql.compiled import CompiledSql
from scorehouse.registry.artifact import PROOF_FILE


def online_backend(kernel: Kernel, asked: str, files: ProgramFiles) -> Backend:
    """Choose as for a run of one row; with the estimator, it is opened.

    SQL is computed on Arrow columns if these equal the estimator too. Otherwise, a database scores if the
    load policy leaves nothing else or `asked` says so, and else the estimator, which is faster.
    """
    # a run refuses SQL for `strict`, since a database has no such checks; here, the kernel checks each row
    backend = choose_backend(kernel.with_strict(frozenset()), asked, 1, files)
    if backend.compiled is not None:
        backend = _without_database(backend, backend.compiled, kernel, asked, files)
    backend = replace(backend, kernel=backend.kernel.with_strict(kernel.strict))
    if backend.name == "estimator":
        backend.kernel.open()  # what is wrong with it is said here, and not with the first row
    return backend


def _without_database(
    backend: Backend, compiled: CompiledSql, kernel: Kernel, asked: str, files: ProgramFiles
) -> Backend:
    from scorehouse.program.sql.in_duckdb import ArrowKernel

    try:
        own = ArrowKernel(backend.kernel, compiled)
        problem = differs_here(
            files.read(kernel, PROOF_FILE),
            kernel,
            lambda rows: kernel_rows(own, rows),
            tolerance_of_backend("sql"),
        )
    except CompileError as error:
        problem = error.problem
    if not problem:
        return replace(backend, kernel=own, compiled=None)
    if not kernel.strict and (asked == "sql" or files.policy.estimator == "never"):
        return in_batches(backend)
    return Backend("estimator", f"sql: {problem}", kernel)
