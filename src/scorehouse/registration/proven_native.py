"""Native code for trees: made, proven equal to the estimator, and stored if its steps are data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd
import pyarrow as pa

from scorehouse.forms.native.make import compile_native
from scorehouse.forms.native.native_form import NativeForm
from scorehouse.forms.native.prove_native import Proof, prove, prove_stored
from scorehouse.forms.native.store import stored_trees
from scorehouse.forms.native.stored import StoredTrees, from_bytes, to_bytes
from scorehouse.forms.proof import proof_bytes
from scorehouse.kernel.scorer import Kernel
from scorehouse.registration.proven_form import ProvenForm, why_refused, with_files


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
    except Exception as error:
        return ProvenTrees(kernel, why_refused(error, "native code"))
    fact = {"rows": proof.rows, "rows_of": rows_of, "largest_difference": proof.largest_difference}
    stored, data = None, None
    try:
        made = stored_trees(form, kernel.version, kernel.signature, kernel.call)
        worst = prove_stored(made, kernel, proof)
        written = to_bytes(made)
        stored, data = from_bytes(written, kernel.version), written
        fact["largest_difference"] = max(worst, proof.largest_difference)
    except Exception as error:
        fact["opens_estimator"] = why_refused(error, "its steps")
    scoring: Any = stored or form
    found = with_files(fact, "native", data, proof_bytes(proof.tried, kernel))
    return ProvenTrees(kernel.holding(scoring), found, form, proof, stored)
