"""The native form as a file beside the artifact: tables of trees, and what comes before and after them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from scorehouse.forms.arrays_file import Expected, read_arrays, write_arrays
from scorehouse.forms.native.checked import EXPECTED, FLAGS, checked_layout
from scorehouse.forms.native.kernel import ARRAYS
from scorehouse.forms.native.layout import Layout
from scorehouse.forms.native.run import sums_of
from scorehouse.forms.stored_form import StoredForm, common_of, head_of
from scorehouse.registry.version import Version

LAYOUT = 1  # of the file
OF_LAYOUT: Expected = {"base": (np.float64, (None,)), **EXPECTED}


@dataclass(frozen=True)
class StoredTrees(StoredForm):
    """The trees alone; `columns` computes what they read."""

    layout: Layout

    def read_columns(self, columns: Sequence[pa.Array]) -> np.ndarray:
        made = self.numbers(columns)
        block = np.empty((len(columns[0]) if columns else 0, len(made)), dtype=np.float64, order="F")
        for position, column in enumerate(made):
            block[:, position] = column
        sums = sums_of(self.layout, None, block)
        if sums is None:
            raise ValueError("the estimator takes no such value")
        return sums


def to_bytes(form: StoredTrees) -> bytes:
    """The file of a form."""
    tables = form.layout.tables
    head = {
        **head_of(form),
        "divisor": form.layout.divisor,
        "rounds_inputs": form.layout.rounds_inputs,
        **{name: getattr(tables, name) for name in FLAGS},
    }
    arrays = {name: getattr(tables, name) for name in ARRAYS}
    return write_arrays(LAYOUT, head, {"base": form.layout.base, **arrays})


def from_bytes(data: bytes, version: Version) -> StoredTrees:
    """The form in a file whose digest was verified.

    Raises ValueError for a file of another release, whose layout this one does not know, and for arrays whose
    indices lead out of others.
    """
    head, arrays = read_arrays(LAYOUT, data, lambda _: OF_LAYOUT)
    common = common_of(head, version)
    layout = checked_layout(arrays, head, arrays["base"], len(common["columns"].outputs))
    return StoredTrees(**common, layout=layout)
