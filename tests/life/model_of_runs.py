"""The run log of a life, held against the model of runs that tests/state_model searches in every order."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from installation import REPOSITORY
from shop import MlModel

if TYPE_CHECKING:
    from life import Life

sys.path.append(str(REPOSITORY / "tests" / "state_model"))

from run_logs import unlike_the_model


def run_log_follows_the_model(life: Life, model: MlModel) -> Iterator[tuple[str, str]]:
    """2: each run of a prediction table is in a state that the model of runs can reach."""
    if not life.has_table(model.predictions):
        return
    runs = life.warehouse.rows(
        f"select scoring_run_id, status from {life.table('scorehouse_runs')} where {life.is_of(model)}"
    )
    written = life.warehouse.rows(
        f"select distinct scoring_run_id from {life.table(model.predictions)} as predictions"
    )
    rows = [(str(run["scoring_run_id"]), run["status"]) for run in runs]
    in_table = {str(run["scoring_run_id"]) for run in written}
    for problem in unlike_the_model(rows, in_table, life.house.started):
        yield "run log", f"{model.predictions}: {problem}"
