"""`scorehouse export monitoring` and `export alerts`: monitoring for other systems."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from scorehouse.cli.common import EXIT_DIFFERENT, echo, json_option, print_json
from scorehouse.cli.names import complete_name
from scorehouse.cli.target import connect, dbt_results, place_of, results_option, target_options
from scorehouse.registry.seeds import replace_file
from scorehouse.report.causes import alerts_of
from scorehouse.report.export import PAYLOADS, payload_text, write_long
from scorehouse.report.gather import gather
from scorehouse.report.warehouse import Warehouse


@click.command("monitoring")
@click.argument("name", required=False, shell_complete=complete_name)
@click.option(
    "--output",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="File to write: .parquet, .json (an array) or .jsonl (one line per row).",
)
@target_options
@json_option
def export_monitoring_command(
    name: str | None, output: Path, schema: str | None, as_json: bool, **place: Any
) -> None:
    """Write drift, performance and estimates of NAME, or of all ML models, as one long table.

    \b
    Example:
      scorehouse export monitoring --database target/scorehouse.duckdb --output monitoring.parquet
    """
    named = place_of(**place)
    with connect(named) as connection:
        warehouse = Warehouse(connection, named, schema, "scorehouse export monitoring")
        if name is not None:
            gather(warehouse, name)  # an error if there is no such ML model
        count = write_long(warehouse, output, name)
    if as_json:
        print_json({"written": str(output), "rows": count})
        return
    echo(f"written: {output} ({count:,} rows)")


@click.command("alerts")
@click.argument("name", required=False, shell_complete=complete_name)
@click.option(
    "--format",
    "form",
    type=click.Choice(list(PAYLOADS)),
    default="webhook",
    show_default=True,
    help="Form of the payload; both are JSON.",
)
@click.option("--output", default="-", show_default=True, help="File to write; - prints.")
@results_option
@click.option("--exit-code", is_flag=True, help="Exit with 3 if there is an alert.")
@target_options
@json_option
@click.pass_context
def export_alerts_command(
    ctx: click.Context,
    /,
    name: str | None,
    form: str,
    output: str,
    dbt_target: Path | None,
    exit_code: bool,
    schema: str | None,
    as_json: bool,
    **place: Any,
) -> None:
    """Write the alerts of NAME, or of all ML models, as the payload of a webhook. Nothing is sent.

    \b
    Example:
      scorehouse export alerts --target prod --format slack --output alerts.json
      curl --json @alerts.json "$SLACK_WEBHOOK"
    """
    named = place_of(**place)
    results = dbt_results(named, dbt_target, place["project_dir"])
    with connect(named) as connection:
        warehouse = Warehouse(connection, named, schema, "scorehouse export alerts")
        found = [
            (data.name, data.live.version, alert)
            for data in gather(warehouse, name)
            for alert in alerts_of(warehouse, data, results)
        ]
    text = payload_text(found, form, datetime.now(UTC))
    if output == "-":
        click.echo(text, nl=False)
    else:
        replace_file(Path(output), text.encode())
        if as_json:
            print_json({"written": output, "alerts": len(found)})
        else:
            echo(f"written: {output} ({len(found)} alerts)")
    if exit_code and found:
        ctx.exit(EXIT_DIFFERENT)
