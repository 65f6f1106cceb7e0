"""The form in which a version scores: the estimator itself, or a faster one that was proven equal to it."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

from scorehouse.errors import CompileError, ConfigurationError
from scorehouse.forms.native.make import compile_native, made_of_trees
from scorehouse.forms.parity import TOLERANCE
from scorehouse.forms.sql import CompiledSql, compile_sql
from scorehouse.kernel.scorer import Kernel

# A linear model takes 10 operations per feature. At 58 (k-means with 8 clusters), a database is as fast as
# the estimator, whose matrix product does all of them at once.
OPERATIONS_A_FEATURE = 24
TREES = "a database computes trees more slowly than native code"
# With fewer rows, laying out the trees takes longer than it saves: see benchmarks/native_crossover.py, where
# the break-even is at 5,000 to 15,000 rows for ensembles of 20 trees and more.
NATIVE_FROM_ROWS = 10_000


@dataclass(frozen=True)
class Form:
    """What scores, and why.

    `kernel` scores batches: it holds the estimator or its native form. With `compiled`, the database scores
    by itself, and the kernel holds the estimator.
    """

    name: str
    reason: str
    kernel: Kernel
    compiled: CompiledSql | None = None


def choose_form(kernel: Kernel, asked: str, rows: int, served: tuple[str, ...] = ("sql", "native")) -> Form:
    """Choose for a run of `rows` rows; `asked` is one of `options.ENGINES`, `served` the engine's forms.

    `auto` chooses a form only if registration proved it: SQL for models without trees, native code for
    trees, else the estimator. A form that was requested by name and cannot serve is an error.
    """
    if asked == "estimator":
        return Form("estimator", "asked for", kernel)
    refused = []
    for name, find in (("sql", _sql), ("native", _native)):
        if asked not in ("auto", name):
            continue
        if name not in served:
            refused.append(f"{name}: not on this engine")
            continue
        try:
            form = find(kernel, asked, rows)
        except (CompileError, _NotServing) as error:
            refused.append(f"{name}: {error.problem}")
            continue
        return form
    if asked == "auto":
        return Form("estimator", "; ".join(refused), kernel)
    raise ConfigurationError(
        kernel.call,
        f"engine is {asked!r}, which cannot score {kernel.version.label} ({'; '.join(refused)})",
        expected="a form that was proven at registration, or 'auto'",
        action=f"pass engine='auto', or prove it: scorehouse prove {kernel.version.name}",
    )


class _NotServing(Exception):
    """Why a form does not serve this run."""

    @property
    def problem(self) -> str:
        return str(self)


def _proof(kernel: Kernel, name: str) -> dict[str, object]:
    forms = kernel.version.forms
    proof = forms.get(name)
    if not proof:
        raise _NotServing(str(forms.get("refused", {}).get(name) or "not proven at registration"))
    return dict(proof)


def _sql(kernel: Kernel, asked: str, rows: int) -> Form:
    proof = _proof(kernel, "sql")
    if float(str(proof["largest_difference"])) > TOLERANCE:
        raise _NotServing(f"proven only to a difference of {proof['largest_difference']}")
    if kernel.strict:
        raise _NotServing(f"it has no checks of strict={sorted(kernel.strict)}")
    if asked == "auto" and made_of_trees(kernel.estimator):
        raise _NotServing(TREES)
    compiled = compile_sql(kernel.estimator, kernel.version, kernel.signature, "duckdb")
    if asked == "auto" and compiled.nodes:
        raise _NotServing(TREES)
    if asked == "auto" and compiled.operations > OPERATIONS_A_FEATURE * len(compiled.features):
        raise _NotServing(f"{compiled.operations} operations per row, for which a matrix product is faster")
    if sha256(compiled.text.encode()).hexdigest() != proof["sha256"]:
        raise _NotServing("this release compiles SQL that differs from the SQL that was proven")
    return Form("sql", _why(proof, asked), kernel, compiled)


def _native(kernel: Kernel, asked: str, rows: int) -> Form:
    proof = _proof(kernel, "native")
    if rows < NATIVE_FROM_ROWS and asked == "auto":
        raise _NotServing(f"{rows:,} rows are too few for native code to pay off")
    native = compile_native(kernel.estimator, call=kernel.call)
    return Form("native", _why(proof, asked), kernel.holding(native))


def _why(proof: dict[str, object], asked: str) -> str:
    found = f"proven on {proof['rows']} rows, largest difference {proof['largest_difference']}"
    return f"{'fastest form, ' if asked == 'auto' else 'asked for, '}{found}"
