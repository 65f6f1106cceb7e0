"""The signature of a version: its features, and how rows reach and leave the estimator.

It is written once, at registration, as `signature.json` next to the artifact. Its digest is in the registry,
so it is as trustworthy as the artifact itself.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa

from scorehouse.errors import SignatureError, listed

FORMAT = 1
OBJECT_DTYPES = ("object", "decimal", "date")
NULLABLE_DTYPES = (
    "boolean",
    *(f"{sign}Int{bits}" for sign in ("", "U") for bits in (8, 16, 32, 64)),
    "Float32",
    "Float64",
)
FEATURE_TYPES = ("double", "integer", "boolean", "string", "timestamp")


@dataclass(frozen=True)
class Feature:
    """One input column of the estimator.

    `type` is one of FEATURE_TYPES, `dtype` the dtype of the training column; for Decimal or date objects it
    is `decimal` or `date`. The three `accepts_` facts were found by asking the fitted pipeline; `null_as` is
    the form in which it needs a missing value among strings and other objects (`nan` or `none`).
    `max_magnitude` is the largest absolute value that it accepts. `categories` lists the values that an
    encoder knows; `minimum`, `maximum` and `null_share` describe training.
    """

    name: str
    type: str
    dtype: str
    accepts_null: bool = False
    accepts_non_finite: bool = False
    accepts_unseen: bool = True
    null_as: str = "nan"
    max_magnitude: float | None = None
    categories: tuple[Any, ...] | None = None
    minimum: float | None = None
    maximum: float | None = None
    null_share: float | None = None

    @property
    def holds_objects(self) -> bool:
        """Whether the training column held Python objects, for which None and NaN differ."""
        return self.type == "string" or self.dtype in OBJECT_DTYPES

    @property
    def is_nullable(self) -> bool:
        """Whether the training column had numbers or booleans with a mask, as in `Int64` or `boolean`."""
        return self.dtype in NULLABLE_DTYPES

    @property
    def is_single(self) -> bool:
        """Whether training held its numbers in float32, to which a table's doubles are rounded."""
        return self.type == "double" and self.dtype.lower() == "float32"

    @property
    def has_zone(self) -> bool:
        """Whether the training timestamps had a time zone."""
        return self.dtype.startswith("datetime64[") and "," in self.dtype

    @property
    def sql_kind(self) -> str:
        """The kind of column that can hold the feature."""
        return "timestamp with time zone" if self.has_zone else self.type


@dataclass(frozen=True)
class Signature:
    """Features in the estimator's order, and the container in which they are passed.

    `container` is `frame` for an estimator fitted on named columns, `array` for one fitted on a bare
    array of dtype `array_dtype`, `column` for one fitted on a list or Series, such as strings.
    """

    features: tuple[Feature, ...]
    container: str
    array_dtype: str = "float64"

    @property
    def names(self) -> list[str]:
        return [feature.name for feature in self.features]

    def to_json(self) -> bytes:
        """Canonical bytes: equal signatures have equal digests."""
        document = {"format": FORMAT, **asdict(self)}
        return (json.dumps(document, indent=1, ensure_ascii=False, sort_keys=True) + "\n").encode()

    @classmethod
    def from_json(cls, data: bytes) -> Signature:
        try:
            return cls._read(json.loads(data))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise SignatureError(
                "reading a signature",
                f"it cannot be read ({type(error).__name__}: {error})",
                expected="the file that `scorehouse register` wrote",
                action="register the version again",
            ) from error

    @classmethod
    def _read(cls, document: dict[str, Any]) -> Signature:
        if document.pop("format") != FORMAT:
            raise SignatureError(
                "reading a signature",
                "its format number is not known to this release",
                expected=f"format {FORMAT}",
                action="update scorehouse to the release that registered the version",
            )
        features = []
        for item in document.pop("features"):
            if item["categories"] is not None:
                item["categories"] = tuple(item["categories"])
            features.append(Feature(**item))
        return cls(features=tuple(features), **document)


def match_columns(signature: Signature, columns: Sequence[str], call: str) -> dict[str, str]:
    """Map each feature to the column that holds it: the same name, else one that differs only in case.

    Raises SignatureError, naming all missing features at once, with similar spellings.
    """
    found, missing = spelled(signature.names, columns, cutoff=0.7)
    if missing:
        raise SignatureError(
            call,
            f"the feature table lacks {len(missing)} of {len(signature.features)} features: "
            + ", ".join(missing),
            expected=f"the columns {listed(signature.names)}",
            action="add or rename these columns in the feature model",
        )
    return found


def spelled(
    names: Sequence[str], columns: Sequence[str], cutoff: float = 0.6
) -> tuple[dict[str, str], list[str]]:
    """The columns with these names, else the only ones that differ in case; and the names that none has.

    The second are written as an error shows them, with spellings that are similar by `cutoff`.
    """
    exact = set(columns)
    folded: dict[str, list[str]] = {}
    for column in columns:
        folded.setdefault(column.lower(), []).append(column)
    found: dict[str, str] = {}
    missing = []
    for name in names:
        if name in exact:
            found[name] = name
        elif len(folded.get(name.lower(), [])) == 1:
            found[name] = folded[name.lower()][0]
        else:
            near = difflib.get_close_matches(name.lower(), list(folded), n=1, cutoff=cutoff)
            missing.append(f"{name!r} (near: {folded[near[0]][0]!r})" if near else repr(name))
    return found, missing


def check_types(signature: Signature, schema: pa.Schema, call: str) -> None:
    """Check that each feature's Arrow type can hold what the estimator was trained on.

    `schema` has the features under their own names. Raises SignatureError, naming all misfits at once.
    """
    found = {feature.name: schema.field(feature.name).type for feature in signature.features}
    wrong = [
        f"{feature.name!r} is {found[feature.name]} where {feature.type} was trained"
        + _hint(feature, found[feature.name])
        for feature in signature.features
        if not fits(feature, found[feature.name])
    ]
    if wrong:
        raise SignatureError(
            call,
            f"{len(wrong)} feature columns have a type that does not fit: " + "; ".join(wrong),
            expected="numbers for double and integer, text for string, and so on",
            action="cast these columns in the feature model",
        )


def fits(feature: Feature, arrow_type: pa.DataType) -> bool:
    """Whether a column of `arrow_type` can be converted, row by row, to the type of `feature`."""
    if pa.types.is_null(arrow_type):  # a column with only NULL: judged row by row
        return True
    if feature.type in ("double", "integer"):
        return (
            pa.types.is_integer(arrow_type)
            or pa.types.is_floating(arrow_type)
            or pa.types.is_decimal(arrow_type)
        )
    if feature.type == "boolean":
        return pa.types.is_boolean(arrow_type)
    if feature.type == "string":
        inner = arrow_type.value_type if pa.types.is_dictionary(arrow_type) else arrow_type
        return pa.types.is_string(inner) or pa.types.is_large_string(inner) or pa.types.is_string_view(inner)
    if pa.types.is_timestamp(arrow_type):
        return (arrow_type.tz is not None) == feature.has_zone
    return pa.types.is_date(arrow_type) and not feature.has_zone


def _hint(feature: Feature, arrow_type: pa.DataType) -> str:
    """A hint for a type that no feature can have, or whose meaning would have to be guessed."""
    for check, hint in HINTS:
        if check(arrow_type):
            return f" ({hint})"
    if feature.type == "timestamp" and (pa.types.is_timestamp(arrow_type) or pa.types.is_date(arrow_type)):
        return f" ({'with' if feature.has_zone else 'without'} a time zone: convert it explicitly)"
    return ""


HINTS: tuple[tuple[Callable[[pa.DataType], bool], str], ...] = (
    (pa.types.is_time, "a TIME has no number of its own: use epoch(column)"),
    (pa.types.is_interval, "an INTERVAL has no length of its own: use epoch(column)"),
    (pa.types.is_duration, "a duration has no unit of its own: use a number of seconds"),
    (
        pa.types.is_binary,
        "BLOB, BIT and GEOMETRY hold bytes: use a function that returns a number or a string",
    ),
    (pa.types.is_nested, "LIST, ARRAY, STRUCT, MAP, UNION and VARIANT: extract the values into columns"),
    (lambda kind: isinstance(kind, pa.BaseExtensionType), "another type, such as BIGNUM: cast it"),
)
