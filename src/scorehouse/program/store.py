"""The program of a version: all that scores and explains without its estimator, as one file of data.

It holds what the registry proved of these: trees or matrix products (the scores of native code or of NumPy),
SQL as a tree of expressions, and what reasons need besides. No code is in it and none is run to read it; the
registry pins its digest. What a run does not read, it does not import.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from scorehouse.errors import ArtifactError, ScorehouseError
from scorehouse.program.arrays_file import Expected, read_arrays, require, write_arrays
from scorehouse.registry.signature import Signature
from scorehouse.registry.version import Version

if TYPE_CHECKING:
    from scorehouse.program.reasons.stored_reasons import StoredReasons
    from scorehouse.program.sql.compiled import CompiledSql
    from scorehouse.program.stored_backend import ScoringBackend, StoredBackend

LAYOUT = 1  # of the file
DEEPEST = 512  # splits, for each of which the loops for reasons call themselves once
MOST_VALUES = 1 << 27  # of all nodes and outputs, which reasons may hold at once: 1 GB
SQL: Expected = {"sql": (np.uint8, (None,))}
PARAMETERS: Expected = {"parameters": (np.float64, (None, None))}
MEANS: Expected = {"means": (np.float64, (None,))}
BACKGROUND: Expected = {"background": (np.uint8, (None,))}


def to_bytes(
    backend: ScoringBackend | None = None,
    sql: CompiledSql | None = None,
    reasons: StoredReasons | None = None,
) -> bytes:
    """The file of a program. `reasons` are those of `backend`."""
    head: dict[str, Any] = {}
    arrays: dict[str, np.ndarray] = {}
    if backend is not None:
        head["scores"], own = backend.in_file()
        arrays |= own
    if sql is not None:
        from scorehouse.program.sql.compiled import sql_head

        text = json.dumps(sql_head(sql), ensure_ascii=False, separators=(",", ":"))
        head["sql"] = True
        arrays["sql"] = np.frombuffer(text.encode(), dtype=np.uint8)
    if reasons is not None:
        head["reasons"], own = _reasons_in_file(reasons)
        arrays |= own
    return write_arrays(LAYOUT, head, arrays)


def _reasons_in_file(reasons: StoredReasons) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    from scorehouse.program.reasons.stored_reasons import reasons_head, to_array
    from scorehouse.program.reasons.trees import LinearReasons

    rows = reasons.background
    arrays = {} if rows is None else {"background": to_array(rows)}
    if isinstance(reasons, LinearReasons):
        arrays["means"] = reasons.means
    return {**reasons_head(reasons), "against": rows is not None}, arrays


def scores_of(data: bytes, version: Version) -> ScoringBackend:
    """What scores by trees or matrix products, from a file whose digest was verified.

    Raises ValueError for a file of another release, whose layout this one does not know, for one without such
    scores, and for arrays that do not fit together.
    """
    head, held = read_arrays(LAYOUT, data, _expected, _of_scores)
    return _kind_of(head["scores"]).of_file(head["scores"], held, version)


def sql_in(data: bytes, version: Version, signature: Signature) -> CompiledSql:
    """The SQL of a version, from a file whose digest was verified; ValueError as in `scores_of`."""
    from scorehouse.program.sql.compiled import sql_of

    _, held = read_arrays(LAYOUT, data, _expected, lambda head: SQL)
    return sql_of(json.loads(held["sql"].tobytes()), version, signature)


def reasons_in(data: bytes, version: Version) -> StoredReasons:
    """The reasons of a version, from a file whose digest was verified; ValueError as in `scores_of`."""
    from scorehouse.program.matrix.layers import StoredMatrix, one_product
    from scorehouse.program.native.stored import StoredTrees
    from scorehouse.program.reasons.stored_reasons import of_array, reasons_of
    from scorehouse.program.reasons.trees import LinearReasons, TreeReasons, over_all_outputs
    from scorehouse.program.stored_backend import places

    head, held = read_arrays(LAYOUT, data, _expected, lambda head: _of_scores(head) | _of_reasons(head))
    backend, own = _kind_of(head["scores"]).of_file(head["scores"], held, version), head["reasons"]
    common = reasons_of(own, backend, version)
    if own["against"]:
        common["background"] = of_array(held["background"])
    columns, owners = len(backend.columns.outputs), len(common["owners"])
    require(columns == owners, f"it has owners of {owners} columns, and its program computes {columns}")
    require(backend.segments == 1, f"it has scores of {backend.segments} segments")
    if isinstance(backend, StoredTrees):
        (model,) = backend.models
        places(common["explained"], len(model.base), "an output that is explained")
        deepest = max(tree.depth for tree in model.ensemble.trees)
        require(deepest <= DEEPEST, f"a tree is {deepest} splits deep, more than the {DEEPEST} of reasons")
        values = len(held["left"]) * len(model.base)
        require(values <= MOST_VALUES, f"its nodes have {values:,} values, too many for reasons")
        return TreeReasons(**common, model=over_all_outputs(model))
    assert isinstance(backend, StoredMatrix)
    product = one_product(backend.layers, columns)
    if product is None:
        raise ValueError("it has contributions, and its layers are no weighted sum")
    chosen = list(places(common["explained"], len(product[0]), "an output that is explained"))
    require(held["means"].shape == (columns,), f"its means are not of {columns} columns")
    weights, intercepts = (np.ascontiguousarray(part[chosen]) for part in product)
    return LinearReasons(**common, weights=weights, intercepts=intercepts, means=held["means"])


# What reads a backend that scores or explains columns of features.
READERS: Mapping[str, Callable[[bytes, Version], StoredBackend]] = {
    "native": scores_of,
    "matrix": scores_of,
    "reasons": reasons_in,
}


@contextmanager
def reading(backend: str, version: Version, call: str) -> Iterator[None]:
    """While inside, whatever a reader of the file raises becomes an ArtifactError in words."""
    try:
        yield
    except ScorehouseError:
        raise
    except Exception as error:  # of zip, zlib, JSON, NumPy and Arrow, besides our own ValueError
        why = f"it has no {error}" if isinstance(error, KeyError) else str(error) or type(error).__name__
        raise ArtifactError(
            call,
            f"the backend {backend!r} of {version.label} does not serve: its file cannot be read: {why}",
            expected="the file as `scorehouse register` or `scorehouse compile` of this release wrote it",
            action=f"restore it from version control, or run `scorehouse compile {version.name}`",
        ) from error


def _kind_of(head: Mapping[str, Any]) -> type[ScoringBackend]:
    """The class of the scores in a file with this JSON."""
    if "trees" in head:
        from scorehouse.program.native.stored import StoredTrees

        return StoredTrees
    from scorehouse.program.matrix.layers import StoredMatrix

    return StoredMatrix


def _expected(head: Mapping[str, Any]) -> Expected:
    """All arrays of a file."""
    scores = _of_scores(head) if "scores" in head else {}
    return {**scores, **_of_reasons(head), **(SQL if "sql" in head else {})}


def _of_scores(head: Mapping[str, Any]) -> dict[str, Any]:
    return {**PARAMETERS, **_kind_of(head["scores"]).expected(head["scores"])}


def _of_reasons(head: Mapping[str, Any]) -> dict[str, Any]:
    if "reasons" not in head:
        return {}
    means = MEANS if "layers" in head["scores"] else {}
    return {**means, **(BACKGROUND if head["reasons"]["against"] else {})}
