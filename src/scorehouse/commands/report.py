"""`scorehouse report`: what the monitoring tables of a target say, as one HTML file."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from scorehouse.commands.common import echo
from scorehouse.commands.target import connect, database_of, target_options
from scorehouse.registration.seeds import replace_file
from scorehouse.report.gather import gather
from scorehouse.report.page import page
from scorehouse.report.sections import chapter_of
from scorehouse.report.warehouse import Warehouse
from scorehouse.report.words import size

CALL = "scorehouse report"


@click.command("report")
@click.argument("name", required=False)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("scorehouse_report.html"),
    show_default=True,
    help="File to write; one that is there is replaced.",
)
@click.option("--title", help="Heading of the page.")
@target_options
def report_command(
    name: str | None,
    output: Path,
    title: str | None,
    database: Path | None,
    profile: str | None,
    target: str | None,
    profiles_dir: Path,
    schema: str | None,
) -> None:
    """Write one HTML file on the ML model NAME, or on all of them, from a target that you name.

    It reads the tables that the monitoring macros made (they are found by their columns, whatever their
    names), opens without a network, and holds the SQL behind each alert.

    \b
    Examples:
      scorehouse report --database target/scorehouse.duckdb
      scorehouse report churn --profile shop --target prod --output churn.html
    """
    file = database_of(database, profile, target, profiles_dir)
    with connect(file) as connection:
        warehouse = Warehouse(connection, file, schema, CALL)
        chapters = [chapter_of(warehouse, data) for data in gather(warehouse, name)]
    heading = title or (f"{name}: monitoring" if name else "Monitoring of the ML models")
    text = page(chapters, title=heading, database=file.name, made_at=datetime.now(UTC))
    replace_file(output, text.encode())
    alerts = sum(len(chapter.alerts) for chapter in chapters)
    echo(f"written: {output} ({size(len(text.encode()))}, {len(chapters)} ML models, {alerts} alerts)")
