"""The SQL compiler: from a fitted estimator to SQL that was proven equal to it."""

from scorehouse.forms.parity import Parity
from scorehouse.forms.sql.compiled import CompiledSql, compile_sql
from scorehouse.forms.sql.dialects import DIALECTS
from scorehouse.forms.sql.macros import drop_macros, write_macros
from scorehouse.forms.sql.prove_sql import Comparison, prove
from scorehouse.forms.sql.together import together

__all__ = [
    "DIALECTS",
    "Comparison",
    "CompiledSql",
    "Parity",
    "compile_sql",
    "drop_macros",
    "prove",
    "together",
    "write_macros",
]
