"""The forms of a version besides its artifact: compiled, proven equal to the estimator, and registered.

A form that is refused or not equal is left out, with the reason; it never stops a registration.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import pandas as pd
import pyarrow as pa

from scorehouse.errors import CompileError, ScorehouseError
from scorehouse.forms.native import compile_native, made_of_trees
from scorehouse.forms.native import prove as prove_native
from scorehouse.forms.sql import DIALECTS, Comparison, CompiledSql, compile_sql, drop_macros, write_macros
from scorehouse.forms.sql.pins import pins_of
from scorehouse.kernel.scorer import Kernel
from scorehouse.registry.version import Version

GATE = "duckdb"  # is run, and proves the other dialects, which are printed from the same tree
TRAINING = "training"


@dataclass(frozen=True)
class Forms:
    """What the registry stores about a version's forms, and the compiled SQL to write.

    `facts` has a mapping for each proven form, and under `refused` the reasons of the others.
    """

    facts: Mapping[str, Any]
    sql: tuple[CompiledSql, ...] = field(default=(), repr=False)

    def write(self, project: Path, version: Version) -> Path | None:
        """Write the macros, or remove them if the form no longer serves; returns the path, if any."""
        if self.sql:
            return write_macros(project, version.name, self.sql)
        return drop_macros(project, version.name, version.version)


class FormSearch:
    """Compiles and proves the estimator in `kernel`, on `rows` of features.

    Between `begin` and `forms`, the database runs the SQL in parallel with the caller. `rows_of` says in the
    registry what the rows are; `told` is called for each step.
    """

    def __init__(
        self,
        kernel: Kernel,
        rows: pd.DataFrame | pa.RecordBatch,
        *,
        dialects: Sequence[str] = tuple(DIALECTS),
        rows_of: str = TRAINING,
        told: Callable[[str], None] = lambda step: None,
    ) -> None:
        self.kernel = kernel
        self.rows = rows
        self.dialects = dialects
        self.rows_of = rows_of
        self.told = told
        self.made: dict[str, CompiledSql | str] = {}
        self.alike: dict[tuple[bool, bool], CompiledSql] = {}
        self.running: Comparison | str | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if isinstance(self.running, Comparison):
            self.running.end()

    def begin(self) -> None:
        """Compile the SQL that proves all dialects, and let the database run it."""
        self.told("compile to SQL")
        gate = self._made(GATE)
        self.running = gate if isinstance(gate, str) else _begun(gate, self.kernel, self.rows)

    def fastest(self) -> Kernel:
        """The kernel with native code if that is proven equal; else the kernel with the estimator."""
        return self._native[0]

    def forms(self) -> Forms:
        """All forms, each with its proof."""
        if self.running is None:
            self.begin()
        sql, refused = self._compiled()
        facts: dict[str, Any] = {}
        if sql:
            pins = pins_of(self.kernel.version.name, sql)  # while the database is at work
        _, native = self._native
        if sql:
            self.told("prove SQL")
            fact = _proof(self.running, self.rows_of)
            if isinstance(fact, str):
                sql, refused = [], {"sql": fact}
            else:
                facts["sql"] = {**fact, "dialects": [form.dialect.name for form in sql], "macro": pins}
        if isinstance(native, str):
            refused["native"] = native
        elif native:
            facts["native"] = native
        if refused:
            facts["refused"] = refused
        return Forms(facts, tuple(sql))

    def _made(self, dialect: str) -> CompiledSql | str:
        """The SQL in one dialect, or the reason why there is none."""
        if dialect not in self.made:
            self.made[dialect] = _compile(self.kernel, dialect, self.alike)
        return self.made[dialect]

    def _compiled(self) -> tuple[list[CompiledSql], dict[str, str]]:
        """The SQL of each dialect, and why others have none; under `sql` if no dialect has any."""
        found: list[CompiledSql] = []
        reasons: dict[str, str] = {}
        for dialect in self.dialects:
            made = self._made(dialect)
            if isinstance(made, str):
                reasons[f"sql for {dialect}"] = made
            else:
                found.append(made)
        if not found and reasons:
            return [], {"sql": next(iter(reasons.values()))}
        return found, reasons

    @cached_property
    def _native(self) -> tuple[Kernel, dict[str, Any] | str | None]:
        """The result of `fastest`, and the proof of native code or why it may not serve.

        The second is None if there are no trees.
        """
        if not made_of_trees(self.kernel.estimator):
            return self.kernel, None
        self.told("prove native code")
        return _native(self.kernel, self.rows, self.rows_of)


def find_forms(
    kernel: Kernel,
    rows: pd.DataFrame | pa.RecordBatch,
    *,
    dialects: Sequence[str] = tuple(DIALECTS),
    rows_of: str = TRAINING,
) -> Forms:
    """The forms of the estimator in `kernel`, proven on `rows` of features."""
    with FormSearch(kernel, rows, dialects=dialects, rows_of=rows_of) as search:
        return search.forms()


def form_lines(version: Version, facts: Mapping[str, Any]) -> list[str]:
    """The results as lines of text: one line per form."""
    lines = []
    for form, fact in sorted(facts.items()):
        if form == "refused":
            lines += [f"{version.label}: no {what}: {why}" for what, why in sorted(fact.items())]
            continue
        where = ", ".join(fact.get("dialects", []))
        lines.append(
            f"{version.label}: {form}{f' for {where}' if where else ''} proven on {fact['rows']:,} rows, "
            f"largest difference {fact['largest_difference']:.1g}"
        )
    return lines


def _compile(kernel: Kernel, dialect: str, alike: dict[tuple[bool, bool], CompiledSql]) -> CompiledSql | str:
    """The SQL in one dialect, or the reason why there is none."""
    try:
        return compile_sql(kernel.estimator, kernel.version, kernel.signature, dialect, alike=alike)
    except CompileError as error:
        return f"{error.problem}; expected: {error.expected}"
    except Exception as error:  # such as attributes that another release of a library moved
        return f"the compiler failed ({type(error).__name__}: {error})"


def _native(
    kernel: Kernel, rows: pd.DataFrame | pa.RecordBatch, rows_of: str
) -> tuple[Kernel, dict[str, Any] | str]:
    """The kernel with native code and its proof; or the kernel as it is, and the reason."""
    try:
        form = compile_native(kernel.estimator, call=kernel.call)
        proof = prove_native(form, kernel.estimator, kernel.version, kernel.signature, rows)
    except CompileError as error:
        return kernel, f"{error.problem}; expected: {error.expected}"
    except Exception as error:  # such as attributes that another release of a library moved
        return kernel, f"native code failed ({type(error).__name__}: {error})"
    fact = {"rows": proof.rows, "rows_of": rows_of, "largest_difference": proof.largest_difference}
    return kernel.holding(form), fact


def _begun(gate: CompiledSql, kernel: Kernel, rows: pd.DataFrame | pa.RecordBatch) -> Comparison | str:
    """The running comparison, or the reason why there is none."""
    try:
        return Comparison(gate, kernel, rows)
    except ScorehouseError as error:
        return f"it could not be compared with the estimator: {error.problem}"
    except Exception as error:
        return f"the SQL failed ({type(error).__name__}: {error})"


def _proof(running: Comparison | str | None, rows_of: str) -> dict[str, Any] | str:
    """The proof of the SQL that was run, or the reason why it may not serve."""
    if not isinstance(running, Comparison):
        return running or "it was not compared with the estimator"
    try:
        parity = running.parity()
    except ScorehouseError as error:
        return f"it could not be compared with the estimator: {error.problem}"
    except Exception as error:  # the database has errors of its own
        return f"the SQL failed ({type(error).__name__}: {error})"
    if not parity.proven:
        return (
            f"it is not equal to the estimator on {parity.rows:,} rows: {parity.label_flips:,} other labels, "
            f"{parity.status_flips:,} other statuses, largest difference {parity.max_difference:.3g}"
        )
    return {
        "sha256": running.compiled.sha256,
        "rows": parity.rows,
        "rows_of": rows_of,
        "largest_difference": parity.max_difference,
    }
