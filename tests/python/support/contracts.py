"""A dbt contract of a prediction table: each build holds it, or stops before the table is changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import yaml

# of a table with the key `id` and one number as its prediction
ON_A_LAKE = {
    "id": "bigint",
    "prediction": "double",
    "row_status": "varchar",
    "reject_reason": "varchar",
    "model_name": "varchar",
    "model_version": "integer",
    "model_digest": "varchar",
    "scoring_run_id": "uuid",
    "scored_at": "timestamp",
    "feature_hash": "ubigint",
}
ON_DUCKDB = ON_A_LAKE | {"row_status": "enum('rejected', 'scored')"}
IN_SPARK = {
    "varchar": "string",
    "uuid": "string",
    "integer": "int",
    "ubigint": "bigint",
    "timestamp": "timestamp_ntz",
}
ON_SPARK = {name: IN_SPARK.get(kind, kind) for name, kind in ON_A_LAKE.items()}

# of a table of `churn.py`, whose key is not alone
CHURN = {"shop": "bigint", "prediction": "boolean", "score": "double"}
ON_DUCKDB_2 = ON_A_LAKE | CHURN
IN_SNOWFLAKE = {"uuid": "varchar", "ubigint": "varchar", "timestamp": "timestamp_ntz"}
IN_BIGQUERY = {
    "bigint": "int64",
    "integer": "int64",
    "ubigint": "string",
    "varchar": "string",
    "uuid": "string",
    "boolean": "bool",
    "double": "float64",
}
EMULATED = {
    warehouse: {name: types.get(kind, kind) for name, kind in ON_DUCKDB_2.items()}
    for warehouse, types in (("snowflake", IN_SNOWFLAKE), ("bigquery", IN_BIGQUERY))
}


def contract(table: str, columns: Mapping[str, str]) -> str:
    """The YAML of a model whose contract is enforced."""
    listed = [{"name": name, **({"data_type": kind} if kind else {})} for name, kind in columns.items()]
    model = {"name": table, "config": {"contract": {"enforced": True}}, "columns": listed}
    return yaml.safe_dump({"version": 2, "models": [model]})


def check_contract(
    table: str,
    columns: Mapping[str, str],
    write: Callable[[str], object],
    build: Callable[[], str],
    rows: Callable[[], Any],
) -> None:
    """`write` takes the YAML of the model, `build` says what went wrong, `rows` is what the table holds."""
    for _ in range(2):  # as a new table, and merged
        write(contract(table, columns))
        assert build() == ""
    before = rows()
    assert before
    retyped = {**columns, "model_version": columns["model_name"]}
    lacking = {name: kind for name, kind in columns.items() if name != "reject_reason"}
    untyped = {**columns, "model_version": ""}
    for wrong, named in ((retyped, "model_version"), (lacking, "reject_reason"), (untyped, "model_version")):
        write(contract(table, wrong))
        said = build()
        assert "contract" in said.lower() and named in said.lower()
        assert rows() == before
