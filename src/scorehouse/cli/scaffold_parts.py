"""dbt tests of a feature table, generated from the signature: dbt finds rows that scoring would reject."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from scorehouse.project.dbt_names import with_columns
from scorehouse.project.dbt_text import dump_yaml
from scorehouse.registry.signature import Feature, Signature
from scorehouse.registry.version import Version

RESOURCES = ("model", "seed", "snapshot")
SEVERITIES = ("error", "warn")
MAX_CHANGE = 0.75  # fewer than a quarter of the usual rows, or nearly twice as many, are a finding
OUTSIDE = 0.01  # the share of rows outside the range of training that passes, as in a drift table


def feature_tests_yaml(
    version: Version,
    signature: Signature,
    *,
    table: str,
    resource: str = "model",
    severity: str = "error",
    range_severity: str = "warn",
    day: str | None = None,
    max_age_days: int = 1,
) -> str:
    """The YAML of a feature table, with one entry per feature and the tests that its signature requires.

    `severity` applies to tests whose failing rows are rejected by scoring (types, NULL, unseen categories),
    `range_severity` to the tests for values outside the training range, which scoring accepts, and for days
    with unusually few or many rows. If `day` names the column with the date of a row, no new rows for more
    than `max_age_days` (and the usual gaps) are as severe as rejected rows: nothing new would be scored.
    """
    rows = version.training_rows
    columns = (_column(feature, severity, range_severity, rows) for feature in signature.features)
    entry: dict[str, Any] = {"name": table}
    if day is not None:
        newest = {"day": day, "max_age_days": max_age_days}
        usual = {"day": day, "max_change": MAX_CHANGE, "latest": True}
        name = "scorehouse.volume_in_range"
        entry["data_tests"] = [_test(name, severity, **newest), _test(name, range_severity, **usual)]
    document = {"version": 2, f"{resource}s": [with_columns(entry, columns)]}
    head = (
        f"# Written by `scorehouse scaffold tests {version.name}` from the signature of {version.label}.\n"
        "# Yours to edit; where the table is described already, move the tests there.\n"
    )
    return head + dump_yaml(document)


def _column(feature: Feature, severity: str, range_severity: str, rows: int | None) -> dict[str, Any]:
    tests = [*_rejecting(feature, severity), *_range(feature, range_severity, rows)]
    return {"name": feature.name, "data_tests": tests}


def _rejecting(feature: Feature, severity: str) -> Iterator[dict[str, Any]]:
    yield _test("scorehouse.feature_has_type", severity, type=feature.sql_kind)
    if not feature.accepts_null:
        yield _test("not_null", severity)
    if feature.categories and not feature.accepts_unseen:
        texts = feature.type == "string"
        values = [v.replace("'", "''") if texts else v for v in feature.categories]
        yield _test("accepted_values", severity, values=values, quote=texts)


def _range(feature: Feature, severity: str, rows: int | None) -> Iterator[dict[str, Any]]:
    if feature.minimum is None or feature.maximum is None:
        return
    limits: dict[str, Any] = {"min_value": feature.minimum, "max_value": feature.maximum}
    if feature.type == "double" and feature.accepts_null:
        limits["allow_nan"] = True
    limits |= {"max_share": OUTSIDE} | ({"training_rows": rows} if rows else {})
    yield _test("scorehouse.feature_in_range", severity, **limits)


def _test(name: str, severity: str, **arguments: Any) -> dict[str, Any]:
    body: dict[str, Any] = {"arguments": arguments} if arguments else {}
    return {name: {**body, "config": {"severity": severity}}}
