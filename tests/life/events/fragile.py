"""Rows whose label hangs on one step of a feature, by the macro and by the estimator."""

from __future__ import annotations

from typing import TYPE_CHECKING

from expected import champion
from shop import CHURN

if TYPE_CHECKING:
    from life import Life

FEATURE, STEP = "visits", 1


def check_fragile_rows(life: Life) -> None:
    """fragile_rows() names the rows whose label changes with one visit, and the label that they get."""
    name, key, table = f"{CHURN.name}_fragile", CHURN.subject.key, CHURN.feature_table
    call = (
        f"scorehouse.fragile_rows('{CHURN.name}', ref('{table}'), '{key}', "
        f"features=['{FEATURE}'], steps={{'{FEATURE}': {STEP}}})"
    )
    life.house.write(f"models/{name}.sql", f"select * from ({{{{ {call} }}}}) as fragile\n")
    life.build("--select", name)
    version, rows = champion(life.house.folder, CHURN.name), life.world.rows[CHURN.subject.table]
    usual = life.oracle.expected(CHURN, rows, version)
    wanted = set()
    for direction, step in (("down", -STEP), ("up", STEP)):
        moved = {
            k: row | {FEATURE: row[FEATURE] + step} for k, row in rows.items() if row[FEATURE] is not None
        }
        for k, outcome in life.oracle.expected(CHURN, moved, version).items():
            labels = usual[k].prediction, outcome.prediction
            if None not in labels and labels[0] != labels[1]:
                wanted.add((k, FEATURE, direction, *labels))
    columns = f"{key} as row_key, feature, direction, label, moved_label"
    found = {tuple(row.values()) for row in life.warehouse.rows(f"select {columns} from {life.table(name)}")}
    if not wanted or found != wanted:
        wrong = sorted(found ^ wanted)[:2]
        life.violate(
            "rows", f"of {len(wanted)} fragile rows, {len(found & wanted)} are named, wrong are {wrong}"
        )
    life.warehouse.execute(f"drop view if exists {life.table(name)}")
