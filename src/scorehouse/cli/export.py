"""`scorehouse export predictions`, `export monitoring` and `export alerts`: for other systems."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from scorehouse.cli.common import (
    EXIT_DIFFERENT,
    FILE,
    WholeNumber,
    answer,
    count,
    format_option,
    json_option,
    option,
    optional_name,
    this_call,
    waiting,
)
from scorehouse.cli.target import Target, results_option, target_options
from scorehouse.errors import ConfigurationError
from scorehouse.outbox.changes import find_table, has_changes
from scorehouse.outbox.files import FORMATS, export_to_folder
from scorehouse.outbox.iceberg import SCHEME, export_to_iceberg
from scorehouse.outbox.postgres import SCHEMES, export_to_postgres
from scorehouse.outbox.webhook import Post, check_url, key_of, send
from scorehouse.registry.seeds import replace_file
from scorehouse.report.causes import alerts_of
from scorehouse.report.dbt_results import DbtResults
from scorehouse.report.export import PAYLOADS, Named, payload_text, webhook, write_long
from scorehouse.report.gather import gather
from scorehouse.report.row_sql import Rows
from scorehouse.report.warehouse import Warehouse


@click.command("predictions")
@click.argument("node")
@click.option("--to", required=True, help="A folder, the URL of a PostgreSQL database, or iceberg://CATALOG.")
@format_option(FORMATS, "parquet", "Format of the rows in a folder.")
@click.option("--table", help="Table in PostgreSQL or Iceberg; default: the name of the prediction table.")
@target_options
@json_option
def export_predictions_command(
    node: str, to: str, file_format: str, table: str | None, target: Target, as_json: bool
) -> None:
    """Export the rows of the prediction table NODE that are new, changed or gone since the last export.

    In a folder, each export is a numbered batch with its rows, and a manifest with digests and run ids. In
    PostgreSQL and Iceberg, the table is brought in line in one transaction. A second call without a run in
    between does nothing.

    \b
    Examples:
      scorehouse export predictions churn_predictions --target prod --to exports/churn
      scorehouse export predictions churn_predictions --target prod --to postgresql://crm@db/crm
      scorehouse export predictions churn_predictions --target prod --to iceberg://lake --table crm.churn
    """
    is_database = to.startswith((*SCHEMES, SCHEME))
    if table is not None and not is_database:
        raise click.UsageError("--table needs the URL of a database or catalog in --to")
    with target.opened() as opened, waiting("comparing with the last export"):
        connection = opened.connection
        connection.execute("begin")  # one snapshot for all that is read
        exported = find_table(connection, opened.run_log, node, this_call())
        name = table or exported.table.rpartition(".")[2].strip('"')
        if to.startswith(SCHEME):
            done = export_to_iceberg(connection, exported, to.removeprefix(SCHEME), name, this_call())
        elif is_database:
            done = export_to_postgres(connection, exported, to, name, this_call())
        else:
            done = export_to_folder(connection, exported, Path(to), file_format, this_call())
    rows = done["rows"]
    said = ", ".join(f"{rows[name]:,} {name}" for name in ("new", "changed", "vanished", "unchanged"))
    where = done["table"] if is_database else done["written"]
    written = has_changes(rows) or done.get("written")
    answer(as_json, done, [f"{'written' if written else 'nothing to write'}: {where or to} ({said})"])


@click.command("monitoring")
@optional_name
@click.option(
    "--output",
    required=True,
    type=FILE,
    help="File to write: .parquet, .json (an array) or .jsonl (one line per row).",
)
@target_options
@json_option
def export_monitoring_command(name: str | None, output: Path, target: Target, as_json: bool) -> None:
    """Write what monitoring found about NAME, or about all ML models, as one long table.

    From every table of drift, performance, estimates, segments, sequential monitors and attributions.

    \b
    Example:
      scorehouse export monitoring --database target/scorehouse.duckdb --output monitoring.parquet
    """
    with target.opened(anywhere=True) as opened:
        warehouse = opened.monitoring
        if name is not None:
            gather(warehouse, name)  # an error if there is no such ML model
        count = write_long(warehouse, output, name)
    answer(as_json, {"written": str(output), "rows": count}, [f"written: {output} ({count:,} rows)"])


@click.command("alerts")
@optional_name
@format_option(PAYLOADS, "webhook", "Form of the payload; both are JSON.")
@option("--output", default="-", help="File to write; - prints.")
@results_option
@click.option("--to", "url", help="URL to send the payload to, if there is an alert; it is not printed then.")
@option(
    "--retries",
    type=WholeNumber(0, 20),
    default=4,
    help="How often to try again, with longer and longer pauses.",
)
@option(
    "--dead-letters",
    type=FILE,
    default=Path("undelivered_alerts.jsonl"),
    help="File for what --to did not deliver; the next call sends it first.",
)
@click.option("--exit-code", is_flag=True, help="Exit with 3 if there is an alert.")
@target_options
@json_option
@click.pass_context
def export_alerts_command(
    ctx: click.Context,
    name: str | None,
    file_format: str,
    output: str,
    url: str | None,
    retries: int,
    dead_letters: Path,
    exit_code: bool,
    target: Target,
    as_json: bool,
) -> None:
    """Write the alerts of NAME, or of all ML models, as the payload of a webhook.

    With --to, the payload is sent, with an Idempotency-Key that is the same for the same alerts. What could
    not be delivered is kept in the file of --dead-letters, and the exit code is 1.

    \b
    Examples:
      scorehouse export alerts --target prod --format slack --output alerts.json
      scorehouse export alerts --target prod --format slack --to "$SLACK_WEBHOOK"
    """
    if url is not None:
        check_url(url, this_call())
    results = target.dbt_results()
    with target.opened(anywhere=True) as opened:
        alerts = all_alerts(opened.monitoring, name, results)
    now = datetime.now(UTC)
    text = payload_text(alerts, file_format, now)
    if url is not None:
        _send(
            Post(url, retries), text if alerts else None, key_of(webhook(alerts, now)), dead_letters, as_json
        )
    if output != "-":
        replace_file(Path(output), text.encode())
    if url is None and output == "-":
        click.echo(text, nl=False)
    elif url is None:
        document = {"written": output, "alerts": len(alerts)}
        answer(as_json, document, [f"written: {output} ({count(len(alerts), 'alert')})"])
    if exit_code and alerts:
        ctx.exit(EXIT_DIFFERENT)


def all_alerts(warehouse: Warehouse, name: str | None, results: DbtResults | None) -> list[Named]:
    """The alerts of one ML model, or of all, the worst first, with its name, live version and its owner."""
    alerts = [
        (data.name, data.live.version, data.live.owner, alert)
        for data in gather(warehouse, name, results=results)
        for alert in alerts_of(Rows(warehouse, data), results)
    ]
    return sorted(alerts, key=lambda named: named[-1].level != "bad")


def _send(post: Post, text: str | None, key: str, letters: Path, as_json: bool) -> None:
    """Send what was left over and the payload; an error if something was not delivered."""
    with waiting("sending the alerts"):
        done, left = send(post, text, key, letters, this_call())
    sent = sum(each.delivered for each in done)
    if left:
        last = next(each for each in reversed(done) if not each.delivered)
        raise ConfigurationError(
            this_call(),
            f"{count(left, 'payload')} of alerts {'was' if left == 1 else 'were'} not delivered "
            f"({last.why}; tries: {last.tries}); they are in "
            f"{str(letters)!r}",
            expected="a server that answers a POST of JSON with a status of 200 to 299",
            action="correct the server or --to; the next call sends them first",
        )
    document = {"sent": sent, "idempotency_key": key if text else None}
    answer(as_json, document, [f"sent: {count(sent, 'payload')}" if sent else "nothing to send"])
