"""A signature as rows of the seed `ml_<name>__signature`."""

from __future__ import annotations

import json
from typing import Any

from scorehouse.registry import Version
from scorehouse.signature import Feature, Signature


def signature_rows(version: Version, signature: Signature) -> list[dict[str, str]]:
    """The rows of `ml_<name>__signature` of one version."""
    return [_row(version.version, i, f) for i, f in enumerate(signature.features, start=1)]


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
