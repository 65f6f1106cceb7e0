"""Retrain once per week, if the signals ask for it: `scorehouse retrain`, and its outcome as metadata.

DBT_PROJECT_DIR=/srv/analytics SCOREHOUSE_RETRAIN=churn dagster dev -f retraining.py
"""

import json
import os
import subprocess

import dagster as dg

PROJECT = os.environ["DBT_PROJECT_DIR"]
COMMAND = os.environ.get("SCOREHOUSE", "scorehouse")
TARGET = os.environ.get("SCOREHOUSE_TARGET", "prod")
NAMES = os.environ.get("SCOREHOUSE_RETRAIN", "churn").split(",")
OUTCOMES = (0, 10, 20, 30)  # promoted, no signal asks for it, waits for a person, the gate refused it


def retraining_of(name: str) -> dg.AssetsDefinition:
    """The asset that stands for the newest training of one ML model."""

    @dg.asset(name=f"{name}_retraining_run", group_name="retraining")
    def retrained() -> dg.MaterializeResult:
        ended = subprocess.run(
            [COMMAND, "retrain", name, "--target", TARGET, "--json"],
            cwd=PROJECT,
            capture_output=True,
            text=True,
        )
        if ended.returncode not in OUTCOMES:
            raise dg.Failure(ended.stderr)
        found = json.loads(ended.stdout)
        shown = {key: found[key] for key in ("outcome", "why", "champion", "version", "gate")}
        return dg.MaterializeResult(metadata={key: str(value) for key, value in shown.items()})

    return retrained


assets = [retraining_of(name) for name in NAMES]
retrain_job = dg.define_asset_job("retrain", selection=assets, executor_def=dg.in_process_executor)
weekly = dg.ScheduleDefinition(name="retrain_weekly", cron_schedule="0 7 * * 1", job=retrain_job)
defs = dg.Definitions(assets=assets, jobs=[retrain_job], schedules=[weekly])
