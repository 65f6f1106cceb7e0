"""`scorehouse export predictions`: what changed in a prediction table since the last export."""

from __future__ import annotations

from pathlib import Path

import click

from scorehouse.cli.common import answer, this_call, waiting
from scorehouse.cli.options import format_option, json_option
from scorehouse.cli.target import Target, target_options
from scorehouse.outbox.changes import find_table, has_changes
from scorehouse.outbox.files import FORMATS, export_to_folder
from scorehouse.outbox.postgres import SCHEMES, export_to_postgres


@click.command("predictions")
@click.argument("node")
@click.option("--to", required=True, help="A folder, or the URL of a PostgreSQL database.")
@format_option(FORMATS, "parquet", "Format of the rows in a folder.")
@click.option("--table", help="Table in PostgreSQL; default: the name of the prediction table.")
@target_options
@json_option
def export_predictions_command(
    node: str, to: str, file_format: str, table: str | None, target: Target, as_json: bool
) -> None:
    """Export the rows of the prediction table NODE that are new, changed or gone since the last export.

    In a folder, each export is a numbered batch with its rows, and a manifest with digests and run ids. In
    PostgreSQL, the table is brought in line in one transaction. A second call without a run in between does
    nothing; a call that was killed is done again.

    \b
    Examples:
      scorehouse export predictions churn_predictions --target prod --to exports/churn
      scorehouse export predictions churn_predictions --target prod --to postgresql://crm@db/crm
    """
    is_database = to.startswith(SCHEMES)
    if table is not None and not is_database:
        raise click.UsageError("--table needs the URL of a PostgreSQL database in --to")
    with target.opened() as opened, waiting("comparing with the last export"):
        connection = opened.connection
        connection.execute("begin")  # one snapshot for all that is read
        exported = find_table(connection, opened.run_log, node, this_call())
        if is_database:
            name = table or exported.table.rpartition(".")[2].strip('"')
            done = export_to_postgres(connection, exported, to, name, this_call())
        else:
            done = export_to_folder(connection, exported, Path(to), file_format, this_call())
    rows = done["rows"]
    said = ", ".join(f"{rows[name]:,} {name}" for name in ("new", "changed", "vanished", "unchanged"))
    where = done["table"] if is_database else done["written"]
    written = has_changes(rows) or done.get("written")
    answer(as_json, done, [f"{'written' if written else 'nothing to write'}: {where or to} ({said})"])
