"""Reasons as a file beside the artifact: arrays and JSON, without code."""

from __future__ import annotations

from typing import Any

from scorehouse.forms.arrays_file import read_arrays, write_arrays
from scorehouse.forms.native.kernel import ARRAYS, Tables
from scorehouse.forms.native.layout import Layout
from scorehouse.forms.native.stored import FLAGS
from scorehouse.forms.reasons import background
from scorehouse.forms.reasons.linear import LinearReasons
from scorehouse.forms.reasons.stored_reasons import StoredReasons, reasons_head, reasons_of
from scorehouse.forms.reasons.trees import TreeReasons
from scorehouse.registry.version import Version

LAYOUT = 1  # of the file
LINEAR = ("weights", "intercepts", "means")
NODES = ("columns_of_nodes", "covers")


def to_bytes(form: StoredReasons) -> bytes:
    """The file of reasons."""
    given = {} if form.background is None else {background.ARRAY: background.to_array(form.background)}
    if isinstance(form, LinearReasons):
        head = {**reasons_head(form), "kind": "linear"}
        return write_arrays(LAYOUT, head, given | {name: getattr(form, name) for name in LINEAR})
    assert isinstance(form, TreeReasons)
    tables = form.layout.tables
    head = {
        **reasons_head(form),
        "kind": "trees",
        "divisor": form.layout.divisor,
        "rounds_inputs": form.layout.rounds_inputs,
        **{name: getattr(tables, name) for name in FLAGS},
    }
    arrays = {name: getattr(tables, name) for name in ARRAYS} | {name: getattr(form, name) for name in NODES}
    return write_arrays(LAYOUT, head, {"base": form.layout.base, **given, **arrays})


def from_bytes(data: bytes, version: Version) -> StoredReasons:
    """The reasons in a file whose digest was verified.

    Raises ValueError for a file of another release, whose layout this one does not know.
    """
    head, arrays = read_arrays(LAYOUT, data)
    common = reasons_of(head, version)
    if background.ARRAY in arrays:
        common["background"] = background.of_array(arrays[background.ARRAY])
    own: dict[str, Any] = {name: arrays[name] for name in (LINEAR if head["kind"] == "linear" else NODES)}
    if head["kind"] == "linear":
        return LinearReasons(**common, **own)
    parts: dict[str, Any] = {name: arrays[name] for name in ARRAYS} | {name: head[name] for name in FLAGS}
    layout = Layout(Tables(**parts), arrays["base"], head["divisor"], head["rounds_inputs"])
    return TreeReasons(**common, layout=layout, **own)
