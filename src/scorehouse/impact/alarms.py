"""Which alarms a promotion would move: the project's own monitors, put over the rows of the new version."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from scorehouse.engines.duckdb.sql import literal, quote
from scorehouse.engines.duckdb.staging import described
from scorehouse.errors import ConfigurationError
from scorehouse.impact.move import Move
from scorehouse.impact.scan import AFTER, BEFORE, TABLE, bare
from scorehouse.kernel.scorer import REJECT_REASON
from scorehouse.rehearsal.monitors import FOLDER, Monitor, monitors_of
from scorehouse.report import limits
from scorehouse.report.dbt_results import nodes_of
from scorehouse.report.warehouse import Row, Warehouse

ROWS, PROFILES = "temp.main.scorehouse_impact_rows", "temp.main.scorehouse_impact_profiles"
JUDGED = """
select feature, metric, status, value from ({sql})
where ml_model = {name} and version = {version} and part = 'output' and segment = 'all' and status <> 'info'
qualify window_end = max(window_end) over () order by feature, metric
"""
NOT_JUDGED = "not judged"


@dataclass(frozen=True)
class Alarm:
    """A light of a monitor in its newest window: as it is, and as the new version would turn it.

    `drift` is an alarm.
    """

    monitor: str
    output: str
    metric: str
    before: str
    after: str
    value_before: float | None = None
    value_after: float | None = None

    @property
    def moves(self) -> bool:
        return self.before != self.after


def rejections(connection: duckdb.DuckDBPyConnection, rows: int) -> Alarm:
    """The light of the last run, by the share of rows that each version rejects."""
    counts = [f"count({quote(REJECT_REASON + side)})" for side in (BEFORE, AFTER)]
    (found,) = connection.execute(f"select {', '.join(counts)} from {TABLE}").fetchall()
    was, now = (
        limits.ending({"status": "success", "rows_in": rows, "rows_rejected": n}).level for n in found
    )
    shares = (n / rows if rows else None for n in found)
    return Alarm("run log", "rows", "rejected_share", was, now, *shares)


def alarms(warehouse: Warehouse, project: Path, move: Move, call: str) -> tuple[list[Alarm], str]:
    """The lights of outputs in every table of drift, and why there is none.

    The monitors are those that dbt compiled last in the project; what is missing there is not compiled here.
    """
    nodes, relation = _compiled(project), str(move.run["prediction_table"])
    select = f"--select ml_{move.before.name}__reference+2"
    again = f"dbt compile --full-refresh --target-path {FOLDER} {select}"
    try:
        found = monitors_of(nodes, warehouse, move.before.name, call)
    except ConfigurationError as error:
        return [], f"{error.problem}, or dbt has not compiled it: {again}"
    found = [one for one in found if relation in one.profile.sql]
    if not found:
        return [], f"no profile reads {move.table}"
    connection = warehouse.connection
    try:
        _stage(connection, relation, move)
        lights: list[Alarm] = []
        for one in found:
            sql = one.profile.sql.replace(relation, ROWS)
            connection.execute(  # counts of one column do not depend on the others
                f"create or replace temp table {bare(PROFILES)} as "
                f"select * from ({sql}) where part = 'output'"
            ).fetchall()
            for monitor in one.drift:
                lights += _lights(warehouse, monitor, one.profile.relation, move)
    except duckdb.Error as error:
        return [], f"the monitors cannot be computed ({str(error).splitlines()[0]}); after {again}, try again"
    if lights and all(one.after == NOT_JUDGED for one in lights):
        seed = f"dbt seed --select tag:ml_{move.after.name}"
        return [], f"they do not know version {move.after.version} yet: {seed}, then {again}"
    return lights, ""


def _compiled(project: Path) -> dict[str, Any]:
    """The nodes of dbt's last command; SQL that it has not compiled is that of a command before."""
    folders = [project / "target", project / FOLDER]
    folders.sort(key=lambda folder: _written_at(folder / "manifest.json"), reverse=True)
    newest, older = map(nodes_of, folders)
    nodes = newest or older
    for key, node in nodes.items():
        if node.get("resource_type") == "model" and not node.get("compiled_code"):
            place = project / "target" / "compiled" / node["package_name"] / node["original_file_path"]
            before = older.get(key, {}).get("compiled_code")
            node["compiled_code"] = before or (place.read_text(encoding="utf-8") if place.is_file() else "")
    return nodes


def _written_at(file: Path) -> float:
    return file.stat().st_mtime if file.is_file() else 0.0


def _stage(connection: duckdb.DuckDBPyConnection, relation: str, move: Move) -> None:
    """The prediction table of the new version, which no run has written yet."""
    reason, version = quote(REJECT_REASON + AFTER), move.after
    made = {
        "row_status": f"case when {reason} is null then 'scored' else 'rejected' end",
        "model_name": literal(version.name),
        "model_version": str(version.version),
        "model_alias": literal(move.alias),
        "is_live": "true",
        "model_digest": literal(version.sha256),
        "scoring_run_id": literal(str(move.run["run_id"])),
        "scored_at": "now()",
    }
    for name in described(connection, f"select * from {TABLE}"):
        if not name.endswith(BEFORE):
            made[name.removesuffix(AFTER)] = quote(name)
    types = described(connection, f"select * from {relation}")
    columns = (f"cast({made.get(n, 'null')} as {kind}) as {quote(n)}" for n, kind in types.items())
    connection.execute(
        f"create or replace temp table {bare(ROWS)} as select {', '.join(columns)} from {TABLE}"
    ).fetchall()


def _lights(warehouse: Warehouse, monitor: Monitor, profile: str, move: Move) -> Iterator[Alarm]:
    """Each light of one table of drift: what the table says now, and what it would say."""
    name, before, after = move.before.name, move.before.version, move.after.version
    was = _judged(warehouse, f"select * from {monitor.relation}", name, before)
    now = _judged(warehouse, monitor.sql.replace(profile, PROFILES), name, after)
    nothing: Row = {"status": NOT_JUDGED, "value": None}
    for light in sorted({**was, **now}):
        old, new = was.get(light, nothing), now.get(light, nothing)
        yield Alarm(monitor.name, *light, old["status"], new["status"], old["value"], new["value"])


def realised(warehouse: Warehouse, kept: Sequence[Mapping[str, Any]], name: str, version: int) -> list[str]:
    """What the tables of drift say now of each light that was predicted; not judged where they do not."""
    tables = {one.name: one for one in warehouse.of_kind("drift")}
    rows = {
        monitor: _judged(warehouse, f"select * from {tables[monitor].quoted}", name, version)
        for monitor in {one["monitor"] for one in kept} & tables.keys()
    }
    lights = [rows.get(one["monitor"], {}).get((one["output"], one["metric"])) for one in kept]
    return [NOT_JUDGED if light is None else str(light["status"]) for light in lights]


def _judged(warehouse: Warehouse, sql: str, name: str, version: int) -> dict[tuple[str, str], Row]:
    """The lights of the newest window of a version, by output and metric; none of a table not built since."""
    asked = JUDGED.format(sql=sql, name=literal(name), version=version)
    return {(row["feature"], row["metric"]): row for row in warehouse.rows(asked)}
