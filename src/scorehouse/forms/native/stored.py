"""The native form as a file beside the artifact: tables of trees, and what comes before and after them.

The file holds arrays of numbers and one text of JSON, and no code; the registry pins its digest.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from scorehouse.forms.in_arrow import computed
from scorehouse.forms.native.kernel import ARRAYS, Tables
from scorehouse.forms.native.layout import Layout
from scorehouse.forms.native.links import Link
from scorehouse.forms.native.run import sums_of
from scorehouse.forms.sql.builder import Program
from scorehouse.forms.sql.stored import program_of_json, program_to_json
from scorehouse.kernel import arrays
from scorehouse.registry.version import Version

LAYOUT = 1  # of the file
FLAGS = ("slots", "block", "takes_missing", "takes_infinite", "single")


@dataclass(frozen=True)
class StoredTrees:
    """Scores canonical feature columns by the trees alone; has the methods that `links` names.

    `columns` computes what the trees read, `singles` are the positions of features that training held in
    float32. Where the estimator would refuse a value, a method raises ValueError.
    """

    columns: Program
    singles: tuple[int, ...]
    layout: Layout
    links: Mapping[str, Link]
    classes: tuple[Any, ...]

    reads_columns = True

    def __getattr__(self, name: str) -> Any:
        links = self.__dict__.get("links", {})
        if name in links:
            return partial(self._answer, name)
        raise AttributeError(f"the stored trees have no {name!r}")

    def _answer(self, method: str, columns: Sequence[pa.Array]) -> np.ndarray:
        sums = sums_of(self.layout, None, self.numbers(columns))
        if sums is None:
            raise ValueError("the estimator takes no such value")
        link = self.links[method]
        made = link(sums)
        if not link.is_label:
            return made
        labels = np.empty(len(self.classes), dtype=object)
        labels[:] = self.classes
        return np.asarray(labels.take(made))

    def numbers(self, columns: Sequence[pa.Array]) -> np.ndarray:
        """What the trees read, of shape (rows, columns of the trees)."""
        made = computed(self.columns, [self._read(i, column) for i, column in enumerate(columns)])
        rows = len(columns[0]) if columns else 0
        block = np.empty((rows, len(made)), dtype=np.float64, order="F")
        for position, column in enumerate(made):
            block[:, position] = arrays.to_numpy(column)
        return block

    def _read(self, position: int, column: pa.Array) -> pa.Array:
        """A feature as the program takes it: NaN is a missing value."""
        if not pa.types.is_floating(column.type):
            return column
        if position in self.singles:
            column = column.cast(pa.float32(), safe=False).cast(pa.float64())
        missing = pc.is_nan(column)
        if pc.any(missing).as_py():
            return pc.if_else(missing, arrays.null(pa.float64()), column)
        return column


def to_bytes(form: StoredTrees) -> bytes:
    """The file of a form."""
    tables = form.layout.tables
    head = {
        "layout": LAYOUT,
        "columns": program_to_json(form.columns),
        "singles": form.singles,
        "divisor": form.layout.divisor,
        "rounds_inputs": form.layout.rounds_inputs,
        "links": {method: asdict(link) for method, link in form.links.items()},
        **{name: getattr(tables, name) for name in FLAGS},
    }
    arrays = {name: getattr(tables, name) for name in ARRAYS}
    text = np.frombuffer(json.dumps(head, ensure_ascii=False).encode(), dtype=np.uint8)
    sink = io.BytesIO()
    np.savez_compressed(sink, head=text, base=form.layout.base, **arrays)
    return sink.getvalue()


def from_bytes(data: bytes, version: Version) -> StoredTrees:
    """The form in a file whose digest was verified.

    Raises ValueError for a file of another release, whose layout this one does not know.
    """
    with np.load(io.BytesIO(data), allow_pickle=False) as file:
        head = json.loads(file["head"].tobytes())
        if head.get("layout") != LAYOUT:
            raise ValueError(f"its layout is {head.get('layout')}, and this release reads layout {LAYOUT}")
        arrays = {name: file[name] for name in ARRAYS}
        base = file["base"]
    tables = Tables(**arrays, **{name: head[name] for name in FLAGS})
    links = {
        method: Link(link["kind"], tuple(link["numbers"]), link["is_label"])
        for method, link in head["links"].items()
    }
    return StoredTrees(
        columns=program_of_json(head["columns"]),
        singles=tuple(head["singles"]),
        layout=Layout(tables, base, head["divisor"], head["rounds_inputs"]),
        links=links,
        classes=version.classes,
    )
