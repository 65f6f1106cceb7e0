"""What a single feature would have to become for the decision to be another one, with all else as it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from scorehouse.kernel import arrays
from scorehouse.kernel.scorer import REJECT_REASON, Kernel
from scorehouse.registry.signature import Feature, Signature
from scorehouse.registry.version import MULTILABEL

STEPS = 128  # values of a number that are tried, over the range of training
ROUNDS = 50  # of halving
MOST_CATEGORIES = 100
Decide = Callable[[pa.RecordBatch], list[Any]]  # the decision of each row
Choose = Callable[[pa.Table], list[Any]]


@dataclass(frozen=True)
class Flip:
    """With `feature` at `becomes`, and all else as it is, the decision would be `decision`."""

    feature: str
    value: Any
    becomes: Any
    decision: Any


def flips_of(signature: Signature, row: pa.RecordBatch, decide: Decide) -> tuple[Flip, ...]:
    """For each feature the nearest value at which the decision changes, within training's range.

    Every value is scored by the kernel, so this holds for every ML model.
    """
    now = decide(row)[0]
    found = (_flip(feature, row, decide, now) for feature in signature.features)
    return tuple(flip for flip in found if flip is not None)


def choice_of(kernel: Kernel, policy: Mapping[str, Any] | None) -> Choose | None:
    """What reads the decision of each row of a finished table, which is None for a rejected one.

    The decision is that of `policy`, else the predicted class; None for a number that nothing decides from.
    """
    task, labels = kernel.version.task, kernel.version.outputs
    if policy is not None:
        what = "decision" if {"threshold", "abstain"} & set(policy) else "band"
    elif task in ("classification", "anomaly") and "prediction" in kernel.schema.names:
        what = "prediction"
    elif task == MULTILABEL:
        return lambda table: [labels_of(row, labels) for row in table.to_pylist()]
    else:
        return None
    return lambda table: table.column(what).to_pylist()


def labels_of(row: Mapping[str, Any], labels: Mapping[str, str]) -> str | None:
    """The labels of a scored row as one text."""
    if row[REJECT_REASON] is not None:
        return None
    return ", ".join(label for column, label in labels.items() if row[column]) or "no label"


def _flip(feature: Feature, row: pa.RecordBatch, decide: Decide, now: Any) -> Flip | None:
    own = row.column(feature.name)[0].as_py()
    tried = [value for value in _values(feature) if value != own]
    if not tried:
        return None
    decided = decide(_with(row, feature.name, tried))
    others = [place for place, made in enumerate(decided) if made is not None and made != now]
    if not others:
        return None
    is_number = isinstance(own, int | float) and not isinstance(own, bool)
    if not is_number or feature.type not in ("double", "integer"):
        place = others[0]
        return Flip(feature.name, own, tried[place], decided[place])
    place = min(others, key=lambda each: abs(tried[each] - own))
    becomes = _halved(feature, row, decide, own, tried[place], decided[place])
    return Flip(feature.name, own, becomes, decided[place])


def _values(feature: Feature) -> list[Any]:
    if feature.type == "boolean":
        return [True, False]
    if feature.type == "string":
        return list(feature.categories or ())[:MOST_CATEGORIES]
    if feature.minimum is None or feature.maximum is None:
        return []
    grid = np.linspace(feature.minimum, feature.maximum, STEPS)
    values = grid if feature.type == "double" else np.unique(np.round(grid)).astype(np.int64)
    return [value.item() for value in values]


def _halved(feature: Feature, row: pa.RecordBatch, decide: Decide, own: Any, far: Any, made: Any) -> Any:
    """The value next to which the decision changes, between the own one and `far`."""
    near = own
    for _ in range(ROUNDS):
        middle = (near + far) / 2 if feature.type == "double" else (near + far) // 2
        if middle in (near, far):
            break
        if decide(_with(row, feature.name, [middle]))[0] == made:
            far = middle
        else:
            near = middle
        if feature.type == "double" and abs(far - near) <= 1e-9 * max(1.0, abs(far)):
            break
    return far


def _with(row: pa.RecordBatch, name: str, values: list[Any]) -> pa.RecordBatch:
    """The row once for each value of a feature."""
    many = row.take(arrays.of_numpy(np.zeros(len(values), dtype=np.int64)))
    place = row.schema.get_field_index(name)
    kind = row.schema.field(place).type
    has_parts = not all(map(float.is_integer, map(float, values))) if pa.types.is_integer(kind) else False
    if has_parts or pa.types.is_decimal(kind):
        kind = pa.float64()
    return many.set_column(place, pa.field(name, kind), pa.array(values, kind))
