"""Native code for trees: made, proven equal to the estimator, and stored if its steps are data."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pyarrow as pa

from scorehouse.errors import CompileError
from scorehouse.forms.native.make import compile_native
from scorehouse.forms.native.prove_native import prove, prove_stored
from scorehouse.forms.native.store import stored_trees
from scorehouse.forms.native.stored import to_bytes
from scorehouse.forms.proof import proof_bytes
from scorehouse.kernel.scorer import Kernel
from scorehouse.registration.proven_form import ProvenForm, with_files


def proven_native(
    kernel: Kernel, rows: pd.DataFrame | pa.RecordBatch, rows_of: str
) -> tuple[Kernel, ProvenForm | str]:
    """The kernel around native code and what was proven of it; or the kernel as it is, and the reason."""
    try:
        form = compile_native(kernel.estimator, call=kernel.call)
        proof = prove(form, kernel.estimator, kernel.version, kernel.signature, rows)
    except CompileError as error:
        return kernel, f"{error.problem}; expected: {error.expected}"
    except Exception as error:  # such as attributes that another release of a library moved
        return kernel, f"native code failed ({type(error).__name__}: {error})"
    fact = {"rows": proof.rows, "rows_of": rows_of, "largest_difference": proof.largest_difference}
    try:
        trees: Any = stored_trees(form, kernel.version, kernel.signature, kernel.call)
        worst = prove_stored(trees, kernel, proof)
        data: bytes | None = to_bytes(trees)
        fact["largest_difference"] = max(worst, proof.largest_difference)
    except CompileError as error:
        trees, data = form, None
        fact["opens_estimator"] = f"{error.problem}; expected: {error.expected}"
    except Exception as error:  # such as a type that a release of pyarrow does not compute with
        trees, data = form, None
        fact["opens_estimator"] = f"its steps failed ({type(error).__name__}: {error})"
    return kernel.holding(trees), with_files(fact, "native", data, proof_bytes(proof.tried, kernel))
