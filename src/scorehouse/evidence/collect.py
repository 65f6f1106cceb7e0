"""Collect what a pack is made from: out of the project, the warehouse and dbt's results.

The lineage of one run as an OpenLineage event, with the ML model as an input and with columns.

https://openlineage.io/docs/spec/object-model ; what dbt's own integration reports lacks the ML model and the
origin of the predictions.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import yaml

from scorehouse.errors import ConfigurationError, did_you_mean, listed
from scorehouse.evidence.canonical import digest, facts_of
from scorehouse.project.run_log_place import STARTED, SUCCESS
from scorehouse.registry import artifact
from scorehouse.registry.policy import LoadPolicy
from scorehouse.registry.storage import locate, read_verified
from scorehouse.registry.version import Version
from scorehouse.report.dbt_results import DbtResults, nodes_of
from scorehouse.report.gather import gather
from scorehouse.report.page import Report, card_page, read_given
from scorehouse.report.sections import chapter_of
from scorehouse.report.warehouse import Row, Warehouse
from scorehouse.retraining.rows import commit_of

OURS = "scorehouse"


def run_named(rows: Sequence[Row], run_id: str, call: str) -> Row:
    """The run with this id or start of an id; of two rows of a run, the one that closed it."""
    same = [row for row in rows if str(row["run_id"]).startswith(run_id)]
    same.sort(key=lambda row: row["status"] != STARTED)
    found = {str(row["run_id"]): row for row in same}
    if len(found) != 1:
        begins = [str(row["run_id"])[: len(run_id)] for row in rows]
        many = f"{len(found)} run ids begin with it, such as {listed(sorted(found)[:3])}"
        none = f"none of {len(rows)} rows of the run log begins with it{did_you_mean(run_id, begins)}"
        raise ConfigurationError(
            call,
            many if found else none,
            expected="the id of one run, or first characters that no other run has",
            action="look it up with `scorehouse runs`",
        )
    (row,) = found.values()
    if not row["model_name"] or row["model_version"] is None:
        raise ConfigurationError(
            call,
            f"the run {row['run_id']} ended before a version was chosen ({row['error'] or row['status']})",
            expected="a run that names an ML model and a version",
            action="name another run, or make a pack of a version",
        )
    return row


def runs_of(rows: Sequence[Row], version: Version) -> list[Row]:
    """The runs of a version, oldest first."""
    wanted = (version.name, version.version)
    own = (row for row in rows if (row["model_name"], row["model_version"]) == wanted)
    return sorted(own, key=lambda row: (str(row["started_at"]), str(row["run_id"])))


def last_success(runs: Sequence[Row], version: Version) -> Row | None:
    """The newest successful run by exactly this artifact."""
    good = [row for row in runs if row["status"] == SUCCESS and row["model_digest"] == version.sha256]
    return good[-1] if good else None


def read_signature(root: Path, version: Version, policy: LoadPolicy, call: str) -> bytes:
    """The bytes of the pinned signature file."""
    place = locate(root, artifact.beside(version, artifact.SIGNATURE_FILE), policy, call)
    return read_verified(root, place, version.signature_sha256, version.label, policy, call)


def card_of_version(
    warehouse: Warehouse, version: Version, results: DbtResults | None, cards: Path, now: datetime
) -> str:
    """The model card as the report draws it."""
    (data,) = gather(warehouse, version.name, version.version)
    if version.version != data.live.version:
        raise ConfigurationError(
            warehouse.call,
            f"the seed ml_{version.name} in the warehouse has no version {version.version}",
            expected="the seed as it is in version control",
            action=f"run `dbt seed --select tag:ml_{version.name}`",
        )
    chapter = chapter_of(warehouse, data, results)
    names = [table.name.removeprefix("ml_") for table in warehouse.of_kind("registry")]
    given = read_given(cards, names, warehouse.call) if cards.is_file() else {}
    report = Report([chapter], f"Model card of {version.label}", warehouse.file.name, now, given)
    return card_page(report, chapter)


def tests_of(results: DbtResults | None, name: str, target: Path) -> dict[str, Any]:
    """The dbt tests of an ML model and their last results, with the digests of dbt's own files."""
    files = {
        file: digest((target / file).read_bytes())
        for file in ("run_results.json", "manifest.json")
        if (target / file).is_file()
    }
    if results is None:
        return {"found": False, "why": "dbt's target folder has no results of this database", "files": files}
    outcomes = [asdict(each) for each in results.of(name, freshness=False)]
    lost = results.overwritten and f"{results.overwritten} has written over what the last tests found"
    if lost and not outcomes:
        return {"found": False, "why": lost, "files": files}
    told = {"found": True, "tested_at": results.tested_at, "files": files, "results": outcomes}
    return {**told, "why": lost} if lost else told


def lineage_of(
    connection: duckdb.DuckDBPyConnection,
    run: Row | None,
    version: Version,
    features: Sequence[str],
    target: Path,
    namespace: str,
) -> dict[str, Any] | None:
    """The OpenLineage event of a run; the tables that its model refs come from dbt's manifest."""
    if run is None:
        return None
    nodes = nodes_of(target)
    parents = (nodes.get(str(run["node"]), {}).get("depends_on") or {}).get("nodes", [])
    names = [
        str(nodes[key]["relation_name"])
        for key in parents
        if nodes.get(key, {}).get("relation_name")
        and not (key.startswith("seed.") and key.rpartition(".")[2].startswith("ml_"))  # a registry
    ]
    inputs = [_relation(connection, name) for name in names]
    output = _relation(connection, str(run["prediction_table"]))
    return event_of(facts_of(run), version, features, inputs, output, namespace)


def _relation(connection: duckdb.DuckDBPyConnection, name: str) -> Relation:
    """A table and its columns; without columns if it is gone."""
    name = name.replace("`", '"')  # as BigQuery and Spark quote it
    try:
        rows = connection.execute(f"describe select * from {name}").fetchall()
    except duckdb.Error:
        rows = []
    return Relation(name.replace('"', ""), {str(row[0]): str(row[1]) for row in rows})


def configuration_of(project: Path, policy: LoadPolicy, run: Mapping[str, Any] | None) -> dict[str, Any]:
    """How the project was set when the pack was made, and how the run was called."""
    document = yaml.safe_load((project / "dbt_project.yml").read_text(encoding="utf-8")) or {}
    variables = document.get("vars") or {}
    scoped = variables.get(OURS) if isinstance(variables.get(OURS), dict) else {}
    ours = {name: value for name, value in {**variables, **(scoped or {})}.items() if name.startswith(OURS)}
    commit, changed = commit_of(project)
    logged = run or {}
    return {
        "project": document.get("name"),
        "commit": commit,
        "uncommitted_changes": None if commit is None else changed,
        "variables": {name: value for name, value in ours.items() if name != OURS},
        "load_policy": vars(policy),
        "run": json.loads(logged.get("configuration") or "null"),
        "library_versions": json.loads(logged.get("library_versions") or "null"),
    }


PRODUCER = "urn:scorehouse"  # a URI, as the specification asks
SPEC = "https://openlineage.io/spec"
EVENT = f"{SPEC}/2-0-2/OpenLineage.json#/$defs/RunEvent"
FACETS = {
    "schema": "1-1-1/SchemaDatasetFacet.json#/$defs/SchemaDatasetFacet",
    "columnLineage": "1-2-0/ColumnLineageDatasetFacet.json#/$defs/ColumnLineageDatasetFacet",
    "version": "1-0-1/DatasetVersionDatasetFacet.json#/$defs/DatasetVersionDatasetFacet",
    "sql": "1-0-1/SQLJobFacet.json#/$defs/SQLJobFacet",
}
CUSTOM = f"{SPEC}/2-0-2/OpenLineage.json#/$defs"
ENDINGS = {"success": "COMPLETE", "failed": "FAIL"}


@dataclass(frozen=True)
class Relation:
    """A table: its name with database and schema, and its columns with their types."""

    name: str
    columns: Mapping[str, str] = field(default_factory=dict)


def event_of(
    run: Mapping[str, Any],
    version: Version,
    features: Sequence[str],
    inputs: Sequence[Relation],
    output: Relation,
    namespace: str,
) -> dict[str, Any]:
    """The event of a finished run: `inputs` and `version` in, `output` out.

    `features` are the names of the signature's features; `inputs` the tables that the prediction table's
    model refs; `namespace` that of the tables. The key and the columns passed through are traced to every
    input that has a column of their name, all others to the features and to the ML model.
    """
    columns = [
        {"namespace": namespace, "name": each.name, "field": column}
        for each in inputs
        for column in each.columns
    ]
    facets = {
        "schema": _schema(output.columns),
        "columnLineage": _facet("columnLineage", fields=_fields(run, version, features, columns, output)),
    }
    ended = run.get("finished_at") or run.get("started_at")
    query = run.get("feature_query")
    return {
        "eventType": ENDINGS.get(str(run["status"]), "OTHER"),
        "eventTime": f"{ended}Z".replace(" ", "T"),
        "producer": PRODUCER,
        "schemaURL": EVENT,
        "run": {"runId": str(run["run_id"]), "facets": {"scorehouse_run": _custom("RunFacet", **dict(run))}},
        "job": {
            "namespace": namespace,
            "name": str(run["node"]),
            "facets": {"sql": _facet("sql", query=query)} if query else {},
        },
        "inputs": [
            *(
                {"namespace": namespace, "name": each.name, "facets": {"schema": _schema(each.columns)}}
                for each in inputs
            ),
            _model_dataset(version, features),
        ],
        "outputs": [{"namespace": namespace, "name": output.name, "facets": facets}],
    }


def _model_dataset(version: Version, features: Sequence[str]) -> dict[str, Any]:
    return {
        "namespace": "scorehouse",
        "name": version.name,
        "facets": {
            "version": _facet("version", datasetVersion=str(version.version)),
            "scorehouse_model": _custom(
                "DatasetFacet",
                task=version.task,
                features=list(features),
                sha256=version.sha256,
                signature_sha256=version.signature_sha256,
            ),
        },
    }


def _fields(
    run: Mapping[str, Any],
    version: Version,
    features: Sequence[str],
    columns: Sequence[Mapping[str, str]],
    output: Relation,
) -> dict[str, Any]:
    """By output column: which `columns` of the inputs, whatever their case, it comes from."""
    asked = json.loads(run.get("configuration") or "{}")
    copied = {str(name).lower() for name in [*asked.get("key", []), *asked.get("passthrough", [])]}
    used = [each for name in features for each in columns if each["field"].lower() == name.lower()]
    model = {"namespace": "scorehouse", "name": version.name, "field": str(version.version)}
    said = f"scored by {version.label}"
    made = {"type": "DIRECT", "subtype": "TRANSFORMATION", "description": said, "masking": False}
    same = {"type": "DIRECT", "subtype": "IDENTITY", "description": "", "masking": False}
    fields = {}
    for column in output.columns:
        name = column.lower()
        kept = [each for each in columns if each["field"].lower() == name] if name in copied else []
        sources, kind = (kept, same) if kept else ([*used, model], made)
        fields[column] = {"inputFields": [{**each, "transformations": [kind]} for each in sources]}
    return fields


def _schema(columns: Mapping[str, str]) -> dict[str, Any]:
    return _facet("schema", fields=[{"name": name, "type": kind} for name, kind in columns.items()])


def _facet(name: str, **facts: Any) -> dict[str, Any]:
    return {"_producer": PRODUCER, "_schemaURL": f"{SPEC}/facets/{FACETS[name]}", **facts}


def _custom(kind: str, **facts: Any) -> dict[str, Any]:
    return {"_producer": PRODUCER, "_schemaURL": f"{CUSTOM}/{kind}", **facts}
