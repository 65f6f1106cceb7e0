"""`scorehouse runs`: the run log, from the DuckDB file of a target."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from scorehouse.cli.common import echo, json_option, print_json, state, table
from scorehouse.cli.run_log import find_log
from scorehouse.cli.target import connect, place_of, target_options
from scorehouse.errors import did_you_mean
from scorehouse.project.run_log_place import runs_of_log

if TYPE_CHECKING:
    import duckdb

SHOWN = ("run", "started_at", "status", "node", "model", "rows_in", "scored", "rejected", "seconds", "mode")
SHORT_ID = 8  # characters of a run's id that are shown; a replay accepts the start of an id


@click.command("runs")
@target_options
@click.option("--model", "ml_model", help="Runs of this ML model only.")
@click.option("--failed", is_flag=True, help="Only runs that failed or never finished.")
@click.option(
    "--limit",
    default=20,
    show_default=True,
    type=click.IntRange(1),
    help="How many runs, from the newest on.",
)
@json_option
def runs_command(
    schema: str | None, ml_model: str | None, failed: bool, limit: int, as_json: bool, **place: Any
) -> None:
    """List scoring runs, newest first, from the run log of the target that you name.

    The first column has the first characters of the run's id, which `scorehouse replay` accepts.

    \b
    Examples:
      scorehouse runs --database target/warehouse.duckdb --limit 5
      scorehouse runs --target prod --failed --json
    """
    named = place_of(**place)
    with connect(named) as connection:
        log = find_log(connection, schema, named)
        rows = read_runs(connection, log, ml_model=ml_model, failed=failed, limit=limit)
        known = connection.execute(f"select distinct model_name from {log}").fetchall()
    if as_json:
        print_json(rows)
        return
    if not rows:
        echo("no scoring run" + (_near_model(known, ml_model) if ml_model else ""))
        return
    for line in table(SHOWN, [_shown(row) for row in rows]):
        echo(line)
    for row in rows:
        if row["error"]:
            echo()
            echo(f"{row['node']} at {row['started_at']:%Y-%m-%d %H:%M:%S}: {row['error']}")


def _near_model(known: list[tuple[Any, ...]], ml_model: str) -> str:
    """A hint for a name that no run has: a similar name, if there is one."""
    names = [name for (name,) in known if name]
    return "" if ml_model in names else f" of {ml_model!r}" + did_you_mean(ml_model, names)


def read_runs(
    connection: duckdb.DuckDBPyConnection, log: str, *, ml_model: str | None, failed: bool, limit: int
) -> list[dict[str, Any]]:
    """Rows of the run log, newest first."""
    rows = connection.execute(
        f"select * from {runs_of_log(log)} where ($1 is null or model_name = $1) "
        "and (not $2 or status <> 'success') order by started_at desc limit $3",
        [ml_model, failed, limit],
    )
    names = [column[0] for column in rows.description or ()]
    return [dict(zip(names, row, strict=True)) for row in rows.fetchall()]


def _shown(row: dict[str, Any]) -> list[Any]:
    from scorehouse.scoring.runlog import NOT_FINISHED, STARTED

    model = f"{row['model_name']} v{row['model_version']}" if row["model_name"] else None
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
