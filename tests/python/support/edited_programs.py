"""Stored programs with one field or one bit changed, and whether what they compute changes.

What a program means is asked of the code that runs it, on rows at each split, without the certificate.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from altered_programs import Arrays, packed, unpacked
from certified_models import Stored
from scorehouse.kernel.rows import check_batch
from scorehouse.program.native.layout import TreeModel
from scorehouse.program.native.stored import StoredTrees
from scorehouse.program.store import scores_of

UNSEEN = (
    "head",
    "sql",
    "background",
    "means",
    "cover",
)  # what decides no score, or has its own edits
OPERATORS = {"-": "*", "*": "/", "/": "-", "=": "<", "<": ">", ">": "<", "coalesce": "greatest", "not": "abs"}
KINDS = ["sums", "first", "largest", "above_zero", "from_zero", "shares", "sigmoids", "softmax", "power"]
Outcome = list[Any]


def edits(program: bytes, count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """Single edits of a program, each with what was changed: bits and fields of arrays and of the JSON."""
    draw, whole = random.Random(seed), unpacked(program)
    names = [name for name in whole if name not in UNSEEN and whole[name].size]
    for _ in range(count):
        way = draw.choice(["bit", "bit", "field", "field", "json"])
        text, arrays = _edited_json(whole, draw) if way == "json" else _edited_array(whole, names, way, draw)
        yield text, packed(arrays)


def _edited_array(whole: Arrays, names: Sequence[str], way: str, draw: random.Random) -> tuple[str, Arrays]:
    name = draw.choice(names)
    made = whole[name].copy()
    flat = made.reshape(-1)
    place = draw.randrange(flat.size)
    if made.dtype == bool:
        flat[place] = not flat[place]
    elif way == "bit":
        bytes_of = flat.view(np.uint8)
        bytes_of[place * flat.itemsize + draw.randrange(flat.itemsize)] ^= 1 << draw.randrange(8)
    elif made.dtype.kind == "f":
        x = flat[place]
        with np.errstate(over="ignore"):
            changed = [np.nextafter(x, np.inf), np.nextafter(x, -np.inf), -x, x * 2.0, x + 1.0, 0.0]
        flat[place] = draw.choice([*changed, flat[draw.randrange(flat.size)]])
    else:
        flat[place] = draw.choice([flat[place] + 1, flat[place] - 1, flat[draw.randrange(flat.size)], 0])
    return f"{name}[{place}]: {whole[name].reshape(-1)[place]!r} -> {flat[place]!r}", {**whole, name: made}


def _edited_json(whole: Arrays, draw: random.Random) -> tuple[str, Arrays]:
    head = json.loads(whole["head"].tobytes())
    parts = [
        part for part in ("columns", "singles", "links", "trees", "segments") if head["scores"].get(part)
    ]
    part = draw.choice(parts)
    path, value = draw.choice(list(scalars(head["scores"][part], (part,))))
    inside = head["scores"]
    for key in path[:-1]:
        inside = inside[key]
    inside[path[-1]] = _other(value, draw)
    changed = f"{'.'.join(map(str, path))}: {value!r} -> {inside[path[-1]]!r}"
    return changed, {**whole, "head": np.frombuffer(json.dumps(head).encode(), dtype=np.uint8)}


def scalars(part: Any, path: tuple[Any, ...]) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Every value in a document with the way to it, but for names of columns."""
    if isinstance(part, dict | list):
        for key, inner in part.items() if isinstance(part, dict) else enumerate(part):
            yield from scalars(inner, (*path, key))
    elif not (isinstance(part, str) and part.strip('"').startswith(("sh_", "column_"))):
        yield path, part


def _other(value: Any, draw: random.Random) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + draw.choice([-1, 1])
    if isinstance(value, float):
        return draw.choice([float(np.nextafter(value, np.inf)), value + 1.0, -value])
    if isinstance(value, str) and value in OPERATORS:
        return OPERATORS[value]
    return draw.choice(KINDS) if value in KINDS else f"{value}x" if isinstance(value, str) else 0


class Meaning:
    """What programs of a version compute: on rows at each split, on training rows, with holes, and beyond."""

    def __init__(self, model: Stored, X: pd.DataFrame) -> None:
        self.version = model.version
        whole: Any = scores_of(model.program, model.version)
        self.columns = [accepted_columns(model, part) for part in rows_with_holes(X)]
        self.numbers = _numbers_of(whole)
        self.expected = self.of(model.program)

    def of(self, program: bytes) -> Outcome | None:
        """All numbers that come of a program; None for one that is refused when it is read."""
        try:
            backend: Any = scores_of(program, self.version)
        except Exception:
            return None
        made: Outcome = []
        for columns in self.columns:
            made += _tried(lambda columns=columns: _answers(backend, backend.read_columns(columns)))
        for segment, rows in self.numbers:
            codes = np.full(len(rows), segment) if backend.keys else None
            made += _tried(lambda rows=rows, codes=codes: [backend.sums([*rows.T], len(rows), codes)])
        return made

    def is_changed(self, program: bytes) -> bool:
        """Whether a program computes other numbers, or cannot be read."""
        found, expected = self.of(program), self.expected
        if found is None or expected is None or len(found) != len(expected):
            return True
        return not all(_equal(a, b) for a, b in zip(found, expected, strict=True))


def _answers(backend: Any, sums: np.ndarray) -> Outcome:
    return [sums, *(getattr(backend, method)(sums) for method in sorted(backend.links))]


def _tried(compute: Any) -> Outcome:
    try:
        with np.errstate(all="ignore"):
            return list(compute())
    except Exception as error:
        return [type(error).__name__]


def _equal(a: Any, b: Any) -> bool:
    if isinstance(a, str) or isinstance(b, str):
        return bool(isinstance(a, str) and isinstance(b, str) and a == b)
    a, b = np.asarray(a), np.asarray(b)
    return a.shape == b.shape and (a.dtype == object or a.dtype == b.dtype) and _same(a, b)


def _same(a: np.ndarray, b: np.ndarray) -> bool:
    return bool(np.array_equal(a, b, equal_nan=True)) if a.dtype.kind == "f" else a.tolist() == b.tolist()


def rows_with_holes(X: pd.DataFrame) -> list[pd.DataFrame]:
    """Training rows; the same with holes; and with numbers around theirs."""
    rng = np.random.default_rng(0)
    holes, moved = X.copy(), X.copy()
    for name in X:
        if X[name].dtype.kind == "f":
            step = rng.choice([-1e300, -3.0, -1e-9, 1e-9, 3.0, 1e300], len(X))
            moved[name] = np.where(rng.random(len(X)) < 0.5, X[name] + step, X[name])
        if X[name].dtype.kind in "fO":
            holes.loc[rng.random(len(X)) < 0.3, name] = None
    return [X, holes, moved]


def accepted_columns(model: Stored, X: pd.DataFrame) -> list[pa.Array]:
    """The columns of the rows that the kernel accepts."""
    batch = pa.RecordBatch.from_pandas(X, preserve_index=False)
    return check_batch(model.signature, batch, frozenset()).accepted


def _numbers_of(backend: Any) -> list[tuple[int, np.ndarray]]:
    """For the trees of each segment, rows that they take, and rows that they may refuse."""
    if not isinstance(backend, StoredTrees):
        return []
    found = []
    for segment, model in enumerate(backend.models):
        rows = rows_at_splits(model)
        single = rows.astype(np.float32) if model.ensemble.rounds_inputs else rows
        for chosen in (~np.isfinite(single).all(axis=1), np.isfinite(single).all(axis=1)):
            if chosen.any():
                found.append((segment, rows[chosen]))
        for value in (np.nan, np.inf, -np.inf):
            found.append((segment, np.full((1, model.n_features), value)))
    return found


def rows_at_splits(model: TreeModel) -> np.ndarray:
    """For each node rows that reach it: at its cut, one step beside it in both precisions, and beyond."""
    rng, rows = np.random.default_rng(0), []
    for tree in model.ensemble.trees:
        waiting = [(0, rng.normal(size=model.n_features))]
        while waiting:
            node, row = waiting.pop()
            if tree.left[node] < 0:
                rows.append(row)
                continue
            column, edge = int(tree.feature[node]), float(tree.edge[node])
            tried = [np.nan, np.inf, -np.inf, 0.0, 1e-35, -1e-35]
            sides: list[float] = []
            if node in tree.categories:
                split = tree.categories[node]
                codes = [*range(max(split.codes, default=0) + 3)]
                named = [float(code) for code in split.codes]
                others = [float(code) for code in codes if code not in split.codes]
                sides = (
                    [(named or [-1.0])[0], others[0]]
                    if split.named_left
                    else [others[0], (named or [-1.0])[0]]
                )
                tried += [*named, *others, -1.0]
            else:
                with np.errstate(over="ignore"):
                    above, single = np.nextafter(edge, np.inf), np.float32(edge)
                    steps = [np.nextafter(single, np.float32(sign * np.inf)) for sign in (-1, 1)]
                tried += [edge, above, np.nextafter(edge, -np.inf), float(single), *map(float, steps)]
                sides = [row[column] if row[column] <= edge else edge, max(row[column], above)]
            for value in tried:
                rows.append(row.copy())
                rows[-1][column] = value
            for child, value in zip((tree.left[node], tree.right[node]), sides, strict=True):
                waiting.append((int(child), row.copy()))
                waiting[-1][1][column] = value
    return np.array(rows)
