"""The functions of `pyarrow.compute`, imported when the first of them is called.

The import makes a Python function of each, which takes as long as to score a small table. A run whose
database scores by compiled SQL calls none of them. Import this module as `pc`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from scorehouse.load_lock import loading

if TYPE_CHECKING:  # all others make a column
    import pyarrow as pa

    any: Callable[..., pa.BooleanScalar]
    all: Callable[..., pa.BooleanScalar]
    min_max: Callable[..., Any]
    value_counts: Callable[..., Any]
    sum: Callable[..., Any]


def __getattr__(name: str) -> Callable[..., pa.Array]:
    with loading():
        import pyarrow.compute

    found = globals()[name] = getattr(pyarrow.compute, name)
    return found
