"""The monitors of an ML model as dbt compiles them: SQL that any rows can be put into."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from scorehouse.dialect import DUCKDB
from scorehouse.errors import ConfigurationError
from scorehouse.report.dbt_results import nodes_of
from scorehouse.report.warehouse import Table, Warehouse
from scorehouse.retraining.dbt import Dbt

# In the SQL of a profile: a column of the key, and the one of the day.
FIXED = re.compile(r"""(?:= features|date_trunc\('day', (?:features|predictions))\."((?:[^"]|"")+)\"""")
FOLDER = "target/rehearsal"  # not target/, whose results are those of the user's last command


@dataclass(frozen=True)
class Monitor:
    """A dbt model: the relation that it makes, its SQL and file, and the relations that it reads."""

    name: str
    relation: str
    sql: str
    file: str
    reads: tuple[str, ...]

    @property
    def fixed(self) -> set[str]:
        """The columns, in lower case, by which a profile joins its rows and cuts its windows."""
        return {name.replace('""', '"').lower() for name in FIXED.findall(self.sql)}

    @property
    def compares_windows(self) -> bool:
        """Whether drift compares windows with each other: a fault in all of them would not show."""
        return "reference_bins" not in self.sql


@dataclass(frozen=True)
class Monitored:
    """A profile, and the tables of drift that are made from it."""

    profile: Monitor
    drift: tuple[Monitor, ...]


def compile_monitors(dbt: Dbt, name: str) -> dict[str, Any]:
    """The nodes of the project by their ids, those of the monitors with SQL that reads all rows."""
    dbt = replace(dbt, target=FOLDER)
    dbt.run("compile", "--full-refresh", "--select", f"ml_{name}__reference+2")
    return nodes_of(dbt.project / dbt.target)


def monitors_of(nodes: Mapping[str, Any], warehouse: Warehouse, name: str, call: str) -> list[Monitored]:
    """What monitors the ML model. Raises ConfigurationError if no table of drift does, or none has rows."""
    built = {kind: _built(nodes, warehouse.of_kind(kind)) for kind in ("profiles", "drift")}
    found = []
    for key, profile in built["profiles"].items():
        drift = [
            monitor
            for node, monitor in built["drift"].items()
            if key in nodes[node]["depends_on"]["nodes"] and _is_main(profile, monitor, built["profiles"])
        ]
        if drift:
            found.append(Monitored(profile, tuple(drift)))
    if not found:
        raise ConfigurationError(
            call,
            f"no table of drift of {name!r} is in {warehouse.file.name!r}",
            expected="models that call scorehouse.profile and scorehouse.drift, built in this target",
            action=f"write them with `scorehouse scaffold monitors {name}`, and build them",
        )
    has_rows = f"select 1 from {{}} where ml_model = {DUCKDB.literal(name)} and kind = 'all' limit 1"
    known = [one for one in found if warehouse.rows(has_rows.format(one.profile.relation))]
    if not known:
        raise ConfigurationError(
            call,
            f"{found[0].profile.name} has no window of {name!r} yet, so there is no past to rehearse",
            expected="at least one run or day that was scored and profiled",
            action=f"score, build {found[0].profile.name}, and come again when a few windows are there",
        )
    return known


def _built(nodes: Mapping[str, Any], tables: Iterable[Table]) -> dict[str, Monitor]:
    """The compiled models that made these tables, by their ids."""
    places = {(table.schema.lower(), table.name.lower()) for table in tables}
    return {
        key: Monitor(
            node["name"],
            node["relation_name"],
            node["compiled_code"],
            node["original_file_path"],
            tuple(relation for one in node["depends_on"]["nodes"] if (relation := _relation(nodes, one))),
        )
        for key, node in nodes.items()
        if node.get("compiled_code") and node.get("relation_name")
        if (node["schema"].lower(), str(node.get("alias")).lower()) in places
    }


def _relation(nodes: Mapping[str, Any], key: str) -> str | None:
    """The relation of a node that can hold features; None for the seeds of the registry."""
    node = nodes.get(key, {})
    is_registry = node.get("resource_type") == "seed" and str(node.get("name")).startswith("ml_")
    return None if is_registry else node.get("relation_name")


def _is_main(profile: Monitor, drift: Monitor, profiles: Mapping[str, Monitor]) -> bool:
    """Whether drift is computed from this profile, which its SQL names before that of training segments."""
    places = {one.relation: drift.sql.find(one.relation) for one in profiles.values()}
    return places[profile.relation] == min(place for place in places.values() if place >= 0)
