"""`scorehouse report`: the monitoring tables of a target as a small folder of HTML pages, or as one file."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import click

from scorehouse.cli.common import answer, count, json_option, option, optional_name, waiting
from scorehouse.cli.target import Target, results_option, target_options
from scorehouse.errors import ConfigurationError
from scorehouse.project.folder import find_project
from scorehouse.registry.seeds import registered_names, replace_file
from scorehouse.report.dbt_results import DbtResults
from scorehouse.report.gather import gather
from scorehouse.report.page import FILE, GENERATOR, INDEX, Given, Report, folder, one_page, read_given
from scorehouse.report.sections import Chapter, chapter_of
from scorehouse.report.summary import overview
from scorehouse.report.warehouse import Warehouse
from scorehouse.report.words import size

CALL = "scorehouse report"


@click.command("report")
@optional_name
@option(
    "--output",
    type=click.Path(path_type=Path),
    default=Path("scorehouse_report"),
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
    target: Target,
    as_json: bool,
) -> None:
    """Write an HTML report on the ML model NAME, or on all of them, from the target that you name.

    Reads the tables of monitoring, which it finds by their columns. index.html says in one sentence per ML
    model what to do; each has a page and a model card. The report needs no network, and shows the SQL
    behind each alert.

    \b
    Examples:
      scorehouse report --database target/scorehouse.duckdb
      scorehouse report churn --target prod --output churn.html
    """
    results = target.dbt_results()
    with waiting("reading the warehouse"), target.opened(anywhere=True) as opened:
        chapters = chapters_of(opened.monitoring, name, results)
        known = [table.name.removeprefix("ml_") for table in opened.monitoring.of_kind("registry")]
    given = _given(cards, target.project_dir, known)
    heading = title or (f"{name}: monitoring" if name else "Monitoring of the ML models")
    report = Report(chapters, heading, opened.place.file.name, datetime.now(UTC), given)
    written, length = _write(report, output)
    alerts = sum(len(chapter.alerts) for chapter in chapters)
    models = {chapter.data.name: len(chapter.alerts) for chapter in chapters}
    lights = [overview(chapter) for chapter in chapters]
    said = f"{size(length)}, {count(len(chapters), 'ML model')}, {count(alerts, 'alert')}"
    answer(
        as_json,
        {"written": str(written), "bytes": length, "alerts": models, "ml_models": lights},
        [f"written: {written} ({said})"],
    )


def chapters_of(warehouse: Warehouse, name: str | None, results: DbtResults | None) -> list[Chapter]:
    """What the report says about one ML model, or about all."""
    return [chapter_of(warehouse, data, results) for data in gather(warehouse, name, results=results)]


def _write(report: Report, output: Path) -> tuple[Path, int]:
    """The first page that was written, and how many bytes all pages have."""
    if output.suffix == ".html":
        pages = {output: one_page(report)}
    else:
        pages = {output / path: text for path, text in folder(report).items()}
    for file in pages:
        _check_ours(file)
    for file, text in pages.items():
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
            project = find_project(project_dir)
        except ConfigurationError:
            return {}
        file = project / FILE
        if not file.is_file():
            return {}
        known = [*known, *registered_names(project)]  # this warehouse may have only some of them
    return read_given(file, known, CALL)
