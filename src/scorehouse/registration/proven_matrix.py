"""Matrix products: made, proven equal to the estimator, and stored."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
import pyarrow as pa

from scorehouse.errors import CompileError
from scorehouse.forms.hard_rows import Tried, training_rows, tried_rows
from scorehouse.forms.matrix.either import Products, compiled, from_bytes, to_bytes
from scorehouse.forms.matrix.prove_matrix import prove
from scorehouse.forms.proof import kernel_rows, proof_bytes
from scorehouse.forms.segments_made import segment_column
from scorehouse.kernel.scorer import Kernel
from scorehouse.registration.proven_form import ProvenForm, why_refused, with_files


@dataclass(frozen=True)
class Compared:
    """The rows that are tried, what the estimator made of them, and the file of some of them."""

    tried: Tried
    expected: pa.Table
    proof: bytes


@dataclass(frozen=True)
class ProvenProducts:
    """The kernel around matrix products, and what was proven of them; or the kernel as it is, and the reason.

    `form` and `rows` are there if the products were proven.
    """

    kernel: Kernel
    found: ProvenForm | str
    form: Products | None = None
    rows: Compared | None = None


def compared_on(
    kernel: Kernel, rows: pd.DataFrame | pa.RecordBatch, edges: Mapping[int, Sequence[float]]
) -> Compared:
    """Rows of training, of every segment, and hard ones with values at and around `edges`, by feature."""
    each = segment_column(kernel.estimator, kernel.signature)
    tried = tried_rows(kernel.signature, edges, training_rows(rows, each))
    return Compared(tried, kernel_rows(kernel, tried.rows), proof_bytes(tried, kernel))


def proven_matrix(kernel: Kernel, compared: Callable[[], Compared], rows_of: str) -> ProvenProducts:
    """Make and prove the products of the estimator in `kernel`; of several ways, the first that is equal.

    `compared` is called once, and only for an estimator that has such products.
    """
    why, rows = "", None
    try:
        for made in compiled(kernel.estimator, kernel.version, kernel.signature, kernel.call):
            rows = rows or compared()
            try:
                return _proven(kernel, to_bytes(made), rows, rows_of)
            except CompileError as error:
                why = why or why_refused(error, "matrix products")
    except Exception as error:
        why = why_refused(error, "matrix products")
    return ProvenProducts(kernel, why)


def _proven(kernel: Kernel, data: bytes, rows: Compared, rows_of: str) -> ProvenProducts:
    form = from_bytes(data, kernel.version)
    parity = prove(form, kernel, rows.tried.rows, rows.expected)
    fact = {"rows": parity.rows, "rows_of": rows_of, "largest_difference": parity.max_difference}
    return ProvenProducts(kernel.holding(form), with_files(fact, "matrix", data, rows.proof), form, rows)
