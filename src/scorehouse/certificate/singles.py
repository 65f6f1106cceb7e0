"""Features that training held in float32: the estimator gets a table's doubles rounded."""

from __future__ import annotations

from collections.abc import Sequence

from scorehouse.certificate.columns import Column
from scorehouse.certificate.contributions import feature_of
from scorehouse.certificate.forest import NotRead
from scorehouse.registry.signature import Feature


def in_single(features: Sequence[Feature]) -> list[int]:
    """The places of these features."""
    return [i for i, one in enumerate(features) if (one.type, one.dtype.lower()) == ("double", "float32")]


def columns_in_single(columns: Sequence[Column], features: Sequence[Feature], *, trees: bool) -> list[int]:
    """The columns that are one of these features, which trees in SQL may read as doubles.

    NotRead where something else reads one: this reader does not know how SQL rounds it.
    """
    places = in_single(features)
    found = []
    for i, column in enumerate(columns):
        if column[0] == "constant" or feature_of(column) not in places:
            continue
        if trees and column[0] == "feature":
            found.append(i)
        elif column[0] != "map" or column[2]:  # a map without values asks for NULL alone
            name = features[feature_of(column)].name
            raise NotRead(f"how {name!r} becomes a float32 is not read in SQL")
    return found
