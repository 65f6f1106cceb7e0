"""Prediction tables as Dagster assets: the graph is dbt's own, so an ML model is upstream of its scores.

DBT_PROJECT_DIR=/srv/analytics dagster dev -f definitions.py
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DbtCliResource, DbtProject, dbt_assets

project = DbtProject(
    project_dir=Path(os.environ["DBT_PROJECT_DIR"]), profiles_dir=os.environ.get("DBT_PROFILES_DIR")
)
project.prepare_if_dev()


class Translator(DagsterDbtTranslator):
    """Groups assets by kind, and shows the ML model of each prediction table."""

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str:
        if dbt_resource_props["config"].get("materialized") == "predictions":
            return "predictions"
        return "ml_models" if dbt_resource_props["name"].startswith("ml_") else "tables"


@dbt_assets(manifest=project.manifest_path, dagster_dbt_translator=Translator(), project=project)
def warehouse(context: dg.AssetExecutionContext, dbt: DbtCliResource) -> Iterator[Any]:
    """Everything that `dbt build` makes."""
    yield from dbt.cli(["build"], context=context).stream()


score_daily = dg.ScheduleDefinition(
    name="score_daily",
    cron_schedule="0 5 * * *",
    job=dg.define_asset_job(
        "score",
        selection=dg.AssetSelection.groups("predictions").upstream(),
        executor_def=dg.in_process_executor,  # only one process at a time can write a DuckDB file
    ),
)

defs = dg.Definitions(
    assets=[warehouse],
    schedules=[score_daily],
    resources={"dbt": DbtCliResource(project_dir=project)},
)
