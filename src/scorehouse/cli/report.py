"""`scorehouse report`: the monitoring tables of a target as one HTML file."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from scorehouse.cli.common import echo, json_option, print_json
from scorehouse.cli.names import complete_name
from scorehouse.cli.target import connect, place_of, target_options
from scorehouse.registry.seeds import replace_file
from scorehouse.report.gather import gather
from scorehouse.report.page import page
from scorehouse.report.sections import chapter_of
from scorehouse.report.warehouse import Warehouse
from scorehouse.report.words import size

CALL = "scorehouse report"


@click.command("report")
@click.argument("name", required=False, shell_complete=complete_name)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("scorehouse_report.html"),
    show_default=True,
    help="File to write; an existing file is replaced.",
)
@click.option("--title", help="Heading of the page.")
@target_options
@json_option
def report_command(
    name: str | None, output: Path, title: str | None, schema: str | None, as_json: bool, **place: Any
) -> None:
    """Write an HTML report on the ML model NAME, or on all of them, from the target that you name.

    The command reads the tables that the monitoring macros made (it finds them by their columns, not by
    their names). The report opens without a network, and shows the SQL behind each alert.

    \b
    Examples:
      scorehouse report --database target/scorehouse.duckdb
      scorehouse report churn --target prod --output churn.html
    """
    named = place_of(**place)
    with connect(named) as connection:
        warehouse = Warehouse(connection, named, schema, CALL)
        chapters = [chapter_of(warehouse, data) for data in gather(warehouse, name)]
    heading = title or (f"{name}: monitoring" if name else "Monitoring of the ML models")
    text = page(chapters, title=heading, database=named.file.name, made_at=datetime.now(UTC))
    replace_file(output, text.encode())
    alerts = sum(len(chapter.alerts) for chapter in chapters)
    if as_json:
        models = {chapter.data.name: len(chapter.alerts) for chapter in chapters}
        print_json({"written": str(output), "bytes": len(text.encode()), "alerts": models})
        return
    echo(f"written: {output} ({size(len(text.encode()))}, {len(chapters)} ML models, {alerts} alerts)")
