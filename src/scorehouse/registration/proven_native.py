"""Native code for trees: made, proven equal to the estimator, and stored if its steps are data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd
import pyarrow as pa

from scorehouse.errors import CompileError
from scorehouse.forms.native.make import compile_native
from scorehouse.forms.native.native_form import NativeForm
from scorehouse.forms.native.prove_native import Proof, prove, prove_stored
from scorehouse.forms.native.store import stored_trees
from scorehouse.forms.native.stored import StoredTrees, to_bytes
from scorehouse.forms.proof import proof_bytes
from scorehouse.kernel.scorer import Kernel
from scorehouse.registration.proven_form import ProvenForm, with_files


@dataclass(frozen=True)
class ProvenTrees:
    """The kernel around native code, and what was proven of it; or the kernel as it is, and the reason.

    `form` is the native form and `proof` how it was proven; `stored` is the form as it is stored, or None if
    its steps are not data.
    """

    kernel: Kernel
    found: ProvenForm | str
    form: NativeForm | None = None
    proof: Proof | None = None
    stored: StoredTrees | None = None


def proven_native(kernel: Kernel, rows: pd.DataFrame | pa.RecordBatch, rows_of: str) -> ProvenTrees:
    """Make and prove native code for the estimator in `kernel`."""
    try:
        form = compile_native(kernel.estimator, call=kernel.call)
        proof = prove(form, kernel.estimator, kernel.version, kernel.signature, rows)
    except CompileError as error:
        return ProvenTrees(kernel, f"{error.problem}; expected: {error.expected}")
    except Exception as error:  # such as attributes that another release of a library moved
        return ProvenTrees(kernel, f"native code failed ({type(error).__name__}: {error})")
    fact = {"rows": proof.rows, "rows_of": rows_of, "largest_difference": proof.largest_difference}
    stored, data = None, None
    try:
        made = stored_trees(form, kernel.version, kernel.signature, kernel.call)
        worst = prove_stored(made, kernel, proof)
        stored, data = made, to_bytes(made)
        fact["largest_difference"] = max(worst, proof.largest_difference)
    except CompileError as error:
        fact["opens_estimator"] = f"{error.problem}; expected: {error.expected}"
    except Exception as error:  # such as a type that a release of pyarrow does not compute with
        fact["opens_estimator"] = f"its steps failed ({type(error).__name__}: {error})"
    scoring: Any = stored or form
    found = with_files(fact, "native", data, proof_bytes(proof.tried, kernel))
    return ProvenTrees(kernel.holding(scoring), found, form, proof, stored)
