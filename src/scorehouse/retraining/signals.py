"""Whether retraining is asked for: the table that `retraining_signals` makes, read and said in a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from scorehouse.errors import ConfigurationError
from scorehouse.registry.version import Version
from scorehouse.report.alerts import facts_of
from scorehouse.report.gather import gather
from scorehouse.report.row_sql import Rows
from scorehouse.report.warehouse import Row, Table, Warehouse


@dataclass(frozen=True)
class Signal:
    """Whether training is asked for (None: not judged), and why, as a sentence without a full stop."""

    retrain: bool | None
    why: str


def signal_of(warehouse: Warehouse, champion: Version, call: str, *, force: bool) -> Signal:
    """The verdict of the signals on `champion`; with `force`, training is asked for in any case.

    Raises ConfigurationError if no table of signals judges this version and `force` is not set.
    """
    rows = [(table, row) for table, found in tables_of(warehouse, champion.name) for row in found]
    own = [(table, row) for table, row in rows if row["version"] == champion.version]
    if own:
        found = next((pair for pair in own if pair[1]["retrain"]), own[0])
        verdict = _verdict(*found, champion)
        return verdict if verdict.retrain or not force else Signal(True, f"--force was given; {verdict.why}")
    if force:
        return Signal(True, f"--force was given; no table of signals judges {champion.label}")
    raise _unknown(warehouse.of_kind("retraining"), [row for _, row in rows], champion, call)


def faults_of_data(warehouse: Warehouse, name: str) -> list[str]:
    """What the report calls a fault of the data behind an ML model, as the titles of its alerts."""
    if f"ml_{name}" not in (table.name for table in warehouse.of_kind("registry")):
        return []  # its seeds are not loaded yet
    facts = [alert for data in gather(warehouse, name) for alert in facts_of(Rows(warehouse, data))]
    return [alert.title for alert in facts if alert.is_fault]


def tables_of(warehouse: Warehouse, name: str) -> list[tuple[Table, list[Row]]]:
    """The tables of signals that have rows of an ML model."""
    sql = "select * from {} where ml_model = ? order by version"
    found = [
        (table, warehouse.rows(sql.format(table.quoted), [name])) for table in warehouse.of_kind("retraining")
    ]
    return [(table, rows) for table, rows in found if rows]


def _verdict(table: Table, row: Row, champion: Version) -> Signal:
    if row["retrain"]:
        return Signal(True, f"{table.name} asks to train {champion.label} again: {row['reasons']}")
    if row.get("data_faults"):
        why = f"; then think of training again: {row['reasons']}" if row["reasons"] else ""
        return Signal(
            False, f"{table.name} finds the data at fault, look at them first: {row['data_faults']}{why}"
        )
    if row["retrain"] is None:
        return Signal(None, f"{table.name} cannot judge {champion.label}: {row.get('not_judged')}")
    if row.get("status") == "refit_no_help":
        return Signal(False, f"{table.name} has reasons ({row['reasons']}), but a refit {row['refit']}")
    return Signal(False, f"{table.name} has no reason to train {champion.label} again")


def _unknown(
    tables: Sequence[Table], rows: Sequence[Row], champion: Version, call: str
) -> ConfigurationError:
    names = ", ".join(table.name for table in tables)
    if rows:
        problem = f"{names} judges version {rows[-1]['version']}, but the champion is {champion.label}"
        action = f"build it again (dbt build --select {tables[0].name})"
    else:
        problem = f"{names} has no row of {champion.name}" if tables else "there is no table of signals"
        action = f"write one with `scorehouse scaffold monitors {champion.name}`, and build it"
    return ConfigurationError(
        call,
        problem,
        expected="a table that scorehouse.retraining_signals makes, with a row of the champion",
        action=f"{action}; or train without signals, with --force",
    )
