"""skops: an archive of plain data that names types; only trusted types are built from it.

The project lists the types that it trusts beyond those that skops itself knows to be harmless.
"""

from __future__ import annotations

import io
import json
import warnings
import zipfile
from typing import Any

from scorehouse.errors import LoadRefusedError, listed
from scorehouse.registry.formats.base import Format, cannot_store, import_extra
from scorehouse.registry.signature import Signature
from scorehouse.registry.version import Version

# types of this package that hold parameters and what was fitted, and run nothing when they are built
OWN_TYPES = (
    *(f"scorehouse.segmented.estimators.Segmented{kind}" for kind in ("Classifier", "Regressor")),
    "scorehouse.dates.CalendarParts",
    "scorehouse.dates.DaysSinceEpoch",
    "scorehouse.quantiles.MultiQuantileRegressor",
)
SCHEMA = "schema.json"
EPOCH = (1980, 1, 1, 0, 0, 0)


def dump(estimator: Any, signature: Signature, version: Version, call: str) -> bytes:
    skops = import_extra("skops.io", "skops", call)
    try:
        return canonical(skops.dumps(estimator))
    except Exception as error:
        raise cannot_store(estimator, "skops", f"{type(error).__name__}: {error}", call) from error


def load(data: bytes, version: Version, trusted: tuple[str, ...], call: str) -> Any:
    """Build the estimator if every type in the archive is trusted; nothing is built before that check."""
    skops = import_extra("skops.io", "skops", call)
    unknown = sorted(set(skops.get_untrusted_types(data=data)) - {*trusted, *OWN_TYPES})
    if unknown:
        raise LoadRefusedError(
            call,
            f"the artifact of {version.label} contains types that are not trusted: {listed(unknown)}",
            expected=f"only types that skops trusts, or that the load policy lists ({listed(trusted)})",
            action=(
                "read what these types do; if they are harmless, add them to trusted_types in the "
                "variable scorehouse_load_policy"
            ),
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", category=UserWarning)
        return skops.loads(data, trusted=[*trusted, *OWN_TYPES])


def canonical(data: bytes) -> bytes:
    """The archive without memory addresses and times, so that equal estimators have equal digests."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        schema = json.loads(archive.read(SCHEMA))
        names: dict[str, str] = {}
        _renumber(schema, {}, names)
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as out:
            for old, new in names.items():
                out.writestr(zipfile.ZipInfo(new, EPOCH), archive.read(old), zipfile.ZIP_DEFLATED)
            text = json.dumps(schema, indent=1)
            out.writestr(zipfile.ZipInfo(SCHEMA, EPOCH), text, zipfile.ZIP_DEFLATED)
    return stream.getvalue()


def _renumber(node: Any, numbers: dict[int, int], names: dict[str, str]) -> None:
    """Number objects in the order in which they occur, and name their files by these numbers."""
    if isinstance(node, list):
        for item in node:
            _renumber(item, numbers, names)
    if not isinstance(node, dict):
        return
    if isinstance(node.get("__id__"), int):
        node["__id__"] = numbers.setdefault(node["__id__"], len(numbers) + 1)
    if isinstance(node.get("file"), str) and "__loader__" in node:
        stem, dot, ending = node["file"].rpartition(".")
        node["file"] = names.setdefault(node["file"], f"{len(names) + 1}{dot}{ending}" if stem else "")
    for value in node.values():
        _renumber(value, numbers, names)


CONTENT = "an archive that this release of skops can read"
FORMAT = Format("skops", ".skops", "scikit-learn", dump, load, CONTENT)
