"""Printed SQL, read back by sqlglot: each database reads the expressions that were compiled, part by part.

T-SQL is also run, by DuckDB in the words that sqlglot finds for it.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from compile_cases import CASES
from compile_kernel import kernel_of
from compile_kinds import LINEAR_KINDS, TREE_KINDS, rest_marked
from scorehouse.errors import CompileError
from scorehouse.program.sql.compile import compile_sql
from scorehouse.program.sql.dialects import DIALECTS

pytest.importorskip("sqlglot", reason="the extra `sql` is not installed")
from printed_sql import difference, selects, written
from transact import strict, transact_parity

NAMES = rest_marked(CASES, LINEAR_KINDS | TREE_KINDS, pytest.mark.soak)


@pytest.mark.parametrize("name", NAMES)
def test_every_database_reads_what_was_compiled(name: str, cases: Path) -> None:
    frame, kernel = kernel_of(name, cases)
    compared = 0
    for dialect in DIALECTS.values():
        try:
            compiled = compile_sql(kernel.estimator, kernel.version, kernel.signature, dialect.name)
        except CompileError:  # beyond a limit of this database, or without its float32
            continue
        columns = [dialect.quote(feature) for feature in compiled.features]
        found = selects(compiled.render("features"), dialect.name)
        assert not difference(found, written(compiled.decided, dialect, columns)), dialect.name
        compared += 1
        if dialect.transact:  # no engine of it is on a package index
            assert strict(compiled.text) == []
            parity = transact_parity(kernel, compiled, frame)
            assert parity.proven and not parity.reason_differences, parity
    assert compared


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (" <= ", " < "),
        (" + ", " - "),
        (" is not null", " is null"),
        ("e0'::", "e1'::"),
        ("case when (", "case when not ("),
    ],
)
def test_a_change_of_the_text_is_seen(old: str, new: str, cases: Path) -> None:
    _, kernel = kernel_of("HistGradientBoostingClassifier 2", cases)
    compiled = compile_sql(kernel.estimator, kernel.version, kernel.signature, "postgres")
    columns = [compiled.dialect.quote(feature) for feature in compiled.features]
    text = compiled.render("features")
    assert old in text
    expected = written(compiled.decided, compiled.dialect, columns)
    assert difference(selects(text.replace(old, new, 1), "postgres"), expected)
