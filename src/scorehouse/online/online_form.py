"""The form in which a loaded version scores: the same as in a run, computed for single rows."""

from __future__ import annotations

from dataclasses import replace

from scorehouse.errors import CompileError
from scorehouse.forms.choose import Form, FormFiles, choose_form, in_batches
from scorehouse.forms.parity import tolerance_of_form
from scorehouse.forms.proof import differs_here, kernel_rows
from scorehouse.forms.sql.compiled import CompiledSql
from scorehouse.kernel.scorer import Kernel
from scorehouse.registry.artifact import PROOF_FILE


def online_form(kernel: Kernel, engine: str, files: FormFiles) -> Form:
    """Choose as for a run of one row; with the estimator, it is opened.

    SQL is computed on Arrow columns if these equal the estimator too. Otherwise, a database scores if the
    load policy leaves nothing else or `engine` asks for it, and else the estimator, which is faster.
    """
    # a run refuses SQL for `strict`, since a database has no such checks; here, the kernel checks each row
    form = choose_form(kernel.without_strict(), engine, 1, files)
    if form.compiled is not None:
        form = _without_database(form, form.compiled, kernel, engine, files)
    form = replace(form, kernel=form.kernel.with_strict(kernel.strict))
    if form.name == "estimator":
        form.kernel.open()  # what is wrong with it is said here, and not with the first row
    return form


def _without_database(
    form: Form, compiled: CompiledSql, kernel: Kernel, engine: str, files: FormFiles
) -> Form:
    from scorehouse.forms.sql.in_process import ArrowKernel

    try:
        own = ArrowKernel(form.kernel, compiled)
        problem = differs_here(
            files.read(kernel, PROOF_FILE),
            kernel,
            lambda rows: kernel_rows(own, rows),
            tolerance_of_form("sql"),
        )
    except CompileError as error:
        problem = error.problem
    if not problem:
        return replace(form, kernel=own, compiled=None)
    if not kernel.strict and (engine == "sql" or files.policy.estimator == "never"):
        return in_batches(form)
    return Form("estimator", f"sql: {problem}", kernel)
