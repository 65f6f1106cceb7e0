"""The reference: the training distribution of features and outputs, in frozen bins.

How the most important numbers of the training rows go together, pair by pair.

Each pair of features gets a row of the kind `pair` in `ml_<name>__reference`: the correlation of their bin
numbers (`lower`), and the variance of its Fisher transform times the number of rows (`upper`; 1 for a normal
distribution). With windows there are rows of the kind `pair_window` too: by what factor windows differ more
than independent rows would (`lower`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations

import numpy as np
import pyarrow as pa

from scorehouse.dialect import DUCKDB
from scorehouse.errors import EstimatorError
from scorehouse.kernel import compute as pc
from scorehouse.kernel.scorer import REJECT_REASON, Kernel
from scorehouse.program.sql.in_duckdb import scratch
from scorehouse.registration.reference_windows import Floats, Row, Windows, learned, reference_row
from scorehouse.registration.training_windows import Recorded, is_dated
from scorehouse.registry.version import text_of

QUANTILE_BINS = 10
CATEGORY_LIMIT = 1000
TAIL_ROWS = 25
STEEPEST_TAIL = 20.0
BIN_KINDS = ("missing", "numeric", "category", "other")  # rows of other kinds say something about the column
# of rows with the features of another one, and how many rows on average have the features of a row
COPIES = """
select coalesce(sum(copies) filter (copies > 1), 0), sum(copies), sum(copies * copies)
from (select count(*) as copies from training group by hash({columns}))
"""


def scored_reference(
    kernel: Kernel,
    batch: pa.RecordBatch,
    scored: pa.RecordBatch,
    recorded: Recorded,
    importance: Mapping[str, float],
) -> list[Row]:
    """The reference of the training rows and of the kernel's outputs for them, and of windows of them.

    It has the pairs of the features that count most, by `importance`.
    """
    reasons = scored.column(REJECT_REASON)
    if reasons.null_count == 0:
        raise EstimatorError(
            kernel.call,
            f"every training row is rejected, for example for {reasons[0].as_py()!r}",
            expected="an estimator that scores the rows it was fitted on",
            action="pass the frame that was given to fit()",
        )
    number = kernel.version.version
    outputs = scored.drop_columns([REJECT_REASON])
    rows = [
        *reference_rows(number, "feature", batch, recorded),
        *repeat_rows(number, batch),
        *reference_rows(number, "output", outputs, recorded),
    ]
    return with_pairs(rows, batch, importance, recorded.windows)


def reference_rows(version: int, part: str, batch: pa.RecordBatch, recorded: Recorded) -> list[Row]:
    """Rows of `ml_<name>__reference` for every column of `batch`.

    Numbers: up to ten bins at the quantiles (linear interpolation) of the finite values, each (lower, upper],
    the outer ones open. Strings, booleans and labels: one row per value; beyond a thousand, the rarest are
    pooled as kind `other`. NULL and NaN have a row of kind `missing`. After the bins, numbers have rows of
    the kinds `moments` (mean and population standard deviation), `range` (minimum and maximum) and `tail`
    (how quickly the lower and the upper tail end), in `lower` and `upper`. Rows of the kind `window` say how
    much the windows of `recorded` differ (`reference_windows.py`). If `recorded` has the time of each row,
    the numbers of a date are its ages, in days before that time; a row of kind `age` says so, with the first
    and the last time in `lower` and `upper` (days since 1970).
    """
    rows: list[Row] = []
    for name in batch.schema.names:
        rows += _placed(version, part, name, _column_rows(batch.column(name), recorded))
    return rows


def repeat_rows(version: int, batch: pa.RecordBatch) -> list[Row]:
    """Rows of `ml_<name>__reference` for all features together; none without rows or features.

    The kinds `repeated` and `single` count the rows that have the features of another row, or not. The kind
    `window` says how many rows on average have the features of a row, by which the number of repeated rows
    varies more than that of independent rows.
    """
    if not len(batch) or not batch.num_columns:
        return []
    columns = ", ".join(DUCKDB.quote(name) for name in batch.schema.names)
    with scratch() as connection:
        connection.register("training", batch)
        ((repeated, total, squares),) = connection.execute(COPIES.format(columns=columns)).fetchall()
    rows = [
        reference_row("repeated", int(repeated)),
        reference_row("single", int(total - repeated)),
        reference_row("window", int(total), lower=f"{squares / total:.6g}", category="rows repeated_share"),
    ]
    return _placed(version, "feature", "(all features)", rows)


def _placed(version: int, part: str, name: str, rows: Iterable[Row]) -> list[Row]:
    """The rows of a column, with the columns that say where each belongs."""
    head = {"version": str(version), "part": part, "name": name}
    return [{**head, "bin": str(number), **row} for number, row in enumerate(rows)]


def _column_rows(column: pa.Array, recorded: Recorded) -> Iterator[Row]:
    values = _numbers(column)
    ages = None if recorded.times is None else recorded.times.ages(column)
    if ages is not None:
        values = pa.array(ages)
    if values is None:
        yield reference_row("missing", column.null_count)
        yield from _categories(column.drop_null())
        numbers, edges = None, np.empty(0)
    else:
        finite = values.filter(pc.fill_null(pc.is_finite(values), False)).to_numpy()
        yield reference_row("missing", len(column) - len(finite))
        yield from _bins(finite)
        yield from _moments(finite)
        numbers, edges = values.to_numpy(zero_copy_only=False), _edges(finite)
        if ages is not None and len(finite) and recorded.times is not None:
            first, last = recorded.times.ends()
            yield reference_row("age", len(finite), lower=repr(first), upper=repr(last))
    for window in recorded.windows:
        yield from learned(column, numbers, edges, window)


def _numbers(column: pa.Array) -> pa.Array | None:
    """The column as doubles; None for categories, which whole numbers with few values are too."""
    numeric = pa.types.is_floating(column.type) or pa.types.is_decimal(column.type)
    if numeric or (pa.types.is_integer(column.type) and len(pc.unique(column)) > QUANTILE_BINS * 2):
        return column.cast(pa.float64(), safe=False)
    return None


def _edges(values: np.ndarray) -> np.ndarray:
    shares = np.arange(1, QUANTILE_BINS) / QUANTILE_BINS
    return np.unique(np.quantile(values, shares)) if len(values) else np.empty(0)


def _bins(values: np.ndarray) -> Iterator[Row]:
    if not len(values):
        return
    edges = _edges(values)
    counts = np.bincount(np.searchsorted(edges, values, side="left"), minlength=len(edges) + 1)
    for number, count in enumerate(counts):
        lower = repr(float(edges[number - 1])) if number else ""
        upper = repr(float(edges[number])) if number < len(edges) else ""
        yield reference_row("numeric", int(count), lower=lower, upper=upper)


def _moments(values: np.ndarray) -> Iterator[Row]:
    if not len(values):
        return
    mean = float(values.mean())
    pairs = {
        "moments": (mean, float(values.std())),
        "range": (float(values.min()), float(values.max())),
        "tail": (_tail(mean - values), _tail(values - mean)),
    }
    for kind, (lower, upper) in pairs.items():
        yield reference_row(kind, len(values), lower=repr(lower), upper=repr(upper))


def _tail(distances: np.ndarray) -> float:
    """Hill's tail index of the largest 1 % of the distances from the mean: 1 where there is little to go by.

    B. M. Hill (1975): A simple general approach to inference about the tail of a distribution.
    """
    positive = np.sort(distances[distances > 0])
    count = max(TAIL_ROWS, len(positive) // 100)
    if len(positive) <= count:
        return 1.0
    spread = float(np.mean(np.log(positive[-count:] / positive[-count - 1])))
    return min(STEEPEST_TAIL, 1 / spread) if spread > 0 else STEEPEST_TAIL


def _categories(column: pa.Array) -> Iterator[Row]:
    counted = [(item["values"], item["counts"]) for item in pc.value_counts(column).to_pylist()]
    counted.sort(key=lambda pair: (-pair[1], str(pair[0])))
    for value, count in counted[:CATEGORY_LIMIT]:
        yield reference_row("category", count, category=text_of(value))
    rest = sum(count for _, count in counted[CATEGORY_LIMIT:])
    if rest:
        yield reference_row("other", rest)


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
