"""How much windows of the training rows differ from each other: what chance is in this data.

Each feature and output gets rows of the kind `window` in `ml_<name>__reference`: per unit (`day`, `week`,
`month`, or `cluster`) and metric, the factor by which windows differ more than independent rows would (the
design effect, in `lower`), the value that 99 % of the windows stay below (`upper`), and the rows per window
(`row_count`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

Floats = np.ndarray[Any, np.dtype[np.float64]]
Row = dict[str, str]
USUAL = 0.99
FLOOR, LEAST_EXPECTED = 0.05, 10  # as in `pooled_key` of the macro `_drift_distances`


@dataclass(frozen=True)
class Windows:
    """The training rows in windows: `codes` has the window of each row, from 0; `unit` names them."""

    unit: str
    codes: np.ndarray[Any, Any]

    @property
    def count(self) -> int:
        return int(self.codes.max()) + 1

    def sizes(self, chosen: np.ndarray[Any, Any]) -> Floats:
        """The number of chosen rows in each window."""
        return np.bincount(self.codes[chosen], minlength=self.count).astype(float)

    def table(self, chosen: np.ndarray[Any, Any], values: np.ndarray[Any, Any], width: int) -> Floats:
        """Counts of shape (windows, width) of the values of the chosen rows."""
        cells = self.codes[chosen] * width + values
        return np.bincount(cells, minlength=self.count * width).reshape(self.count, width).astype(float)


def reference_row(kind: str, count: int, *, lower: str = "", upper: str = "", category: str = "") -> Row:
    """A row of `ml_<name>__reference`, without the columns that say where it belongs."""
    return {"kind": kind, "lower": lower, "upper": upper, "category": category, "row_count": str(count)}


def learned(column: pa.Array, numbers: Floats | None, edges: Floats, windows: Windows) -> Iterator[Row]:
    """Rows of the kind `window`: what the windows say about a column.

    It has numbers, with the edges of their bins, or categories.
    """
    present = (
        np.isfinite(numbers) if numbers is not None else pc.is_valid(column).to_numpy(zero_copy_only=False)
    )
    every = np.ones(len(column), dtype=bool)
    rows, sizes = windows.sizes(every), windows.sizes(present)
    usable = sizes > 0
    if usable.sum() < 2:
        return
    typical = round(float((rows**2).sum() / rows.sum()))
    share = 1 - sizes.sum() / rows.sum()
    if 0 < share < 1:
        shares = 1 - sizes / np.maximum(rows, 1)
        squares = (shares - share) ** 2 / (share * (1 - share))
        yield _learned(windows, "missing_share", squares, shares, rows, typical)
    rest = (present, edges, sizes, windows)
    found = _of_numbers(numbers, *rest) if numbers is not None else _of_categories(column, *rest)
    for metric, squares, reached in found:
        yield _learned(windows, metric, squares, reached, sizes, typical)


Found = Iterator[tuple[str, Floats | float, Floats]]


def _of_numbers(
    numbers: Floats, present: np.ndarray[Any, Any], edges: Floats, sizes: Floats, windows: Windows
) -> Found:
    values = numbers[present]
    mean, deviation = values.mean(), values.std()
    bins = np.searchsorted(edges, values, side="left")
    counts = windows.table(present, bins, len(edges) + 1)
    if len(edges):
        yield "psi", *_psi(counts, sizes, windows.unit == "cluster")
    n = np.maximum(sizes, 1)
    if deviation > 0:
        codes = windows.codes[present]
        sums = np.bincount(codes, values - mean, windows.count)
        shifts = sums / n / deviation
        yield "mean_shift", shifts**2, np.abs(shifts)
        squares = np.bincount(codes, (values - mean - (sums / n)[codes]) ** 2, windows.count) / n
        ratios = np.sqrt(squares) / deviation
        whole = counts.sum(axis=0) / counts.sum()
        score = (np.cumsum(whole) - whole / 2 - 0.5) ** 2  # Mood's
        variance = (whole * score**2).sum() - (whole * score).sum() ** 2
        if variance > 0:
            moved = counts @ score / n - (whole * score).sum()
            varied = ratios > 1e-9  # a window of one value has no spread to compare
            reached = np.abs(np.log(np.where(varied, ratios, 1)))
            yield "spread_shift", moved**2 / variance, reached
        yield from _outside(values, codes, sizes, windows)


def _outside(values: Floats, codes: np.ndarray[Any, Any], sizes: Floats, windows: Windows) -> Found:
    """Rows of each window outside of the range of all the others."""
    lowest, highest = np.full(windows.count, np.inf), np.full(windows.count, -np.inf)
    np.minimum.at(lowest, codes, values)
    np.maximum.at(highest, codes, values)
    outside = np.zeros(windows.count)
    for window in {int(lowest.argmin()), int(highest.argmax())}:
        others = np.arange(windows.count) != window
        own = values[codes == window]
        outside[window] = ((own < lowest[others].min()) | (own > highest[others].max())).sum()
    if outside.any():
        yield "out_of_range_share", _dispersion(outside), outside / np.maximum(sizes, 1)


def _of_categories(
    column: pa.Array, present: np.ndarray[Any, Any], _: Floats, sizes: Floats, windows: Windows
) -> Found:
    encoded = column.filter(pa.array(present)).dictionary_encode()
    counted = np.bincount(encoded.indices.to_numpy(), minlength=len(encoded.dictionary))
    places = np.empty(len(counted), dtype=int)
    places[np.argsort(-counted, kind="stable")] = np.arange(len(counted))
    values, kept = places[encoded.indices.to_numpy()], min(len(counted), 1000)
    if len(counted) > 1:
        counts = windows.table(present, np.minimum(values, kept), kept + 1)
        yield "psi", *_psi(counts, sizes, windows.unit == "cluster", pool=True)
    codes = windows.codes[present]
    first, last = np.full(len(counted), windows.count), np.full(len(counted), -1)
    np.minimum.at(first, values, codes)
    np.maximum.at(last, values, codes)
    alone = np.bincount(codes[(first == last)[values]], minlength=windows.count).astype(float)
    if alone.any() and len(counted) <= 1000:
        yield "unseen_share", _dispersion(alone), alone / np.maximum(sizes, 1)


def _psi(counts: Floats, sizes: Floats, pearson: bool, pool: bool = False) -> tuple[Floats, Floats]:
    """For each window, its PSI against all rows per degree of freedom, and the PSI itself.

    For clusters, which are parts of a window and not windows, Pearson's distance in place of PSI (Rao and
    Scott 1981).
    """
    total = counts.sum(axis=0)
    distances, values = np.zeros(len(sizes)), np.zeros(len(sizes))
    for window in np.flatnonzero(sizes):
        p, q = total / total.sum(), counts[window] / sizes[window]
        if pool:
            p, q = _pooled(p, q, total, sizes[window])
        degrees = max(1, int((p > 0).sum()) - 1)
        psi = ((q := np.where(q == 0, 1e-4, q)) - (p := np.where(p == 0, 1e-4, p))) * np.log(q / p)
        values[window] = psi.sum()
        distances[window] = (((q - p) ** 2 / p).sum() if pearson else psi.sum()) / degrees
    return distances, values


def _pooled(p: Floats, q: Floats, total: Floats, size: float) -> tuple[Floats, Floats]:
    """The shares with rare categories in one bin, as the macro `_drift_distances` does."""
    noise = 1 / total.sum() + 1 / size
    places = np.arange(1, len(total) + 1)
    kept = (places * noise <= FLOOR) & (total >= LEAST_EXPECTED) & (p * size >= LEAST_EXPECTED)
    kept[0] = True
    if kept.all():
        return p, q
    return np.append(p[kept], p[~kept].sum()), np.append(q[kept], q[~kept].sum())


def _dispersion(counts: Floats) -> float:
    """Variance over mean: 1 for independent rows, and the size of a cluster for clusters."""
    return float(counts.var(ddof=1) / counts.mean())


def _learned(
    windows: Windows, metric: str, squares: Floats | float, reached: Floats, sizes: Floats, typical: int
) -> Row:
    """The design effect: the mean over rows of n times the squared distance; 1 for independent rows."""
    used = sizes > 0
    if isinstance(squares, float):
        effect = squares
    else:
        n = sizes[used]
        alone = windows.unit == "cluster"
        scale = n if alone else 1 / (1 / n - 1 / n.sum())
        effect = float((n * squares[used] * scale).sum() / n.sum())
    usual = "" if windows.unit == "cluster" else f"{float(np.quantile(reached[used], USUAL)):.6g}"
    name = f"{windows.unit} {metric}"
    return reference_row("window", typical, lower=f"{max(1.0, effect):.6g}", upper=usual, category=name)
