"""From the sums of trees, or the last product of a matrix, to what a method gives: each library's links.

A link is data, its name and numbers. What it computes is the arithmetic of its library, in the same order and
precision, without the library.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Link:
    """The function `kind` of KINDS, with its `numbers`; `is_label`: it gives positions among the classes.

    Of an estimator with several labels, each has `each` sums, side by side: the result has a column for each
    label, with the score of the second class or its position.
    """

    kind: str
    numbers: tuple[float, ...] = ()
    is_label: bool = False
    each: int = 0

    def __call__(self, sums: np.ndarray) -> np.ndarray:
        """What comes of sums of shape (rows, outputs)."""
        compute = KINDS[self.kind]
        with np.errstate(over="ignore", under="ignore"):
            if not self.each:
                return compute(sums, *self.numbers)
            parts = [sums[:, start : start + self.each] for start in range(0, sums.shape[1], self.each)]
            made = [compute(part, *self.numbers) for part in parts]
        return np.column_stack([one[:, -1] if one.ndim == 2 else one for one in made])

    def of_each(self, sums: int = 1) -> Link:
        """The same link for each of several labels, which have so many sums; its labels are 0 and 1."""
        return replace(self, is_label=False, each=sums)

    def facts(self) -> dict[str, Any]:
        """The link as JSON can hold it."""
        known = asdict(self)
        return known if self.each else {name: value for name, value in known.items() if name != "each"}


def _largest(sums: np.ndarray) -> np.ndarray:
    return np.argmax(sums, axis=1)


def _above_zero(sums: np.ndarray) -> np.ndarray:
    return (sums[:, 0] > 0).astype(int) if sums.shape[1] == 1 else _largest(sums)


def _from_zero(sums: np.ndarray) -> np.ndarray:
    return (sums[:, 0] >= 0).astype(int) if sums.shape[1] == 1 else _largest(sums)


def _shares(sums: np.ndarray, slope: float = 1.0) -> np.ndarray:
    """The sigmoid for two classes, as scipy's expit and LightGBM to the last bit; the softmax for more."""
    if sums.shape[1] == 1:
        return _both(1.0 / (1.0 + _exponential(-slope * sums[:, 0])))
    return _softmax(sums if slope == 1.0 else sums * slope)


def _softmax(sums: np.ndarray) -> np.ndarray:
    powers = sums - sums.max(axis=1)[:, None]
    np.exp(powers, out=powers)
    powers /= powers.sum(axis=1)[:, None]
    return powers


def _sigmoid(raw: np.ndarray) -> np.ndarray:
    return np.asarray(1.0 / (1.0 + np.exp(-raw)))


def _sigmoids(sums: np.ndarray) -> np.ndarray:
    """The sigmoid for two classes; for more, each one's share of all sigmoids."""
    return _both(_sigmoid(sums[:, 0])) if sums.shape[1] == 1 else _of_their_sum(_sigmoid(sums))


def _clipped(sums: np.ndarray) -> np.ndarray:
    """As `_sigmoids`, with (x + 1) / 2 between 0 and 1 in their place."""
    parts = (np.clip(sums, -1.0, 1.0) + 1.0) / 2.0
    return _both(parts[:, 0]) if parts.shape[1] == 1 else _of_their_sum(parts)


def _both(positive: np.ndarray) -> np.ndarray:
    return np.vstack([1.0 - positive, positive]).T


def _of_their_sum(parts: np.ndarray) -> np.ndarray:
    """Shares of the sum of a row; equal shares where all parts are zero."""
    total = parts.sum(axis=1)
    none = total == 0.0
    if none.any():
        parts[none] = 1.0
        total[none] = parts.shape[1]
    parts /= total[:, None]
    return parts


def _isolation(sums: np.ndarray, denominator: float) -> np.ndarray:
    depths = np.ascontiguousarray(sums[:, 0])
    share = np.divide(depths, denominator, out=np.ones_like(depths), where=denominator != 0)
    return np.asarray(-(2**-share))


def _exponential(values: np.ndarray) -> np.ndarray:
    """exp by the C library, in the dtype of `values`, of one dimension."""
    from scorehouse.program.native.kernel import exponentials

    powers = np.array(values, order="C")
    exponentials(powers)
    return powers


def _softmax_of_boosters(raw: np.ndarray) -> np.ndarray:
    """Powers in the dtype of `raw`, their sum in double, rounded to it before it divides."""
    greatest = raw.max(axis=1)
    powers = [_exponential(raw[:, k] - greatest) for k in range(raw.shape[1])]
    total = np.zeros(len(raw))
    for power in powers:
        total += power
    return np.column_stack([power / total.astype(raw.dtype) for power in powers])


def _single(sums: np.ndarray) -> np.ndarray:
    return sums[:, 0].astype(np.float32)


def _xgboost_binary(sums: np.ndarray) -> np.ndarray:
    """XGBoost's own sigmoid: 1 / (exp(min(-raw, 88.7)) + 1)."""
    one = np.float32(1.0)
    return _both(one / (_exponential(np.minimum(-_single(sums), np.float32(88.7))) + one))


KINDS: Mapping[str, Callable[..., np.ndarray]] = {
    "sums": lambda sums: sums,
    "first": lambda sums: sums[:, 0],
    "decisions": lambda sums: sums[:, 0] if sums.shape[1] == 1 else sums,
    "largest": _largest,
    "above_zero": _above_zero,
    "from_zero": _from_zero,
    "shares": lambda sums, slope=1.0: _shares(np.ascontiguousarray(sums), slope),
    "hist_shares": _shares,  # of sums in the order of memory in which histogram boosting adds
    "sigmoids": _sigmoids,
    "above_half": lambda sums: (_sigmoid(sums[:, 0]) > 0.5).astype(np.int64),
    "softmax": _softmax,
    "clipped": _clipped,
    "nearest": lambda sums: sums[:, 0].astype(np.int64),
    "nearest_distance": lambda sums: np.sqrt(np.maximum(sums[:, 1], 0.0)),
    "power": lambda sums: np.exp(sums[:, 0]),
    "isolation": _isolation,
    "isolation_decisions": lambda sums, denominator, offset: _isolation(sums, denominator) - offset,
    "isolation_labels": lambda sums, denominator, offset: np.where(
        _isolation(sums, denominator) - offset < 0, -1, 1
    ),
    "lightgbm_power": lambda sums: _exponential(sums[:, 0]),
    "lightgbm_binary": _shares,
    "lightgbm_binary_labels": lambda sums, slope: _largest(_shares(sums, slope)),
    "lightgbm_softmax": _softmax_of_boosters,
    "lightgbm_softmax_labels": lambda sums: _largest(_softmax_of_boosters(sums)),
    "single": _single,
    "singles": lambda sums: sums.astype(np.float32),
    "sorted": lambda sums: np.sort(sums, axis=1),
    "sorted_singles": lambda sums: np.sort(sums.astype(np.float32), axis=1),
    "xgboost_power": lambda sums: _exponential(_single(sums)),
    "xgboost_binary": _xgboost_binary,
    "xgboost_binary_labels": lambda sums: (_xgboost_binary(sums)[:, 1] > 0.5).astype(np.int64),
    "xgboost_softmax": lambda sums: _softmax_of_boosters(sums.astype(np.float32)),
    "xgboost_softmax_labels": lambda sums: _largest(_softmax_of_boosters(sums.astype(np.float32))),
}
