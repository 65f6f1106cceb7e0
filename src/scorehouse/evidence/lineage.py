"""The lineage of one run as an OpenLineage event, with the ML model as an input and with columns.

https://openlineage.io/docs/spec/object-model ; what dbt's own integration reports lacks the ML model and the
origin of the predictions.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from scorehouse.registry.version import Version

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
