"""`scorehouse score`: a preview of predictions, which writes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from scorehouse.cli.common import count, echo, heading, json_option, print_json, state, table
from scorehouse.cli.names import complete_reference
from scorehouse.cli.run_log import find_log
from scorehouse.cli.target import connect, place_of, target_options, this_call
from scorehouse.cli.waiting import waiting
from scorehouse.dialect import DUCKDB
from scorehouse.project.folder import find_project
from scorehouse.registry.seeds import ModelSeeds
from scorehouse.registry.version import Version, parse_reference, resolve

if TYPE_CHECKING:
    import duckdb

    from scorehouse.explain.preview import Preview, Rows
    from scorehouse.project.place import Place

ROWS = 10


@click.command("score")
@click.argument("reference", metavar="NAME", shell_complete=complete_reference)
@click.option("--table", help="Feature table or view to read; default: what the newest run of NAME read.")
@click.option("--key", "keys", multiple=True, help="Key column of --table; may be repeated.")
@click.option("--limit", default=ROWS, show_default=True, type=click.IntRange(1), help="How many rows.")
@target_options
@json_option
def score_command(
    reference: str,
    table: str | None,
    keys: tuple[str, ...],
    limit: int,
    schema: str | None,
    project_dir: Path | None,
    as_json: bool,
    **place: Any,
) -> None:
    """Score the first rows of a feature table and print them; nothing is written.

    NAME is churn, churn@challenger or churn/2. `dbt show` prints the features of a prediction model, this
    command its predictions, with the statuses and decisions that a run would give them. Rows are read in the
    order of their key.

    \b
    Examples:
      scorehouse score churn --target dev --limit 5
      scorehouse score churn@challenger --table customer_features --key customer_id --target dev
    """
    if bool(table) != bool(keys):
        raise click.UsageError("--table and --key go together: the table, and what identifies its rows")
    project, named = find_project(project_dir), place_of(**place, project_dir=project_dir)
    call = f"{this_call()} {reference}"
    name, alias, number = parse_reference(reference, call)
    versions = ModelSeeds(project, name).registered(call)
    version = resolve(versions, alias=alias, version=number, call=call)
    with waiting("scoring"), connect(named) as connection:
        rows = _rows(connection, named, name, schema, table, keys, call)
        found = _preview(connection, rows, version, project, call, limit)
    if as_json:
        print_json({"model_name": name, "model_version": version.version, "rows": found.rows})
        return
    for line in _lines(found):
        echo(line)


def _rows(
    connection: duckdb.DuckDBPyConnection,
    place: Place,
    name: str,
    schema: str | None,
    table: str | None,
    keys: Sequence[str],
    call: str,
) -> Rows:
    from scorehouse.explain.preview import rows_of_newest_run, rows_of_table

    if table is None:
        return rows_of_newest_run(connection, find_log(connection, schema, place), name, None, call)
    if "." not in table:
        qualifiers = [place.alias, schema or place.schema or (place.alias and "main")]
        table = ".".join([*(DUCKDB.quote(each) for each in qualifiers if each), table])
    return rows_of_table(connection, table, keys, call)


def _preview(
    connection: duckdb.DuckDBPyConnection,
    rows: Rows,
    version: Version,
    project: Path,
    call: str,
    limit: int,
) -> Preview:
    from scorehouse.explain.preview import preview
    from scorehouse.scoring.request import Request, load_policy

    request = Request(
        run_id="",
        invocation_id="",
        node="preview",
        relation="",
        run_log="",
        project_root=project,
        load_policy=load_policy(project),
    )
    return preview(connection, rows, version, request, call, limit=limit)


def _lines(found: Preview) -> list[str]:
    """The rows as a table, and what they are."""
    head = heading(f"{found.version.label}, form {found.form}; a preview, nothing was written")
    if not found.rows:
        return [head, "the feature table has no rows"]
    columns = list(found.rows[0])
    body = [[_text(name, row[name]) for name in columns] for row in found.rows]
    counts = f"{count(len(found.rows), 'row')}: {len(found.rows) - found.rejected:,} scored"
    return [head, *table(columns, body), "", f"{counts}, {found.rejected:,} rejected"]


def _text(name: str, value: Any) -> Any:
    return state(value) if name == "row_status" else value
