"""`scorehouse score`: a preview of predictions, which writes nothing."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from scorehouse.cli.common import (
    WholeNumber,
    answer,
    complete_reference,
    count,
    heading,
    json_option,
    option,
    state,
    table,
    this_call,
    waiting,
)
from scorehouse.cli.target import Opened, Target, target_options
from scorehouse.dialect import DUCKDB
from scorehouse.errors import ConfigurationError
from scorehouse.registry.seeds import ModelSeeds
from scorehouse.registry.version import Version, parse_reference, resolve

if TYPE_CHECKING:
    from scorehouse.explain.preview import Preview

ROWS = 10


@click.command("score")
@click.argument("reference", metavar="NAME", shell_complete=complete_reference)
@click.option("--table", help="Feature table or view to read; default: what the newest run of NAME read.")
@click.option("--key", "keys", multiple=True, help="Key column of --table; may be repeated.")
@option("--limit", default=ROWS, type=WholeNumber(1), help="How many rows.")
@target_options
@json_option
def score_command(
    reference: str,
    table: str | None,
    keys: tuple[str, ...],
    limit: int,
    target: Target,
    as_json: bool,
) -> None:
    """Score the first rows of a feature table and print them; nothing is written.

    NAME is churn, churn@challenger or churn/2. Predictions have the statuses and decisions that a run would
    give them. Rows are read in the order of their key.

    \b
    Examples:
      scorehouse score churn --target dev --limit 5
      scorehouse score churn@challenger --table customer_features --key customer_id --target dev
    """
    if bool(table) != bool(keys):
        raise click.UsageError("--table and --key go together: the table, and what identifies its rows")
    from scorehouse.registration.module_paths import on_path

    project = target.project
    call = f"{this_call()} {reference}"
    name, alias, number = parse_reference(reference, call)
    versions = ModelSeeds(project, name).registered(call)
    version = resolve(versions, alias=alias, version=number, call=call)
    on_path(project)
    with waiting("scoring"), target.opened() as opened:
        preview = _preview(opened, version, table, keys, project, call, limit)
    document = {"model_name": name, "model_version": version.version, "rows": preview.rows}
    answer(as_json, document, _lines(preview))


def _preview(
    opened: Opened,
    version: Version,
    table: str | None,
    keys: Sequence[str],
    project: Path,
    call: str,
    limit: int,
) -> Preview:
    from scorehouse.explain.preview import preview, rows_of_newest_run, rows_of_table
    from scorehouse.registry.policy import load_policy
    from scorehouse.scoring.request import Request

    connection, place = opened.connection, opened.place
    if table is None:
        rows = rows_of_newest_run(connection, opened.run_log, version.name, None, call)
    else:
        if "." not in table:
            qualifiers = [place.alias, opened.schema or place.schema or (place.alias and "main")]
            table = ".".join([*(DUCKDB.quote(each) for each in qualifiers if each), table])
        rows = rows_of_table(connection, table, keys, call)
    run_log = ""
    with contextlib.suppress(ConfigurationError):  # a table can be looked at before the first run
        run_log = opened.run_log
    request = Request(
        run_id="",
        invocation_id="",
        node="preview",
        relation="",
        run_log=run_log,
        project_root=project,
        load_policy=load_policy(project),
    )
    return preview(connection, rows, version, request, call, limit=limit)


def _value(name: str, value: Any) -> Any:
    """A whole number is a key, a class or a rank, which have no separators."""
    if name == "row_status":
        return state(value)
    return str(value) if type(value) is int else value


def _lines(found: Preview) -> list[str]:
    """The rows as a table, and what they are."""
    head = heading(f"{found.version.label}, backend {found.backend}; a preview, nothing was written")
    if not found.rows:
        return [head, "the feature table has no rows"]
    columns = list(found.rows[0])
    body = [[_value(name, row[name]) for name in columns] for row in found.rows]
    counts = f"{count(len(found.rows), 'row')}: {len(found.rows) - found.rejected:,} scored"
    return [head, *table(columns, body), "", f"{counts}, {found.rejected:,} rejected"]
