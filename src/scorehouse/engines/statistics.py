"""Statistics of rows for the run log: the fingerprint of the input, and the column whose range is logged."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from scorehouse.kernel import arrays

MASK = 2**64 - 1
SCORES = ("score", "distance", "prediction")


@dataclass
class Fingerprint:
    """Row count, sum and exclusive or of a 64-bit hash of each row (key and features), and the types.

    It does not depend on the order of the rows. `types` identifies the column types, which a hash ignores.
    """

    types: str
    rows: int = 0
    hash_sum: int = 0
    hash_xor: int = 0

    def add(self, row_hashes: pa.Array) -> None:
        """Count the rows of one batch."""
        hashes = arrays.to_numpy(row_hashes)
        self.rows += len(hashes)
        self.hash_sum += int(hashes.sum(dtype=np.uint64))
        self.hash_xor ^= int(np.bitwise_xor.reduce(hashes)) if len(hashes) else 0

    def text(self) -> str:
        """The fingerprint as it is in the run log."""
        return f"{self.rows}:{self.hash_sum & MASK:016x}:{self.hash_xor & MASK:016x}:{self.types}"


def score_column(floating: Collection[str]) -> str | None:
    """The column whose minimum, mean and maximum the run log has."""
    return next((name for name in SCORES if name in floating), None)
