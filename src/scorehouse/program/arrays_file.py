"""Arrays of numbers and one text of JSON in one file, the shape of the program of a version.

No code is in it and none is run to read it; the registry pins its digest. A reader names the arrays that it
expects. Sizes are checked before any memory is taken for them.
"""

from __future__ import annotations

import io
import json
import math
import zipfile
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

HEAD = "head"
SPARE, LARGEST_RATIO = 64 << 20, 64  # bytes of all arrays; programs compress to a third, rarely to a tenth
Shape = tuple[int | None, ...] | None  # None: any length, or any shape
Expected = Mapping[str, tuple[type[np.generic], Shape]]


def write_arrays(layout: int, head: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> bytes:
    """The file; `layout` is the number of its layout."""
    text = json.dumps({"layout": layout, **head}, ensure_ascii=False)
    held: dict[str, Any] = {HEAD: np.frombuffer(text.encode(), dtype=np.uint8), **arrays}
    sink = io.BytesIO()
    np.savez_compressed(sink, **held)
    return sink.getvalue()


def read_arrays(
    layout: int,
    data: bytes,
    expected: Callable[[dict[str, Any]], Expected],
    wanted: Callable[[dict[str, Any]], Expected],
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The JSON, and those arrays of a file with this JSON that are `wanted` among all that are `expected`.

    Raises ValueError for a file of another release, whose layout this one does not know, and for arrays that
    are not expected.
    """
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        members = _sizes_checked(file, len(data))
        head = json.loads(_array(file, members, HEAD, np.uint8, (None,)).tobytes())
        require(isinstance(head, dict), "its head is no object of JSON")
        found = head.get("layout")
        require(found == layout, f"its layout is {found}, and this release reads layout {layout}")
        if unknown := sorted(members.keys() - expected(head).keys() - {HEAD}):
            raise ValueError(f"it has arrays that its layout does not know, such as {unknown[0]!r}")
        return head, {name: _array(file, members, name, *kind) for name, kind in wanted(head).items()}


def require(is_so: Any, problem: str) -> None:
    """Raise ValueError unless a condition holds."""
    if not is_so:
        raise ValueError(problem)


def _sizes_checked(file: zipfile.ZipFile, size: int) -> dict[str, zipfile.ZipInfo]:
    """The members by the names of their arrays; ValueError if they would take too much memory."""
    members = {info.filename.removesuffix(".npy"): info for info in file.infolist()}
    total = sum(info.file_size for info in file.infolist())
    if total > SPARE + LARGEST_RATIO * size:
        raise ValueError(f"its arrays would take {total:,} bytes, too many for a file of {size:,}")
    require(len(members) == len(file.infolist()), "it has two arrays of one name")
    return members


def _array(
    file: zipfile.ZipFile,
    members: Mapping[str, zipfile.ZipInfo],
    name: str,
    dtype: type[np.generic],
    shape: Shape,
) -> np.ndarray:
    """An array of this type and shape; a zip member never yields more bytes than its header declares."""
    if name not in members:
        raise ValueError(f"it has no {name!r}")
    with file.open(members[name]) as stream:
        if np.lib.format.read_magic(stream) != (1, 0):
            raise ValueError(f"{name!r} has another version of NumPy's format")
        found, is_fortran, kind = np.lib.format.read_array_header_1_0(stream)
        wanted = shape or (None,) * len(found)
        fits = len(found) == len(wanted) and all(w in (None, f) for w, f in zip(wanted, found, strict=True))
        if kind != dtype or not fits:
            raise ValueError(f"{name!r} is {kind} of shape {found}, expected {np.dtype(dtype)} of {wanted}")
        values = bytearray(stream.read())
    if len(values) != math.prod(found) * kind.itemsize:
        raise ValueError(f"{name!r} has {len(values)} bytes, and its shape is {found}")
    return np.frombuffer(values, dtype).reshape(found, order="F" if is_fortran else "C")
