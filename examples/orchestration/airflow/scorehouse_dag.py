"""Features, scoring, tests, marts: Bash operator tasks, each of which runs a dbt command in the project.

Variables: DBT_PROJECT_DIR, the dbt project; DBT, the dbt command of its environment (default: dbt).
"""

import os
from datetime import datetime, timedelta

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

DBT = os.environ.get("DBT", "dbt")
PROJECT = os.environ.get("DBT_PROJECT_DIR", "/srv/analytics")
SCORED = "config.materialized:predictions"

with DAG(
    dag_id="scorehouse",
    schedule="0 5 * * *",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,  # only one process at a time can write a DuckDB file
    default_args={"retries": 1, "retry_delay": timedelta(minutes=5)},  # a failed run leaves nothing behind
) as dag:
    steps = {
        "features": f"build --exclude {SCORED}+",
        "score": f"run --select {SCORED}",
        "check": f"test --select {SCORED}",
        "marts": f"build --select {SCORED}+ --exclude {SCORED}",
    }
    features, score, check, marts = (
        BashOperator(task_id=name, bash_command=f"{DBT} {arguments}", cwd=PROJECT)
        for name, arguments in steps.items()
    )
    features >> score >> check >> marts
