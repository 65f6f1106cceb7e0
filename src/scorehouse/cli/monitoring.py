"""`scorehouse export monitoring` and `export alerts`: monitoring for other systems."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from scorehouse.cli.common import EXIT_DIFFERENT, echo, format_option, json_option, print_json
from scorehouse.cli.names import complete_name
from scorehouse.cli.target import connect, dbt_results, place_of, results_option, target_options, this_call
from scorehouse.cli.waiting import waiting
from scorehouse.errors import ConfigurationError
from scorehouse.outbox.webhook import Post, check_url, key_of, send
from scorehouse.registry.seeds import replace_file
from scorehouse.report.causes import alerts_of
from scorehouse.report.dbt_results import DbtResults
from scorehouse.report.export import PAYLOADS, Named, payload_text, webhook, write_long
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
    """Write what monitoring found about NAME, or about all ML models, as one long table.

    It has the rows of every table of drift, performance, estimates, slices, anytime monitors and
    attributions.

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
@format_option(PAYLOADS, "webhook", "Form of the payload; both are JSON.")
@click.option("--output", default="-", show_default=True, help="File to write; - prints.")
@results_option
@click.option("--to", "url", help="URL to send the payload to, if there is an alert; it is not printed then.")
@click.option(
    "--retries",
    type=click.IntRange(0, 20),
    default=4,
    show_default=True,
    help="How often to try again, with longer and longer pauses.",
)
@click.option(
    "--dead-letters",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("undelivered_alerts.jsonl"),
    show_default=True,
    help="File for what --to did not deliver; the next call sends it first.",
)
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
    url: str | None,
    retries: int,
    dead_letters: Path,
    dbt_target: Path | None,
    exit_code: bool,
    schema: str | None,
    as_json: bool,
    **place: Any,
) -> None:
    """Write the alerts of NAME, or of all ML models, as the payload of a webhook.

    With --to, the payload is sent, with an Idempotency-Key that is the same for the same alerts. If the
    server takes it neither now nor after the retries, it is kept in the file of --dead-letters, and the exit
    code is 1.

    \b
    Examples:
      scorehouse export alerts --target prod --format slack --output alerts.json
      scorehouse export alerts --target prod --format slack --to "$SLACK_WEBHOOK"
    """
    if url is not None:
        check_url(url, this_call())
    named = place_of(**place)
    results = dbt_results(named, dbt_target, place["project_dir"])
    with connect(named) as connection:
        found = found_alerts(Warehouse(connection, named, schema, "scorehouse export alerts"), name, results)
    now = datetime.now(UTC)
    text = payload_text(found, form, now)
    if url is not None:
        _send(Post(url, retries), text if found else None, key_of(webhook(found, now)), dead_letters, as_json)
        if output != "-":
            replace_file(Path(output), text.encode())
    elif output == "-":
        click.echo(text, nl=False)
    else:
        replace_file(Path(output), text.encode())
        if as_json:
            print_json({"written": output, "alerts": len(found)})
        else:
            echo(f"written: {output} ({len(found)} alerts)")
    if exit_code and found:
        ctx.exit(EXIT_DIFFERENT)


def found_alerts(warehouse: Warehouse, name: str | None, results: DbtResults | None) -> list[Named]:
    """The alerts of one ML model, or of all, the worst first, with its name and live version."""
    found = [
        (data.name, data.live.version, alert)
        for data in gather(warehouse, name, nodes=results.nodes if results else None)
        for alert in alerts_of(warehouse, data, results)
    ]
    return sorted(found, key=lambda named: named[2].level != "bad")


def _send(post: Post, text: str | None, key: str, letters: Path, as_json: bool) -> None:
    """Send what was left over and the payload; an error if something was not delivered."""
    with waiting("sending the alerts"):
        done, left = send(post, text, key, letters, this_call())
    sent = sum(each.delivered for each in done)
    if left:
        last = next(each for each in reversed(done) if not each.delivered)
        raise ConfigurationError(
            this_call(),
            f"{left} payloads of alerts were not delivered ({last.why}; tries: {last.tries}); they are in "
            f"{str(letters)!r}",
            expected="a server that answers a POST of JSON with a status of 200 to 299",
            action="correct the server or --to; the next call sends them first",
        )
    if as_json:
        print_json({"sent": sent, "idempotency_key": key if text else None})
    else:
        echo(f"sent: {sent} payloads" if sent else "nothing to send")
