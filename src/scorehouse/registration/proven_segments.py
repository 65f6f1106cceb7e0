"""Native code for trees of every segment: made, proven equal to the estimators, and stored."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa

from scorehouse.forms.matrix.prove_matrix import prove
from scorehouse.forms.native.make_segments import compile_segments
from scorehouse.forms.native.segments import edges_of, from_bytes, to_bytes
from scorehouse.forms.parity import TOLERANCE_NATIVE
from scorehouse.kernel.scorer import Kernel
from scorehouse.registration.proven_form import why_refused, with_files
from scorehouse.registration.proven_matrix import compared_on
from scorehouse.registration.proven_native import ProvenTrees


def proven_segments(kernel: Kernel, rows: pd.DataFrame | pa.RecordBatch, rows_of: str) -> ProvenTrees:
    """Make and prove native code for the estimators in `kernel`, on `rows` of features."""
    try:
        made = compile_segments(kernel.estimator, kernel.version, kernel.signature, kernel.call)
        data = to_bytes(made)
        form = from_bytes(data, kernel.version)
        compared = compared_on(kernel, rows, edges_of(form, len(kernel.signature.features)))
        parity = prove(form, kernel, compared.tried.rows, compared.expected, TOLERANCE_NATIVE)
    except Exception as error:
        return ProvenTrees(kernel, why_refused(error, "native code"))
    fact = {"rows": parity.rows, "rows_of": rows_of, "largest_difference": parity.max_difference}
    return ProvenTrees(kernel.holding(form), with_files(fact, "native", data, compared.proof))
