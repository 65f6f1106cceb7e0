"""Which scored rows are explained, by ranges of a score."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from scorehouse.kernel import arrays
from scorehouse.kernel.scorer import REJECT_REASON


@dataclass(frozen=True)
class Asked:
    """The `top` largest contributions of scored rows: those with `column` in one of the `ranges`, if given.

    A range holds its lower end, and not its upper one.
    """

    top: int
    column: str = ""
    ranges: tuple[tuple[float, float], ...] | None = None

    def rows(self, scored: pa.RecordBatch) -> np.ndarray:
        """The positions of the rows to explain."""
        chosen = np.asarray(arrays.to_numpy(scored.column(REJECT_REASON).is_null()))
        if self.ranges is not None:
            values = arrays.to_numpy(scored.column(self.column))
            inside = np.zeros(len(values), dtype=bool)
            for low, high in self.ranges:
                inside |= (values >= low) & (values < high)
            chosen = chosen & inside
        return np.flatnonzero(chosen)
