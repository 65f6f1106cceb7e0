"""Trees as Python functions of a warehouse, where a statement of SQL cannot hold them.

The rest stays SQL: checks, steps, links and labels. Where one text would be too long, several functions
follow each other, and each goes on with the sum of the one before: the trees are added in their order. The
MD5 of its text is part of a function's name, and the name is part of the pinned SQL.
"""

from __future__ import annotations

import base64
import json
import math
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import md5, sha256
from importlib.resources import files
from itertools import pairwise
from typing import Any

import numpy as np

from scorehouse.program.sql.builder import Builder, Value
from scorehouse.program.sql.category_codes import code_of
from scorehouse.program.sql.expression import Arith, Expr, TreeFunction, Udf, number
from scorehouse.program.trees import CategorySplit, Ensemble, Tree
from scorehouse.program.trees.tree import LEAF, ZERO, float32_edge, float32_edges

# Both create a function by a statement, of 1 MB at most: see LIMITS in dialects.py, read 2026-12-01.
WITH_FUNCTIONS = ("snowflake", "bigquery")
LONGEST_TEXT = 900_000
# BigQuery builds an image for each, at most 30 per minute: https://docs.cloud.google.com/bigquery/quotas#udf_limits
MOST_FUNCTIONS = 30
MOST_COLUMNS = 250
ENTRY_POINT = "trees"  # of function_body.py
LINE = 100
# Links in doubles, of what is exactly the sum in float32: off by its last places, as TOLERANCE_SINGLE allows.
IN_DOUBLES = {
    "single": "first",
    "xgboost_power": "power",
    "xgboost_binary": "sigmoids",
    "xgboost_softmax": "softmax",
}


def sum_in_functions(b: Builder, ensemble: Ensemble, values: Sequence[Value], output: int) -> Expr:
    """One output of an ensemble, as `_sum_of` in ensembles.py has it, by functions."""
    width = ensemble.trees[0].value.shape[1]
    chosen = [
        (tree, output - group)
        for tree, group in zip(ensemble.trees, ensemble.groups, strict=True)
        if group <= output < group + width
    ]
    split = [np.unique(tree.feature[~tree.is_leaf]) for tree, _ in chosen]
    used = np.unique(np.concatenate(split)).astype(np.int64).tolist()
    if len(used) > MOST_COLUMNS:
        raise b.refuse("its trees", f"they read {len(used)} columns, and a function at most {MOST_COLUMNS}")
    columns = [b.bind(values[feature].expr, values[feature].name) for feature in used]
    by_category = {int(tree.feature[node]) for tree, _ in chosen for node in tree.categories}
    columns = [
        code_of(b, values[feature], column) if feature in by_category else column
        for feature, column in zip(used, columns, strict=True)
    ]
    singles = {feature: values[feature].is_single for feature in used}
    total: Expr = number(ensemble.base[output])
    for text in _texts(b, chosen, singles, in_float32=ensemble.single):
        place = len(b.functions) + 1
        if place > MOST_FUNCTIONS:
            raise b.refuse("its trees", f"they take more than {MOST_FUNCTIONS} functions")
        name = f"{b.functions_of}_{place}_{md5(text.encode(), usedforsecurity=False).hexdigest()}"
        b.functions.append(TreeFunction(name, text, len(columns) + 1))
        total = b.bind(Udf(name, (total, *columns)), "trees")
    return Arith("/", total, number(len(chosen))) if ensemble.average and len(chosen) > 1 else total


def called(function: TreeFunction) -> Callable[[Any], Any]:
    """What a function computes of a frame of its columns, by its text itself."""
    made: dict[str, Any] = {}
    exec(compile(function.text, function.name, "exec"), made)
    return made[ENTRY_POINT]


def _texts(
    b: Builder, trees: Sequence[tuple[Tree, int]], singles: Mapping[int, bool], *, in_float32: bool
) -> list[str]:
    """The texts of as few functions as hold these trees, which read the features of `singles`."""
    count = 1
    while True:
        ends = np.linspace(0, len(trees), count + 1).astype(int).tolist()
        parts = [trees[start:end] for start, end in pairwise(ends)]
        texts = [_text(_packed(part, singles, in_float32=in_float32)) for part in parts]
        sizes = [len(text) for text in texts]
        if max(sizes) <= LONGEST_TEXT:
            return texts
        if count == len(trees):
            raise b.refuse(
                "a tree", f"it takes {max(sizes):,} bytes, and a function at most {LONGEST_TEXT:,}"
            )
        count = min(len(trees), max(count + 1, math.ceil(sum(sizes) / LONGEST_TEXT)))


def _text(arrays: bytes) -> str:
    """The body with these arrays."""
    body = files("scorehouse.program.sql").joinpath("function_body.py").read_text(encoding="utf-8").strip()
    written = base64.b64encode(arrays).decode()
    lines = "\n".join(written[start : start + LINE] for start in range(0, len(written), LINE))
    body = body.replace('SHA256 = ""', f'SHA256 = "{sha256(arrays).hexdigest()}"', 1)
    return body.replace('ARRAYS = """\n"""', f'ARRAYS = """\n{lines}\n"""', 1)


def _packed(trees: Sequence[tuple[Tree, int]], singles: Mapping[int, bool], *, in_float32: bool) -> bytes:
    """The trees as function_body.py reads them: nodes level by level, edges by their ranks."""
    nodes = [_nodes(tree, output) for tree, output in trees]
    feature, edge, missing_left, zero, value, inner = (
        np.concatenate([one[name] for one in nodes])
        for name in ("feature", "edge", "missing_left", "zero", "value", "inner")
    )
    splits = [split for one in nodes for split in one["categories"]]
    column = np.searchsorted(list(singles), feature)
    edge = np.where(np.array([*singles.values()], dtype=bool)[column], float32_edges(edge), edge)
    column += 1  # the first column of a function is the sum so far
    numeric = np.array([split is None for split in splits], dtype=bool)
    keys, reading = np.unique((column * 4 + missing_left * 2 + zero)[numeric], return_inverse=True)
    readings, ranks = np.zeros(len(edge), dtype=np.int64), np.zeros(len(edge), dtype=np.int64)
    readings[numeric] = reading.reshape(-1)
    edges = []
    for place in range(len(keys)):
        mine = numeric & (readings == place)
        distinct, own = np.unique(edge[mine], return_inverse=True)
        ranks[mine] = own.reshape(-1)
        edges.append(distinct)
    categories: dict[tuple[int, CategorySplit], int] = {}
    for node in np.flatnonzero(~numeric).tolist():
        key = (int(column[node]), splits[node])
        readings[node] = len(keys) + categories.setdefault(key, len(categories))
    zeros = [float32_edge(ZERO) if is_single else ZERO for is_single in singles.values()]
    distinct, leaf = np.unique(value, return_inverse=True)
    has_few = 2 * len(distinct) < len(value)
    return _compressed(
        {
            "single": _small([in_float32]),
            "size": _small([len(one["inner"]) for one in nodes]),
            "depth": _small([one["depth"] for one in nodes]),
            "inner": np.packbits(inner),
            "reading": _small(readings),
            "rank": _small(ranks),
            "leaf": _small(leaf.reshape(-1) if has_few else []),
            "value": np.asarray(distinct if has_few else value, dtype=np.float64),
            "column": _small(keys // 4),
            "missing_left": _small(keys // 2 % 2),
            "zero": np.array([zeros[key // 4 - 1] if key % 2 else -1.0 for key in keys.tolist()], np.float64),
            "edges": _small([len(one) for one in edges]),
            "edge": np.concatenate([*edges, np.empty(0)]),
            "category_column": _small([column for column, _ in categories]),
            "category_left": _small([split.named_left for _, split in categories]),
            "category_codes": _small([len(split.codes) for _, split in categories]),
            "category_code": _small([code for _, split in categories for code in split.codes]),
        }
    )


def _nodes(tree: Tree, output: int) -> dict[str, Any]:
    """The nodes of a tree level by level, the children of a split side by side."""
    levels = tree.levels()
    order = np.concatenate(levels)
    inner = tree.left[order] != LEAF
    splits = order[inner]
    without = np.zeros(len(tree.left), dtype=bool)
    return {
        "depth": len(levels) - 1,
        "inner": inner,
        "feature": tree.feature[splits],
        "edge": tree.edge[splits],
        "missing_left": tree.missing_left[splits],
        "zero": (without if tree.zero_is_missing is None else tree.zero_is_missing)[splits],
        "categories": [tree.categories.get(node) for node in splits.tolist()],
        "value": tree.value[order[~inner], output],
    }


def _small(numbers: Iterable[Any]) -> np.ndarray:
    """Whole numbers from 0 on, in the smallest type that holds them."""
    found = np.asarray(list(numbers), dtype=np.int64)
    return found.astype(np.min_scalar_type(int(found.max(initial=0))))


def _compressed(arrays: Mapping[str, np.ndarray]) -> bytes:
    """The arrays, whose names, types and lengths JSON says; a number's first bytes come first."""
    kinds = [array.dtype.newbyteorder("<").str for array in arrays.values()]
    head = json.dumps([list(arrays), kinds, [len(array) for array in arrays.values()]])
    planes = [
        np.ascontiguousarray(array).view(np.uint8).reshape(len(array), array.itemsize).T.tobytes()
        for array in arrays.values()
    ]
    return zlib.compress(b"\n".join([head.encode(), b"".join(planes)]), 9)
