"""Matrix products: made, proven equal to the estimator, and stored."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa

from scorehouse.errors import CompileError
from scorehouse.forms.hard_rows import training_rows, tried_rows
from scorehouse.forms.matrix.make import compile_matrix
from scorehouse.forms.matrix.prove_matrix import prove
from scorehouse.forms.matrix.stored import from_bytes, to_bytes
from scorehouse.forms.proof import kernel_rows, proof_bytes
from scorehouse.forms.sql.prove_sql import Comparison
from scorehouse.kernel.scorer import Kernel
from scorehouse.registration.proven_form import ProvenForm, with_files


def proven_matrix(
    kernel: Kernel,
    rows: pd.DataFrame | pa.RecordBatch,
    rows_of: str,
    compared: Comparison | None,
    proof: bytes | None,
) -> ProvenForm | str:
    """What was proven of the products, or why they may not serve.

    `compared` has asked the estimator for its rows, and `proof` are the rows that prove its form: neither is
    asked for twice.
    """
    try:
        data = to_bytes(compile_matrix(kernel.estimator, kernel.version, kernel.signature, kernel.call))
        form = from_bytes(data, kernel.version)
        tried = compared.tried if compared else tried_rows(kernel.signature, {}, training_rows(rows))
        expected = compared.expected if compared else kernel_rows(kernel, tried.rows)
        parity = prove(form, kernel, tried.rows, expected)
        proof = proof_bytes(tried, kernel) if proof is None else proof
    except CompileError as error:
        return f"{error.problem}; expected: {error.expected}"
    except Exception as error:  # such as attributes that another release of a library moved
        return f"matrix products failed ({type(error).__name__}: {error})"
    fact = {"rows": parity.rows, "rows_of": rows_of, "largest_difference": parity.max_difference}
    return with_files(fact, "matrix", data, proof)
