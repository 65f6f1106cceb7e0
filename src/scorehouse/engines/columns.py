"""Columns of the feature table: found by name, and kept apart from the columns of the output."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from scorehouse.errors import ConfigurationError, SignatureError

AUDIT_COLUMNS = (
    "row_status",
    "model_name",
    "model_version",
    "model_digest",
    "scoring_run_id",
    "scored_at",
    "feature_hash",
)


def find_columns(role: str, wanted: Sequence[str], columns: Sequence[str], call: str) -> dict[str, str]:
    """Map each wanted name to the feature table's column, exactly or but for case."""
    folded = {column.lower(): column for column in columns}
    found, missing = {}, []
    for name in wanted:
        column = name if name in columns else folded.get(name.lower())
        if column is None:
            near = difflib.get_close_matches(name.lower(), list(folded), n=1)
            missing.append(f"{name!r} (near: {folded[near[0]]!r})" if near else repr(name))
        else:
            found[name] = column
    if missing:
        raise ConfigurationError(
            call,
            f"{role} names columns that the feature table does not have: {', '.join(missing)}",
            expected=f"columns among {list(columns)}",
            action=f"correct {role}, or add the columns to the feature model",
        )
    return found


def check_output_names(
    columns: Sequence[str], *, kept: Sequence[str], features: Sequence[str], outputs: Sequence[str], call: str
) -> None:
    """Refuse a feature table with a column that is named like one of the output columns.

    A feature of the ML model may bear such a name, since it is read and not written.
    """
    taken = {name.lower() for name in (*outputs, *AUDIT_COLUMNS, "rank")}
    kept_names = {name.lower() for name in kept}
    used = {name.lower() for name in features}
    clash = [
        column
        for column in columns
        if column.lower() in taken and (column.lower() in kept_names or column.lower() not in used)
    ]
    if clash:
        raise SignatureError(
            call,
            f"the feature table has columns named like columns of the prediction table: {clash}",
            expected="other names, since it could not be told which of the two a reader means",
            action="rename or leave out these columns in the feature model",
        )
