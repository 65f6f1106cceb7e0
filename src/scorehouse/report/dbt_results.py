"""The results of dbt's last command and of its last freshness check, by ML model.

dbt writes `run_results.json`, `manifest.json` and `sources.json` into the project's target folder.
https://docs.getdbt.com/reference/artifacts/run-results-json
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from scorehouse.errors import RegistryError
from scorehouse.project.folder import reached, read_json
from scorehouse.registry.seeds import ModelSeeds
from scorehouse.report import volumes
from scorehouse.report.alert import Alert, Subject
from scorehouse.report.contests import TOO_FEW, is_refusal, only_waits, refusal
from scorehouse.report.outcome import BY_DAY, Outcome, outcome_of
from scorehouse.report.warehouse import Row, Warehouse
from scorehouse.report.words import few, in_window, number, stamp

# Tests that repeat what the monitoring tables say, and the topics of these alerts.
REPEATS = {
    "no_drift": {"drift", "quality"},
    "no_score_drift": {"scores"},
    "performance_not_below_reference": {"performance"},
    "labels_arrive": {"labels"},
    "rejected_share_below": {"runs"},
    "predictions_up_to_date": {"runs"},
    "no_worse_segments": {"segments"},
    "no_attribution_drift": {"scores"},
    "no_sequential_alert": {"sequential"},
}
# What a failing row of a test of ours may say beside its `problem`: facts about a window.
FACTS = (
    *("output", "segment", "feature", "metric", "value", "threshold", "reference_value"),
    *("challenger_value", "live_value", "difference_low", "margin", "n_rows"),
)
# What dbt's own tests count, in words.
COUNTED = {
    "unique": "{n} value{s} of {what} found more than once",
    "not_null": "{n} row{s} of {tested} without {what}",
}
# Commands that test, and all that say how nodes ended: others call it a success to compile one.
TESTING = ("build", "test", "retry")
# What leaves the results of tests as they are, by command; after any other, tests have to run again.
KEEPING = {
    "generate": "with --no-compile it would not have",
    "compile": "with another --target-path it would not have",
    "show": "with another --target-path it would not have",
}
ENDING = ("", *TESTING, "run", "seed", "snapshot", "clone", "run-operation")
AGES = ("predictions_fresh", "predictions_up_to_date")  # tests that say how old predictions may be


@dataclass(frozen=True)
class DbtResults:
    """What dbt found when; `by_model` has the outcomes of the nodes that belong to each registry.

    These are what depends on it, and what its prediction tables are made from, with the tests of both.
    `nodes` are the models of the project, each with the age in hours that a test allows its predictions.
    """

    by_model: dict[str, list[Outcome]]
    nodes: dict[str, float | None]
    tested_at: str = ""
    checked_at: str = ""
    # by ML model, the version of each alias in the project, which the warehouse may not have yet
    aliases: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    command: str = ""  # the last one that has written its results over those of all before

    @property
    def overwritten(self) -> str:
        """The command that has written over what the last tests have found; empty if the last one tested."""
        return f"dbt {self.command.replace('generate', 'docs generate')}" * (
            self.command not in ("", *TESTING)
        )

    @property
    def lost(self) -> str:
        """That a command has written over what the last tests have found, and how they are kept."""
        if not self.overwritten:
            return ""
        way = KEEPING.get(self.command, "dbt test finds it anew")
        return f"What dbt's last tests found is not known: {self.overwritten} has written over it; {way}."

    def of(self, ml_model: str, *, freshness: bool) -> list[Outcome]:
        """Freshness of the sources, or all other results that matter: tests, and whatever failed."""
        found = self.by_model.get(ml_model, [])
        if freshness:
            return [one for one in found if one.kind == "source"]
        return [one for one in found if one.kind == "test" or (one.kind != "source" and one.level != "ok")]

    def alerts_of(self, ml_model: str, topics: set[str], warehouse: Warehouse) -> list[Alert]:
        """Failed tests and stale sources, except tests that repeat an alert of these topics.

        A failing row of a test of ours is read from the warehouse, as dbt only counts them.
        """
        found = []
        for freshness, when in ((False, self.tested_at), (True, self.checked_at)):
            for one in self.of(ml_model, freshness=freshness):
                if one.level in ("ok", "none") or REPEATS.get(one.test, set()) & topics:
                    continue
                code, subject = ("source_stale", "source") if freshness else ("dbt_failed", "dbt")
                numbers: Row = {"kind": one.kind, "name": one.about or one.name, "level": one.level}
                rows = _failing_rows(one, warehouse)
                fact, action = _counted(one), ""
                if one.test == volumes.TEST:
                    fact, action = volumes.in_words(rows, one.tested)
                said = f"{_count(one)}, for example: {fact}" if action else fact or _found(one, rows)
                numbers |= {"message": said.rstrip("."), "fact": fact, "checked_at": when}
                numbers |= {"of_test": one.kind == "test", "column": one.column}
                anchor = f"{ml_model}-alerts"
                if one.challenger and one.failures:
                    action = f"scorehouse promote {ml_model} --remove {one.challenger}"
                    if only_waits(rows):
                        action = f"wait for more labels; until then, builds stay green with: {action}"
                about = Subject(subject)
                alert = Alert(code, one.level, about, one.sql, numbers, anchor=anchor, action=action)
                found.append(replace(alert, rows_sql=one.rows_sql))
        return found


def read_results(folder: Path, database: str, schema: str = "") -> DbtResults | None:
    """The results in a target folder; None if there are none, or those of another database or schema."""
    run, sources = (read_json(folder / file) for file in ("run_results.json", "sources.json"))
    nodes = nodes_of(folder)
    registries = {
        key: str(node["name"]).removeprefix("ml_")
        for key, node in nodes.items()
        if _is_registry(node, database, schema)
    }
    if not registries or not (run or sources):
        return None
    command = str(run.get("args", {}).get("which", ""))
    run = run if command in ENDING else {}
    results = [*run.get("results", []), *sources.get("results", [])]
    by_model = {
        name: [
            outcome_of(result, node := nodes.get(result["unique_id"], {}), _relation_of(node, nodes))
            for result in results
            if result["unique_id"] in line and result["status"] != "skipped"
        ]
        for name, line in _lines(registries, nodes).items()
    }
    aliases = {name: _aliases(folder.parent, name) for name in registries.values()}
    return DbtResults(by_model, _max_ages(nodes), _time(run), _time(sources), aliases, command)


def _relation_of(test: dict[str, Any], nodes: dict[str, dict[str, Any]]) -> str:
    """The table that a test is of, as SQL names it; empty if it is of none."""
    return str(nodes.get(str(test.get("attached_node")), {}).get("relation_name") or "")


def _aliases(project: Path, name: str) -> dict[str, int]:
    """The versions that have an alias in the project's seed; empty where its file cannot be read."""
    seeds = ModelSeeds(project, name)
    try:
        known = seeds.versions() if seeds.registry_file.is_file() else []
    except RegistryError:
        return {}
    return {alias: version.version for version in known for alias in version.aliases}


def _failing_rows(one: Outcome, warehouse: Warehouse) -> list[Row]:
    """One of the rows that a test of ours found; those of other tests may be of the user's tables.

    Of volumes and days, all rows; of a gate, what is worse first, and what waits for labels last.
    """
    if not (one.failures and one.is_ours):
        return []
    limit = "" if one.challenger or one.test == volumes.TEST else " limit 1"
    limit = " order by day desc" if one.test == BY_DAY else limit
    try:
        rows = warehouse.rows(f"select * from (\n{one.sql}\n){limit}")
    except duckdb.Error:
        return []
    return sorted(rows, key=lambda row: (row.get("problem") == TOO_FEW, row.get("problem") != "worse"))


def _found(one: Outcome, rows: Sequence[Row]) -> str:
    """How many failures a test found, and what the first of them says; else dbt's message."""
    if not one.failures:
        return one.text
    said, row = _count(one), next(iter(rows), {})
    facts = [str(row["problem"]).replace("_", " ")] if row.get("problem") else []
    if one.challenger and is_refusal(row):
        return f"{said}, for example: {refusal(row)}"
    if isinstance(start := row.get("window_start"), datetime):
        facts.append(in_window(start, row.get("window_end") or start + timedelta(days=1)))
    alike = [each for each in rows if one.test == BY_DAY and each["problem"] == row["problem"]]
    if days := [f"{each['day']:%Y-%m-%d}" for each in alike if each["day"]]:
        facts.append(f"on {few(days)}")
    for name in FACTS:
        if (value := row.get(name)) is not None and value != "all":
            facts.append(f"{name} {number(value) if isinstance(value, float) else value}")
    return f"{said}, for example: {', '.join(facts)}" if facts else said


def _counted(one: Outcome) -> str:
    """What a failed test of dbt's own has found, in words; empty for other tests."""
    if not one.failures or one.is_ours or one.test not in COUNTED:
        return ""
    said = {"n": f"{one.failures:,}", "s": "" if one.failures == 1 else "s", "tested": one.tested}
    return COUNTED[one.test].format(**said, what=one.column.removeprefix(f"{one.tested}.") or "its key")


def _count(one: Outcome) -> str:
    return f"{one.failures:,} failure{'' if one.failures == 1 else 's'}"


def _is_registry(node: dict[str, Any], database: str, schema: str) -> bool:
    """Whether a node is the seed `ml_<name>` in this database, and in this schema or one that begins so."""
    name = str(node.get("name"))
    seed = node.get("resource_type") == "seed" and name.startswith("ml_") and "__" not in name
    is_there = str(node.get("database") or "").lower() == database.lower()
    begins = f"{schema}_" if schema else ""
    return seed and is_there and f"{node.get('schema')}_".lower().startswith(begins.lower())


def nodes_of(folder: Path) -> dict[str, dict[str, Any]]:
    """Nodes and sources of the manifest in a target folder, by their unique ids; empty if there is none."""
    manifest = read_json(folder / "manifest.json")
    return {**manifest.get("nodes", {}), **manifest.get("sources", {})}


def _lines(registries: dict[str, str], nodes: dict[str, dict[str, Any]]) -> dict[str, set[str]]:
    """By ML model: what depends on its registry, and what its predictions are made from, with its tests."""
    parents = {key: set(node.get("depends_on", {}).get("nodes", [])) for key, node in nodes.items()}
    children: dict[str, set[str]] = {}
    for key, above in parents.items():
        for parent in above:
            children.setdefault(parent, set()).add(key)
    lines = {}
    for key, name in registries.items():
        below = reached([key], children)
        direct = {node for node in children.get(key, ()) if node.startswith("model.")}
        above = reached({node for node in direct if _scores(nodes[node])} or direct, parents)
        tests = {test for test in nodes if test.startswith("test.") and parents[test] <= above | below}
        sources = {node for node in reached(below, parents) if node.startswith("source.")}
        lines[name] = below | above | tests | sources
    return lines


def _scores(node: dict[str, Any]) -> bool:
    """Whether a model is a prediction table, by its materialization or by the call of `scored`."""
    config = node.get("config") or {}
    return config.get("materialized") == "predictions" or "scorehouse" in (config.get("meta") or {})


def _max_ages(nodes: dict[str, dict[str, Any]]) -> dict[str, float | None]:
    """Each model, with the smallest `max_age_hours` of its tests."""
    found: dict[str, float | None] = {key: None for key in nodes if key.startswith("model.")}
    for node in nodes.values():
        test = node.get("test_metadata") or {}
        hours, tested = (test.get("kwargs") or {}).get("max_age_hours"), node.get("attached_node")
        if test.get("name") in AGES and tested in found and isinstance(hours, int | float):
            found[tested] = min(hours, found[tested] or hours)
    return found


def _time(artifact: dict[str, Any]) -> str:
    try:
        return f"{stamp(datetime.fromisoformat(artifact['metadata']['generated_at']))} UTC"
    except (KeyError, TypeError, ValueError):
        return "at an unknown time"
