"""Forms of a version beside its artifact: compiled, proven equal to the estimator, named in the registry.

A form that is refused or not equal is left out, with the reason; it never stops a registration.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from scorehouse.errors import CompileError, ScorehouseError
from scorehouse.forms.native import compile_native, made_of_trees
from scorehouse.forms.native import prove as prove_native
from scorehouse.forms.sql import DIALECTS, CompiledSql, compile_sql, drop_macros, prove, write_macros
from scorehouse.forms.sql.pins import pins_of
from scorehouse.kernel.scorer import Kernel
from scorehouse.registry.version import Version

GATE = "duckdb"  # the dialect that is run to prove the others, which are printed from the same tree
TRAINING = "training"


@dataclass(frozen=True)
class Forms:
    """What the registry holds of a version's forms, and the compiled SQL to write.

    `facts` has a mapping for each proven form, and under `refused` the reasons of the others.
    """

    facts: Mapping[str, Any]
    sql: tuple[CompiledSql, ...] = field(default=(), repr=False)

    def write(self, project: Path, version: Version) -> Path | None:
        """Write the macros, or remove those of a form that no longer serves; the path, if there is one."""
        if self.sql:
            return write_macros(project, version.name, self.sql)
        return drop_macros(project, version.name, version.version)


def find_forms(
    kernel: Kernel,
    rows: pd.DataFrame | pa.RecordBatch,
    *,
    dialects: Sequence[str] = tuple(DIALECTS),
    rows_of: str = TRAINING,
    told: Callable[[str], None] = lambda step: None,
) -> Forms:
    """Compile the estimator that `kernel` holds in each dialect, and prove it on `rows` of features.

    `rows_of` says in the registry what the rows are; `told` hears of each step.
    """
    told("compile to SQL")
    sql, refused = _compiled(kernel, dialects)
    facts: dict[str, Any] = {}
    if sql:
        told("prove SQL")
        gate = sql[0] if sql[0].dialect.name == GATE else _compile(kernel, GATE)
        fact = _proof(gate, kernel, rows, rows_of)
        if isinstance(fact, str):
            sql, refused = [], {"sql": fact}
        else:
            pins = pins_of(kernel.version.name, sql)
            facts["sql"] = {**fact, "dialects": [form.dialect.name for form in sql], "macro": pins}
    if made_of_trees(kernel.estimator):
        told("prove native code")
        fact = _native(kernel, rows, rows_of)
        if isinstance(fact, str):
            refused["native"] = fact
        else:
            facts["native"] = fact
    if refused:
        facts["refused"] = refused
    return Forms(facts, tuple(sql))


def form_lines(version: Version, facts: Mapping[str, Any]) -> list[str]:
    """What was found, for people: one line a form."""
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


def _compiled(kernel: Kernel, dialects: Sequence[str]) -> tuple[list[CompiledSql], dict[str, str]]:
    """The SQL of each dialect, and why there is none for the others: under `sql` where for no dialect."""
    found: list[CompiledSql] = []
    reasons: dict[str, str] = {}
    alike: dict[tuple[bool, bool], CompiledSql] = {}
    for dialect in dialects:
        made = _compile(kernel, dialect, alike)
        if isinstance(made, str):
            reasons[f"sql for {dialect}"] = made
        else:
            found.append(made)
    if not found and reasons:
        return [], {"sql": next(iter(reasons.values()))}
    return found, reasons


def _compile(
    kernel: Kernel, dialect: str, alike: dict[tuple[bool, bool], CompiledSql] | None = None
) -> CompiledSql | str:
    """The SQL in one dialect, or the reason why there is none."""
    try:
        return compile_sql(kernel.estimator, kernel.version, kernel.signature, dialect, alike=alike)
    except CompileError as error:
        return f"{error.problem}; expected: {error.expected}"
    except Exception as error:  # such as attributes that another release of a library moved
        return f"the compiler failed ({type(error).__name__}: {error})"


def _native(kernel: Kernel, rows: pd.DataFrame | pa.RecordBatch, rows_of: str) -> dict[str, Any] | str:
    """What was proven of native code, or the reason why it may not serve."""
    try:
        form = compile_native(kernel.estimator, call=kernel.call)
        proof = prove_native(form, kernel.estimator, kernel.version, kernel.signature, rows)
    except CompileError as error:
        return f"{error.problem}; expected: {error.expected}"
    except Exception as error:  # such as attributes that another release of a library moved
        return f"native code failed ({type(error).__name__}: {error})"
    return {"rows": proof.rows, "rows_of": rows_of, "largest_difference": proof.largest_difference}


def _proof(
    form: CompiledSql | str, kernel: Kernel, rows: pd.DataFrame | pa.RecordBatch, rows_of: str
) -> dict[str, Any] | str:
    """What was proven of the SQL that the gate runs, or the reason why it may not serve."""
    if isinstance(form, str):
        return form
    try:
        parity = prove(form, kernel.estimator, kernel, rows)
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
        "sha256": form.sha256,
        "rows": parity.rows,
        "rows_of": rows_of,
        "largest_difference": parity.max_difference,
    }
