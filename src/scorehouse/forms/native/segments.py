"""The native form of many estimators made of trees, one per segment, as a file beside the artifact."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from scorehouse.forms.arrays_file import Expected, read_arrays, write_arrays
from scorehouse.forms.native.checked import EXPECTED, FLAGS, checked_layout, require
from scorehouse.forms.native.kernel import ARRAYS, RANK
from scorehouse.forms.native.layout import Layout
from scorehouse.forms.native.run import sums_of
from scorehouse.forms.segment_codes import SegmentKeys
from scorehouse.forms.segmented_form import SegmentedForm, check_segments
from scorehouse.forms.sql.expression import Feature
from scorehouse.forms.stored_form import common_of, head_of
from scorehouse.registry.version import Version

LAYOUT = 2  # of the file; 1 is that of a single estimator
SWITCHES = ("takes_missing", "takes_infinite", "single")
PER_SEGMENT = ("base", *(f"lengths of {name}" for name in ARRAYS), *FLAGS, "divisor")
OF_LAYOUT: Expected = {
    **{name: (np.int64, (None,)) for name in PER_SEGMENT},
    "base": (np.float64, (None, None)),
    "parameters": (np.float64, (None, None)),
    **EXPECTED,
}
MOST_EDGES = 2_000  # that are tried; of more, as many spread evenly


@dataclass(frozen=True)
class SegmentedTrees(SegmentedForm):
    """The trees of all segments. The rows of a batch are sorted by segment once; then each has one call."""

    layouts: tuple[Layout, ...]

    def sums(self, numbers: list[np.ndarray], codes: np.ndarray) -> np.ndarray:
        order = np.argsort(codes, kind="stable")
        block = np.empty((len(numbers), len(codes)))
        for line, column in zip(block, numbers, strict=True):
            np.take(column, order, out=line)
        held, starts = np.unique(codes[order], return_index=True)
        ends = [*starts[1:].tolist(), len(codes)]
        made = np.empty((len(codes), len(self.layouts[0].base)))
        for code, start, end in zip(held.tolist(), starts.tolist(), ends, strict=True):
            found = sums_of(self.layouts[code], None, block[:, start:end].T)
            if found is None:
                raise ValueError("the estimator takes no such value")
            made[order[start:end]] = found
        return made


def to_bytes(form: SegmentedTrees) -> bytes:
    """The file of a form: each array of all segments in one piece, and the length of every part of it."""
    held: dict[str, np.ndarray] = {"base": np.stack([layout.base for layout in form.layouts])}
    for name in ARRAYS:
        parts = [getattr(layout.tables, name) for layout in form.layouts]
        held[name] = np.concatenate(parts)
        held[f"lengths of {name}"] = np.array([len(part) for part in parts], dtype=np.int64)
    for name in FLAGS:
        held[name] = np.array([getattr(layout.tables, name) for layout in form.layouts], dtype=np.int64)
    held["divisor"] = np.array([layout.divisor for layout in form.layouts], dtype=np.int64)
    head = {
        **head_of(form),
        "segments": form.keys.to_json(),
        "rounds_inputs": form.layouts[0].rounds_inputs,
    }
    return write_arrays(LAYOUT, head, {"parameters": form.parameters, **held})


def from_bytes(data: bytes, version: Version) -> SegmentedTrees:
    """The form in a file whose digest was verified.

    Raises ValueError for a file of another release, and for arrays that do not fit together.
    """
    head, held = read_arrays(LAYOUT, data, lambda _: OF_LAYOUT)
    keys = SegmentKeys.of_json(head["segments"], version.n_features)
    common = common_of(head, version)
    require(
        len({len(held[name]) for name in PER_SEGMENT}) == 1, "its arrays are of several numbers of segments"
    )
    layouts = tuple(_layouts(held, head["rounds_inputs"], len(common["columns"].outputs)))
    form = SegmentedTrees(**common, keys=keys, parameters=held["parameters"], layouts=layouts)
    check_segments(form, {len(layouts)})
    return form


def _layouts(held: Mapping[str, np.ndarray], rounds_inputs: bool, columns: int) -> Iterator[Layout]:
    ends: dict[str, list[int]] = {}
    for name in ARRAYS:
        lengths = held[f"lengths of {name}"]
        require((lengths >= 0).all() and lengths.sum() == len(held[name]), f"{name} has other lengths")
        ends[name] = [0, *np.cumsum(lengths).tolist()]
    for number, base in enumerate(held["base"]):
        arrays = {name: held[name][slice(*ends[name][number : number + 2])] for name in ARRAYS}
        flags: dict[str, Any] = {
            name: (bool if name in SWITCHES else int)(held[name][number]) for name in (*FLAGS, "divisor")
        }
        yield checked_layout(arrays, flags | {"rounds_inputs": rounds_inputs}, base, columns)


def edges_of(form: SegmentedTrees, features: int) -> dict[int, list[float]]:
    """At most MOST_EDGES values at which trees split, by the position of a feature that they read as it is.

    `features` is the number of features, behind which the program reads numbers of segments.
    """
    read = {
        i: expr.position
        for i, (_, expr) in enumerate(form.columns.outputs)
        if isinstance(expr, Feature) and expr.position < features
    }
    found: dict[int, list[np.ndarray]] = defaultdict(list)
    for layout in form.layouts:
        for column, kind, *_, first, size in layout.tables.columns.tolist():
            if kind == RANK and column in read:
                found[read[column]].append(layout.tables.edges[first : first + (1 << size) - 1])
    edges = {position: np.unique(np.concatenate(parts)) for position, parts in found.items()}
    edges = {position: some[np.isfinite(some)] for position, some in edges.items()}
    step = max(1, -(-sum(map(len, edges.values())) // MOST_EDGES))
    return {position: some[::step].tolist() for position, some in edges.items()}
