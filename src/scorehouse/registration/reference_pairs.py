"""How the most important numbers of the training rows go together, pair by pair.

Each pair of features gets a row of the kind `pair` in `ml_<name>__reference`: the correlation of their bin
numbers (`lower`), and the variance of its Fisher transform times the number of rows (`upper`; 1 for a normal
distribution). With windows there are rows of the kind `pair_window` too: by what factor windows differ more
than independent rows would (`lower`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

import numpy as np
import pyarrow as pa

from scorehouse.registration.reference_windows import Floats, Row, Windows, reference_row
from scorehouse.registration.training_windows import is_dated

PAIRED = 6  # features
FEWEST_ROWS = 50
CLOSEST = 0.999  # a correlation beyond it says that two columns are one


def with_pairs(
    bins: Sequence[Row], batch: pa.RecordBatch, importance: Mapping[str, float], windows: Sequence[Windows]
) -> list[Row]:
    """The reference with rows for each pair of the six most important numeric features."""
    edges: dict[str, list[float]] = {}
    for row in bins:
        numeric = row["part"] == "feature" and row["kind"] == "numeric"
        if numeric and not is_dated(batch.schema.field(row["name"]).type):
            edges.setdefault(row["name"], []).extend([float(row["upper"])] if row["upper"] else [])
    names = [name for name in edges if edges[name] and importance.get(name, 0.0) > 0]
    names = sorted(names, key=lambda name: -importance[name])[:PAIRED]
    codes = {name: _codes(batch.column(name), edges[name]) for name in sorted(names)}
    numbers = Counter((row["part"], row["name"]) for row in bins)
    rows = list(bins)
    for a, b in combinations(codes, 2):
        for found in _pair(a, b, codes, windows):
            place = numbers["feature", a]
            numbers["feature", a] += 1
            head = {"version": bins[0]["version"], "part": "feature", "name": a, "bin": str(place)}
            rows.append({**head, **found})
    return rows


def _codes(column: pa.Array, edges: Sequence[float]) -> Floats:
    """The number of the bin of each row, from 0; NaN where the value is missing."""
    values = column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    codes = np.searchsorted(np.asarray(edges), values, side="left").astype(float)
    return np.where(np.isfinite(values), codes, np.nan)


def _pair(a: str, b: str, codes: Mapping[str, Floats], windows: Sequence[Windows]) -> Iterator[Row]:
    present = np.isfinite(codes[a]) & np.isfinite(codes[b])
    rows = int(present.sum())
    if rows < FEWEST_ROWS:
        return
    x, y = codes[a][present], codes[b][present]
    if x.std() == 0 or y.std() == 0:
        return
    u, v = (x - x.mean()) / x.std(), (y - y.mean()) / y.std()
    r = float((u * v).mean())
    if abs(r) > CLOSEST:
        return
    influence = (u * v - r * (u**2 + v**2) / 2) / (1 - r**2)  # of a row on the Fisher transform
    squares = float((influence**2).sum())
    yield reference_row("pair", rows, lower=f"{r:.6g}", upper=f"{squares / rows:.6g}", category=b)
    for window in windows:
        sums = np.bincount(window.codes[present], influence, window.count)
        effect = max(1.0, float((sums**2).sum()) / squares) if squares > 0 else 1.0
        sizes = window.sizes(present)
        typical, name = round((sizes**2).sum() / sizes.sum()), f"{window.unit} {b}"
        yield reference_row("pair_window", typical, lower=f"{effect:.6g}", category=name)
