"""`scorehouse status`: the first page of the report in a terminal, the worst ML model first."""

from __future__ import annotations

import re
import shutil
import textwrap
from collections.abc import Iterator, Sequence

import click

from scorehouse.cli.common import EXIT_DIFFERENT, answer, heading, json_option, optional_name, waiting
from scorehouse.cli.report import chapters_of
from scorehouse.cli.target import Target, results_option, target_options
from scorehouse.report.alert import Alert
from scorehouse.report.export import facts_of_alert
from scorehouse.report.page import by_state
from scorehouse.report.sections import Chapter
from scorehouse.report.summary import ACT, FINE, NEXT, WATCH, counted, headline, overview
from scorehouse.report.words import part_name

COLOURS = {ACT: "red", WATCH: "yellow", FINE: "green"}
WIDEST = 110
COMMAND = re.compile(r"\b(dbt|scorehouse) [a-z]")  # to copy, in one line


@click.command("status")
@optional_name
@results_option
@click.option("--exit-code", is_flag=True, help="Exit with 3 if there is an alert.")
@target_options
@json_option
@click.pass_context
def status_command(
    ctx: click.Context, name: str | None, exit_code: bool, target: Target, as_json: bool
) -> None:
    """Say in a few lines which ML models need a person, why, and what to do.

    It says what the first page of the report says: causes with their numbers, the worst first. `export
    alerts` sends the same to others.

    \b
    Examples:
      scorehouse status --target prod
      scorehouse status churn --database target/warehouse.duckdb --exit-code
    """
    results = target.dbt_results()
    with waiting("reading the warehouse"), target.opened(anywhere=True) as opened:
        chapters = by_state(chapters_of(opened.monitoring, name, results))
    said = [{**overview(chapter), "causes": [*map(facts_of_alert, chapter.alerts)]} for chapter in chapters]
    answer(as_json, said, _lines(chapters))
    if exit_code and any(chapter.alerts for chapter in chapters):
        ctx.exit(EXIT_DIFFERENT)


def _lines(chapters: Sequence[Chapter]) -> Iterator[str]:
    names: dict[str, list[str]] = {word: [] for word in NEXT}
    for chapter in chapters:
        names[headline(chapter).word].append(chapter.data.name)
    yield heading(counted(names))
    for chapter in chapters:
        said = headline(chapter)
        yield ""
        word = click.style(said.word, fg=COLOURS.get(said.word), bold=True)
        owner = (
            f", owner {chapter.live.owner}"
            if chapter.live.owner
            else ", no owner given" * bool(chapter.alerts)
        )
        yield f"{word}  {heading(chapter.data.name)} version {chapter.live.version}{owner}"
        if not chapter.alerts:
            yield from _wrapped(said.text, 2)
        for alert in chapter.alerts:
            yield from _of_alert(alert)
        if chapter.alerts and said.note:
            yield from _wrapped(said.note, 2)


def _of_alert(alert: Alert) -> Iterator[str]:
    """The cause, its numbers and what to do; then the advice on retraining that stands behind it."""
    since = f", since {alert.since}" if alert.since else ""
    kind = f"{alert.kind}{', first' if alert.first else ''}"
    yield from _wrapped(f"{kind}: {alert.title}{f' ({alert.state}{since})' if alert.state else ''}.", 2)
    if alert.text:
        yield from _wrapped(alert.text, 4)
    if alert.topic == "segments":
        others = [part_name(one.row["segment"]) for one in alert.told if one.topic == "segments" and one.row]
        if said := "; ".join([*others, *filter(None, [alert.untold])]):
            yield from _wrapped(f"also where {said}", 4)
    advice = f"What to do: {alert.what_to_do}"
    yield from [f"    {advice}"] if COMMAND.search(advice) else _wrapped(advice, 4)
    for one in alert.also:
        if one.topic == "retraining":
            yield from _of_alert(one)


def _wrapped(text: str, indent: int) -> list[str]:
    """Lines that fit the terminal."""
    width = min(shutil.get_terminal_size().columns, WIDEST)
    return textwrap.wrap(
        text,
        width,
        initial_indent=" " * indent,
        subsequent_indent=" " * indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
