"""The functions of `pyarrow.compute`, imported when the first of them is called.

The import makes a Python function of each, which takes as long as to score a small table. A run whose
database scores by compiled SQL calls none of them. Import this module as `pc`.
"""

from __future__ import annotations

from typing import Any

from scorehouse.load_lock import loading


def __getattr__(name: str) -> Any:
    with loading():
        import pyarrow.compute

    found = globals()[name] = getattr(pyarrow.compute, name)
    return found
