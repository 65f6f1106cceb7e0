"""`scorehouse runs`: the run log, from the DuckDB file of a target."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import click

from scorehouse.cli.common import WholeNumber, answer, json_option, state, table
from scorehouse.cli.target import Opened, Target, target_options
from scorehouse.errors import did_you_mean
from scorehouse.project.run_log_place import rows_of, runs_of_log

SHOWN = ("run", "started_at", "status", "node", "model", "rows_in", "scored", "rejected", "seconds", "mode")
FIRST_TO_GO = ("mode", "seconds", "scored", "model")
DAYS, LIMIT = ("%Y-%m-%d", "%Y-%m-%d %H:%M:%S"), 20
SHORT_ID = 8  # characters of a run's id that are shown; a replay accepts the start of an id


class Day(click.DateTime):
    """A day, or a second of it, called so where something else is given."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter:
            self.fail(f"{value!r} is neither a day such as 2026-11-01, nor 2026-11-01 08:30:00.", param, ctx)


@click.command("runs")
@target_options
@click.option("--model", "ml_model", help="Runs of this ML model only.")
@click.option("--failed", is_flag=True, help="Only runs that failed or never finished.")
@click.option(
    "--since",
    type=Day(DAYS),
    metavar="DAY",
    help="All runs from this day on, in UTC.",
)
@click.option("--limit", type=WholeNumber(1), help=f"How many runs, from the newest on.  [default: {LIMIT}]")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV with every column of the run log.")
@json_option
def runs_command(
    target: Target,
    ml_model: str | None,
    failed: bool,
    since: datetime | None,
    limit: int | None,
    as_csv: bool,
    as_json: bool,
) -> None:
    """List scoring runs, newest first, from the run log of the target that you name.

    The first column has the first characters of the run's id, which `scorehouse replay` accepts.

    \b
    Examples:
      scorehouse runs --database target/warehouse.duckdb --limit 5
      scorehouse runs --target prod --failed --json
      scorehouse runs --target prod --since 2026-11-01 --csv > runs.csv
    """
    with target.opened(anywhere=True) as opened:
        newest = limit or (None if since else LIMIT)
        rows = read_runs(opened, ml_model=ml_model, failed=failed, limit=newest, since=since)
        known = opened.connection.execute(f"select distinct model_name from {opened.run_log}").fetchall()
    if as_csv:
        lines = csv.writer(sys.stdout, lineterminator="\n")
        lines.writerows([list(rows[0]), *(row.values() for row in rows)] if rows else [])
        return
    answer(as_json, rows, _lines(rows, ml_model, [name for (name,) in known if name]))


def _lines(rows: list[dict[str, Any]], ml_model: str | None, known: list[str]) -> Iterator[str]:
    if not rows:
        unknown = ml_model is not None and ml_model not in known
        yield "no scoring run" + (f" of {ml_model!r}{did_you_mean(ml_model, known)}" if unknown else "")
        return
    yield from table(SHOWN, [_shown(row) for row in rows], first_to_go=FIRST_TO_GO)
    for row in rows:
        if row["error"]:
            yield ""
            yield f"{row['node']} at {row['started_at']:%Y-%m-%d %H:%M:%S}: {row['error']}"


def read_runs(
    opened: Opened, *, ml_model: str | None, failed: bool, limit: int | None, since: datetime | None = None
) -> list[dict[str, Any]]:
    """Rows of the run log, newest first."""
    found = opened.connection.execute(
        f"select * from {runs_of_log(opened.run_log)} where ($1 is null or model_name = $1) "
        "and (not $2 or status <> 'success') and ($4 is null or started_at >= $4) "
        "order by started_at desc limit $3",
        [ml_model, failed, limit, since],
    )
    return rows_of(found)


def _shown(row: dict[str, Any]) -> list[Any]:
    from scorehouse.project.run_log_place import NOT_FINISHED, STARTED

    version = (
        "" if row["model_version"] is None else f" v{row['model_version']}"
    )  # of a skipped run, not known
    model = f"{row['model_name']}{version}" if row["model_name"] else None
    return [
        str(row["run_id"])[:SHORT_ID],
        f"{row['started_at']:%Y-%m-%d %H:%M:%S}",
        state(NOT_FINISHED if row["status"] == STARTED else row["status"]),
        str(row["node"]).rpartition(".")[2],
        model,
        row["rows_in"],
        row["rows_scored"],
        row["rows_rejected"],
        None if row["seconds"] is None else f"{row['seconds']:.2f}",
        row["write_mode"],
    ]
