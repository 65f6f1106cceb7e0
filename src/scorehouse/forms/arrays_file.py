"""Arrays of numbers and one text of JSON in one file, the shape of forms that hold arrays.

No code is in it and none is run to read it; the registry pins its digest.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from typing import Any

import numpy as np


def write_arrays(layout: int, head: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> bytes:
    """The file; `layout` is the number of its layout."""
    text = json.dumps({"layout": layout, **head}, ensure_ascii=False)
    held: dict[str, Any] = {"head": np.frombuffer(text.encode(), dtype=np.uint8), **arrays}
    sink = io.BytesIO()
    np.savez_compressed(sink, **held)
    return sink.getvalue()


def layout_of(data: bytes) -> Any:
    """The number of the layout of a file; None if it names none."""
    with np.load(io.BytesIO(data), allow_pickle=False) as file:
        return json.loads(file["head"].tobytes()).get("layout")


def read_arrays(layout: int, data: bytes) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The JSON and the arrays.

    Raises ValueError for a file of another release, whose layout this one does not know.
    """
    with np.load(io.BytesIO(data), allow_pickle=False) as file:
        head = json.loads(file["head"].tobytes())
        if head.get("layout") != layout:
            raise ValueError(f"its layout is {head.get('layout')}, and this release reads layout {layout}")
        return head, {name: file[name] for name in file.files if name != "head"}
