"""Retrain once per week, if the signals ask for it: `scorehouse retrain`, and its exit code as a result.

Variables: DBT_PROJECT_DIR, the dbt project; SCOREHOUSE, the command of its environment (default: scorehouse);
SCOREHOUSE_TARGET, the target (default: prod); SCOREHOUSE_RETRAIN, the ML models, separated by commas.
"""

import os
from datetime import datetime

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

COMMAND = os.environ.get("SCOREHOUSE", "scorehouse")
TARGET = os.environ.get("SCOREHOUSE_TARGET", "prod")
PROJECT = os.environ.get("DBT_PROJECT_DIR", "/srv/analytics")
NAMES = os.environ.get("SCOREHOUSE_RETRAIN", "churn").split(",")
# 10, no signal asks for it: the task is skipped. 0 (promoted), 20 (waits for a person) and 30 (refused by the
# gate) are results, and the last line of the output, which Airflow keeps as XCom, says which. All else fails.
RETRAIN = """
code=0
{command} retrain {name} --target {target} || code=$?
case $code in
    0) echo promoted ;;
    10) exit 99 ;;
    20) echo waits_for_a_person ;;
    30) echo gate_refused ;;
    *) exit "$code" ;;
esac
"""

with DAG(
    dag_id="scorehouse_retrain",
    schedule="0 7 * * 1",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,
    max_active_tasks=1,  # only one process at a time can write a DuckDB file
) as dag:
    for name in NAMES:
        BashOperator(
            task_id=f"retrain_{name}",
            bash_command=RETRAIN.format(command=COMMAND, name=name, target=TARGET),
            cwd=PROJECT,
            skip_on_exit_code=99,
        )
