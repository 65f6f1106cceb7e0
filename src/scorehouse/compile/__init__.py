"""The SQL compiler: from a fitted estimator to SQL that was proven equal to it."""

from scorehouse.compile.compiled import CompiledSql, compile_sql
from scorehouse.compile.dialects import DIALECTS
from scorehouse.compile.macros import drop_macros, write_macros
from scorehouse.compile.parity import Parity, prove
from scorehouse.compile.together import together

__all__ = [
    "DIALECTS",
    "CompiledSql",
    "Parity",
    "compile_sql",
    "drop_macros",
    "prove",
    "together",
    "write_macros",
]
