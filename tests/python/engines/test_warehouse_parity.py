"""Compiled SQL on a warehouse that an emulator plays equals the kernel, family by family.

`./run test snowflake tests/python/engines/test_warehouse_parity.py`; the same with bigquery. Both emulators
compute with DuckDB: what is proven is the text of each family, as their parsers read it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from compile_cases import CASES
from compile_kernel import example_kernel, kernel_of
from emulated import KIND
from emulated_table import ParityTable, parity_table
from parity_rows import ROW, parity_of, parity_rows
from scorehouse.kernel.scorer import Kernel
from scorehouse.program.proof import Parity
from scorehouse.program.sql.compile import compile_sql
from scorehouse.program.sql.compiled import CompiledSql

pytestmark = [
    pytest.mark.foreign,
    pytest.mark.capability("predict"),
    pytest.mark.skipif(KIND not in os.environ, reason="run `./run test snowflake` or `./run test bigquery`"),
]
# neither has a type for float32, which compiled SQL says
SCALED = ("skrub Logistic", "skrub Ridge", "skrub Linear", "skrub Huber", "skrub Gradient")
IN_FLOAT32 = ("XGB", "loat32", *SCALED)
NAMES = [name for name in CASES if not any(word in name for word in IN_FLOAT32)]


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ParityTable]:
    with parity_table(os.environ[KIND], tmp_path_factory.mktemp("emulated")) as table:
        yield table


@pytest.mark.parametrize("name", NAMES)
def test_equals_the_kernel(name: str, table: ParityTable, cases: Path, tmp_path: Path) -> None:
    frame, kernel = kernel_of(name, cases, program=False)
    parity = parity_on(table, kernel, lambda compiled: parity_rows(compiled, frame), tmp_path)
    assert parity.proven, parity
    assert parity.reason_differences == 0, parity


@pytest.mark.parametrize(
    ("name", "number", "features"),
    [
        ("flight_delay", 1, "flight_scoring_features"),
        ("flight_delay", 2, "flight_scoring_features"),
        ("churn", 1, "churn_scoring_features"),
    ],
)
def test_the_examples_equal_the_kernel(
    name: str, number: int, features: str, table: ParityTable, examples: Path, tmp_path: Path
) -> None:
    """On 5,000 real flights and customers, spread over the whole table."""
    kernel = example_kernel(name, number)
    columns = ", ".join(f'"{feature.name}"' for feature in kernel.signature.features)
    with duckdb.connect(str(examples), read_only=True) as connection:
        sample = f"select {columns} from {features} using sample reservoir(5000 rows) repeatable (0)"
        rows = connection.sql(sample).to_arrow_table()
    numbered = rows.append_column(ROW, pa.array(range(rows.num_rows)))
    parity = parity_on(table, kernel, lambda compiled: numbered, tmp_path)
    assert parity.rows == 5000
    assert (parity.label_flips, parity.status_flips, parity.reason_differences) == (0, 0, 0)
    assert parity.max_difference <= 1e-9


def parity_on(
    table: ParityTable, kernel: Kernel, rows_of: Callable[[CompiledSql], pa.Table], folder: Path
) -> Parity:
    """Score rows with the kernel and on the emulator, and compare."""
    compiled = compile_sql(kernel.estimator, kernel.version, kernel.signature, os.environ[KIND])
    rows = rows_of(compiled)
    pq.write_table(rows, folder / "rows.parquet")
    table.load(folder / "rows.parquet")
    mark = compiled.dialect.mark
    select = compiled.render(table.name, [ROW])
    found = table.query(f"select * from ({select}) as scored order by {mark}{ROW}{mark}")
    return parity_of(kernel, compiled, rows, found)
