"""The warehouse and the oracle, brought into one form and compared."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

from oracle.rules import STATES, LoggedRun, Prediction, Table

BESIDE = "model_version__"
SIDE_BY_SIDE = ("prediction", "score", "reject_reason", "model_version")


def shown(rows: list[dict[str, Any]], run_numbers: Mapping[UUID, int], table: Table) -> dict[Any, Any]:
    """Rows of the warehouse, by key and label, as `expected` gives those of the oracle."""
    found = {}
    for row in unfolded(rows, table.live):
        key = (row["id"], row["day"]) if table.settings.history else (row["id"],)
        name = key, row.get("model_alias", "")
        assert name not in found, f"{name} stands twice in the table"
        reasons = [reason.split("=")[0] for reason in (row["reject_reason"] or "").split(";") if reason]
        found[name] = {
            "part": row["part"],
            "note": row.get("note"),
            "prediction": row["prediction"],
            "score": row["score"],
            "row_status": row["row_status"],
            "reasons": sorted(reasons),
            "model_version": row["model_version"],
            "is_live": row.get("is_live", True),
            "run": run_numbers.get(row["scoring_run_id"]),
            "is_vanished": row.get("is_vanished", False),
            "decided": (row.get("decision"), row.get("band")),
            "policy": row.get("decision_policy"),
        }
    return found


def unfolded(rows: list[dict[str, Any]], live: str) -> Iterator[dict[str, Any]]:
    """The versions of a wide row one by one, as a long table has them; only the live one decides."""
    for row in rows:
        others = [name.removeprefix(BESIDE) for name in row if name.startswith(BESIDE)]
        if others:
            yield {**row, "model_alias": live}
        else:
            yield row
        for other in others:
            own = {name: row[f"{name}__{other}"] for name in SIDE_BY_SIDE}
            status = "scored" if own["reject_reason"] is None else "rejected"
            undecided = dict.fromkeys(("decision", "band", "decision_policy"))
            label = other.replace("_", " ")
            yield {**row, **undecided, **own, "row_status": status, "model_alias": label, "is_live": False}


def expected(row: Prediction, policies: Mapping[str, str]) -> dict[str, Any]:
    """A row of the oracle, as `shown` gives it; `policies` are the names of policies in the warehouse."""
    outcome = row.outcome
    return {
        "part": row.made_from.part,
        "prediction": outcome.prediction,
        "score": outcome.score,
        "row_status": "rejected" if outcome.reasons else "scored",
        "reasons": sorted(outcome.reasons),
        "model_version": row.version,
        "is_live": row.is_live,
        "run": row.run,
        "is_vanished": row.vanished,
        "decided": row.decided,
        "policy": policies[str(row.policy)] if row.policy else None,
    }


def differences(found: Mapping[Any, Any], table: Table, policies: Mapping[str, str]) -> list[str]:
    """Where the warehouse and the oracle disagree, in words."""
    wanted = {name: expected(row, policies) for name, row in table.rows.items()}
    for (key, _), row in wanted.items():
        row["note"] = f"n{key[0]}" if "note" in table.columns[-1] else None
    told = [f"{name} is missing" for name in sorted(set(wanted) - set(found))]
    told += [f"{name} should not be there" for name in sorted(set(found) - set(wanted))]
    for name in sorted(set(wanted) & set(found)):
        for column, value in wanted[name].items():
            got = found[name][column]
            close = column == "score" and None not in (value, got) and math.isclose(value, got, rel_tol=1e-12)
            if got != value and not close:
                told.append(f"{name}: {column} is {got!r}, and should be {value!r}")
    return told


def wrong_counts(run: Mapping[str, Any], wanted: LoggedRun) -> list[str]:
    """Where a row of the run log tells other counts than the oracle."""
    counts: dict[str, Any] = {
        "rows_in": wanted.rows_in,
        "rows_rejected": wanted.rejected,
        "rows_scored": wanted.rows_in - wanted.rejected,
        "rows_left": wanted.rows_left,
    }
    counts |= {f"rows_{state}": wanted.states[state] if wanted.states else None for state in STATES}
    return [f"{name} is {run[name]}, not {value}" for name, value in counts.items() if run[name] != value]
