"""Reasons as a file beside the artifact: arrays and JSON, without code."""

from __future__ import annotations

from typing import Any

import numpy as np

from scorehouse.forms.arrays_file import Expected, read_arrays, write_arrays
from scorehouse.forms.native.checked import require
from scorehouse.forms.native.stored import OF_LAYOUTS, in_file, layouts_of
from scorehouse.forms.reasons import background
from scorehouse.forms.reasons.linear import LinearReasons
from scorehouse.forms.reasons.stored_reasons import StoredReasons, reasons_head, reasons_of
from scorehouse.forms.reasons.trees import TreeReasons
from scorehouse.forms.stored_form import places
from scorehouse.registry.version import Version

LAYOUT = 1  # of the file
DEEPEST = 512  # splits, for each of which the loops call themselves once
LINEAR: Expected = {
    "weights": (np.float64, (None, None)),
    "intercepts": (np.float64, (None,)),
    "means": (np.float64, (None,)),
}
NODES: Expected = {"columns_of_nodes": (np.uint32, (None,)), "covers": (np.float64, (None,))}
BACKGROUND: Expected = {background.ARRAY: (np.uint8, (None,))}
OF_KIND = {"linear": {**LINEAR, **BACKGROUND}, "trees": {**OF_LAYOUTS, **NODES, **BACKGROUND}}


def to_bytes(form: StoredReasons) -> bytes:
    """The file of reasons."""
    given = {} if form.background is None else {background.ARRAY: background.to_array(form.background)}
    if isinstance(form, LinearReasons):
        head = {**reasons_head(form), "kind": "linear"}
        return write_arrays(LAYOUT, head, given | {name: getattr(form, name) for name in LINEAR})
    assert isinstance(form, TreeReasons)
    flags, arrays = in_file([form.layout])
    head = {**reasons_head(form), "kind": "trees", "trees": flags}
    return write_arrays(LAYOUT, head, {**given, **arrays, **{name: getattr(form, name) for name in NODES}})


def from_bytes(data: bytes, version: Version) -> StoredReasons:
    """The reasons in a file whose digest was verified.

    Raises ValueError for a file of another release, whose layout this one does not know, and for arrays whose
    indices lead out of others.
    """
    head, arrays = read_arrays(LAYOUT, data, lambda head: OF_KIND[head["kind"]], background.ARRAY)
    common = reasons_of(head, version)
    columns, owners = len(common["columns"].outputs), len(common["owners"])
    require(columns == owners, f"it has owners of {owners} columns, and its program computes {columns}")
    if background.ARRAY in arrays:
        common["background"] = background.of_array(arrays[background.ARRAY])
    if head["kind"] == "linear":
        own: dict[str, Any] = {name: arrays[name] for name in LINEAR}
        outputs = len(common["explained"])
        shapes = [(outputs, columns), (outputs,), (columns,)]
        require([array.shape for array in own.values()] == shapes, f"its arrays are not of shapes {shapes}")
        return LinearReasons(**common, **own)
    require(len(head["trees"]) == 1, f"it has the trees of {len(head['trees'])} segments")
    (layout,) = layouts_of(head["trees"], arrays, columns)
    places(common["explained"], len(layout.base), "an output that is explained")
    nodes: dict[str, Any] = {name: arrays[name] for name in NODES}
    form = TreeReasons(**common, layout=layout, **nodes)
    _check_nodes(form, columns)
    return form


def _check_nodes(form: TreeReasons, columns: int) -> None:
    """The columns and covers of nodes, and that the loops for reasons reach them all from the roots."""
    tables, nodes = form.layout.tables, form.columns_of_nodes
    count = len(tables.node_left)
    require(len(nodes) == len(form.covers) == count, f"its columns and covers are not of {count} nodes")
    require((nodes < columns).all(), f"a node compares none of {columns} columns")
    require(not len(tables.top), "its trees have tops")
    deepest = int(tables.trees[:, 4].max())
    require(deepest <= DEEPEST, f"a tree is {deepest} splits deep, more than the {DEEPEST} of reasons")
