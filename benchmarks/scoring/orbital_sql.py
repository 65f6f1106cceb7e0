"""Run in orbital's own environment: write the estimator's SQL as a dbt model.

python orbital_sql.py ARTIFACT TABLE MODEL_FILE VALUE COLUMN=TYPE ...
"""

from __future__ import annotations

import sys
from pathlib import Path

import joblib
import orbital
from orbital import types
from sklearn.pipeline import make_pipeline

KINDS = {"double": types.DoubleColumnType, "text": types.StringColumnType}


def main() -> None:
    artifact, table, file, value, *columns = sys.argv[1:]
    features = {name: KINDS[kind]() for name, kind in (column.split("=") for column in columns)}
    features["id"] = types.Int64ColumnType(passthrough=True)
    estimator = joblib.load(artifact)
    pipeline = estimator if hasattr(estimator, "steps") else make_pipeline(estimator)
    parsed = orbital.parse_pipeline(pipeline, features)
    projection = orbital.ResultsProjection(["id"])
    sql = orbital.export_sql(table, parsed, dialect="duckdb", projection=projection, separate_trees=True)
    head = "{{ config(materialized='table') }}\n"
    Path(file).write_text(f'{head}select id, "{value}" as value from (\n{sql}\n)\n')


if __name__ == "__main__":
    main()
