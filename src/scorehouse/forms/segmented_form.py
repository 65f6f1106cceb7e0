"""What the stored forms of an estimator per segment have in common: whose numbers a row is computed with."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa

from scorehouse.forms.in_arrow import computed
from scorehouse.forms.segment_codes import SegmentKeys
from scorehouse.forms.stored_form import StoredForm
from scorehouse.kernel import arrays


@dataclass(frozen=True)
class SegmentedForm(StoredForm):
    """The forms of all segments; `keys` says which one a row belongs to.

    `parameters`, of shape (numbers, segments), are what the program in `columns` reads behind the features.
    """

    keys: SegmentKeys
    parameters: np.ndarray

    @abstractmethod
    def sums(self, numbers: list[np.ndarray], codes: np.ndarray) -> np.ndarray:
        """What every method starts with, of shape (rows, outputs); `codes` has the segment of each row.

        Raises ValueError where the estimator would refuse a value.
        """

    @cached_property
    def segments(self) -> int:
        """How many forms there are, that of the fallback included."""
        return len(self.keys.known) + self.keys.has_fallback

    def read_columns(self, columns: Sequence[pa.Array]) -> np.ndarray:
        codes = self.keys.codes(columns)
        without = codes >= self.segments
        if not without.any():
            return self.sums(self._numbers(columns, codes), codes)
        codes[without] = 0  # any segment; the row has no score
        made = self.sums(self._numbers(columns, codes), codes)
        made[without] = np.nan
        return made

    def numbers(self, columns: Sequence[pa.Array]) -> list[np.ndarray]:
        return self._numbers(columns, np.minimum(self.keys.codes(columns), self.segments - 1))

    def _numbers(self, columns: Sequence[pa.Array], codes: np.ndarray) -> list[np.ndarray]:
        features = [self._read(i, column) for i, column in enumerate(columns)]
        own = [arrays.of_numpy(numbers.take(codes)) for numbers in self.parameters]
        return [arrays.to_numpy(column) for column in computed(self.columns, [*features, *own])]


def check_segments(form: SegmentedForm, sizes: set[int]) -> None:
    """Raise ValueError unless arrays of these numbers of segments belong to the form."""
    found = sizes | {form.parameters.shape[-1]}
    if found != {form.segments}:
        raise ValueError(f"its arrays are of {sorted(found)} segments, and it knows {form.segments}")
