"""A signature as rows of the seed `ml_<name>__signature`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from scorehouse.registry.version import Version

if TYPE_CHECKING:
    from scorehouse.registry.signature import Feature, Signature

T = TypeVar("T")
IMPORTANCE_COLUMNS = ("importance", "importance_kind")


@dataclass(frozen=True)
class Importance:
    """Each feature's share of the total, 0 to 1, and `permutation:` followed by what was measured.

    With labels: the increase of `log_loss`, `squared_error`, `scaled_squared_error` (of several outputs, each
    in units of the variance of its labels) or `error_rate`, or the decrease of `roc_auc` or
    `rank_correlation`. Without labels: `label_change`, the share of rows whose label changes, or
    `score_change`, the mean absolute change of scores (of several outputs, each in units of its deviation).
    """

    kind: str
    shares: dict[str, float]


def signature_rows(version: Version, signature: Signature) -> list[dict[str, str]]:
    """The rows of `ml_<name>__signature` for one version, without the importance."""
    return [_row(version.version, i, f) for i, f in enumerate(signature.features, start=1)]


def with_importance(rows: list[dict[str, str]], importance: Importance) -> list[dict[str, str]]:
    """The rows with the importance of their features."""
    return [
        {**row, "importance": repr(importance.shares[row["feature"]]), "importance_kind": importance.kind}
        for row in rows
    ]


def without_importance(row: Mapping[str, T]) -> dict[str, T]:
    """The columns of a row that are also in the signature file; importance differs with every fit."""
    return {column: value for column, value in row.items() if column not in IMPORTANCE_COLUMNS}


def _row(number: int, position: int, feature: Feature) -> dict[str, str]:
    def text(value: Any) -> str:
        if value is None:
            return ""
        return str(value).lower() if isinstance(value, bool) else repr(value)

    return {
        "version": str(number),
        "position": str(position),
        "feature": feature.name,
        "type": feature.type,
        "dtype": feature.dtype,
        "accepts_null": text(feature.accepts_null),
        "accepts_non_finite": text(feature.accepts_non_finite),
        "accepts_unseen": text(feature.accepts_unseen),
        "max_magnitude": text(feature.max_magnitude),
        "minimum": text(feature.minimum),
        "maximum": text(feature.maximum),
        "null_share": text(feature.null_share),
        "categories": ""
        if feature.categories is None
        else json.dumps(list(feature.categories), ensure_ascii=False),
    }
