"""Compiled SQL on a PostgreSQL server, held against the kernel."""

from __future__ import annotations

from typing import Any

import pandas as pd

from parity_rows import ROW, parity_of, parity_rows
from postgres.server import load
from scorehouse.kernel.scorer import Kernel
from scorehouse.program.proof import Parity
from scorehouse.program.sql.compile import compile_sql


def postgres_parity(connection: Any, frame: pd.DataFrame, kernel: Kernel) -> Parity:
    """Score the training frame and the hard rows with the kernel and on the server, and compare."""
    compiled = compile_sql(kernel.estimator, kernel.version, kernel.signature, "postgres")
    rows = parity_rows(compiled, frame)
    load(connection, "parity_rows", rows)
    with connection.cursor() as cursor:
        cursor.execute("set jit = off")
        cursor.execute(f"select * from ({compiled.render('parity_rows', [ROW])}) as scored order by {ROW}")
        found = cursor.fetchall()
    return parity_of(kernel, compiled, rows, found)
