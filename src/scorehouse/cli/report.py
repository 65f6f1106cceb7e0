"""`scorehouse report`: the monitoring tables of a target as a small folder of HTML pages, or as one file."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from scorehouse.cli.common import count, echo, json_option, print_json
from scorehouse.cli.names import complete_name
from scorehouse.cli.target import connect, dbt_results, place_of, results_option, target_options
from scorehouse.cli.waiting import waiting
from scorehouse.errors import ConfigurationError
from scorehouse.project.folder import find_project
from scorehouse.registry.seeds import replace_file
from scorehouse.report.cards import FILE, Given, read_given
from scorehouse.report.gather import gather
from scorehouse.report.page import GENERATOR, INDEX, Report, folder, one_page
from scorehouse.report.sections import chapter_of
from scorehouse.report.summary import overview
from scorehouse.report.warehouse import Warehouse
from scorehouse.report.words import size

CALL = "scorehouse report"


@click.command("report")
@click.argument("name", required=False, shell_complete=complete_name)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    default=Path("scorehouse_report"),
    show_default=True,
    help="Folder to write, or a single file if it ends with .html; earlier pages are replaced.",
)
@click.option("--title", help="Heading of the report.")
@click.option(
    "--cards",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help=f"What people know, for the model cards; default: the project's {FILE}, if any.",
)
@results_option
@target_options
@json_option
def report_command(
    name: str | None,
    output: Path,
    title: str | None,
    cards: Path | None,
    dbt_target: Path | None,
    schema: str | None,
    as_json: bool,
    **place: Any,
) -> None:
    """Write an HTML report on the ML model NAME, or on all of them, from the target that you name.

    Reads the tables of monitoring, which it finds by their columns. index.html says in one sentence per ML
    model what to do; each has a page and a model card. The report opens without a network, and shows the SQL
    behind each alert.

    \b
    Examples:
      scorehouse report --database target/scorehouse.duckdb
      scorehouse report churn --target prod --output churn.html
    """
    named = place_of(**place)
    results = dbt_results(named, dbt_target, place["project_dir"])
    with waiting("reading the warehouse"), connect(named) as connection:
        warehouse = Warehouse(connection, named, schema, CALL)
        chapters = [
            chapter_of(warehouse, data, results)
            for data in gather(warehouse, name, nodes=results.nodes if results else None)
        ]
        known = [table.name.removeprefix("ml_") for table in warehouse.of_kind("registry")]
    given = _given(cards, place["project_dir"], known)
    heading = title or (f"{name}: monitoring" if name else "Monitoring of the ML models")
    report = Report(chapters, heading, named.file.name, datetime.now(UTC), given)
    written, length = _write(report, output)
    alerts = sum(len(chapter.alerts) for chapter in chapters)
    if as_json:
        models = {chapter.data.name: len(chapter.alerts) for chapter in chapters}
        lights = [overview(chapter) for chapter in chapters]
        print_json({"written": str(written), "bytes": length, "alerts": models, "ml_models": lights})
        return
    echo(f"written: {written} ({size(length)}, {count(len(chapters), 'ML model')}, {count(alerts, 'alert')})")


def _write(report: Report, output: Path) -> tuple[Path, int]:
    """The first page that was written, and how many bytes all pages have."""
    if output.suffix == ".html":
        pages = {output: one_page(report)}
    else:
        pages = {output / path: text for path, text in folder(report).items()}
    for file in pages:
        _check_ours(file)
    for file, text in pages.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        replace_file(file, text.encode())
    return next(iter(pages)), sum(len(text.encode()) for text in pages.values())


def _check_ours(file: Path) -> None:
    """Refuse to replace the index of a folder that holds another site."""
    if file.name != INDEX or not file.is_file():
        return
    if f'content="{GENERATOR}' not in file.read_text(encoding="utf-8", errors="replace"):
        raise ConfigurationError(
            CALL,
            f"{str(file)!r} was not written by this command",
            expected="an empty or new folder, or one with an earlier report",
            action="name another folder with --output, or a file that ends with .html",
        )


def _given(file: Path | None, project_dir: Path | None, known: list[str]) -> Mapping[str, Given]:
    """What the file of --cards says, or the project's own file; empty if there is none."""
    if file is None:
        try:
            file = find_project(project_dir) / FILE
        except ConfigurationError:
            return {}
        if not file.is_file():
            return {}
    return read_given(file, known, CALL)
