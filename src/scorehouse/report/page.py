"""The pages of the report as HTML: a small folder of pages, or all of them in one file. None has a script."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib.metadata import version
from typing import Any

import jinja2

from scorehouse.metrics import of_drift
from scorehouse.registry.training_days import undated
from scorehouse.report import contests, words
from scorehouse.report.alert_words import series_name
from scorehouse.report.cards import Given, card_of
from scorehouse.report.gather import reject_reasons, run_status, table_name
from scorehouse.report.sections import Chapter
from scorehouse.report.summary import headline

GENERATOR = "scorehouse report"  # marks a page as ours, so that no page of somebody else is replaced
INDEX = "index.html"
ORDER = ("bad", "warn", "none", "ok")
# The functions of `words` that templates use as filters.
FORMATS = (
    *("number", "p_value", "percent", "prose", "rows", "seconds", "size", "slug", "stamp"),
    *("metric_limit", "metric_name", "metric_value"),
)


@dataclass(frozen=True)
class Report:
    """What all pages have in common: the chapters, worst first, and what was said about the ML models."""

    chapters: Sequence[Chapter]
    title: str
    database: str
    made_at: datetime
    given: Mapping[str, Given]

    @property
    def facts(self) -> dict[str, Any]:
        return {
            "title": self.title,
            "database": self.database,
            "made_at": self.made_at,
            "release": version("scorehouse"),
            "generator": GENERATOR,
            "chapters": by_state(self.chapters),
            "distances": of_drift("shape"),
        }


def by_state(chapters: Sequence[Chapter]) -> list[Chapter]:
    """The chapters, worst first."""
    return sorted(chapters, key=lambda one: (ORDER.index(headline(one).state), one.data.name))


def one_page(report: Report) -> str:
    """The report in one HTML file, without the model cards."""
    return _render("report.html", report, single=True)


def folder(report: Report) -> dict[str, str]:
    """The HTML of each page by its path: the index, one page per ML model, one card per shown version."""
    pages = {INDEX: _render("index.html", report, single=False)}
    for chapter in report.chapters:
        pages[model_path(chapter)] = _render("model.html", report, chapter=chapter, single=False)
        pages[card_path(chapter)] = card_page(report, chapter)
    return pages


def card_page(report: Report, chapter: Chapter) -> str:
    """The model card of the version that is shown, for print."""
    return _render(
        "card.html", report, chapter=chapter, card=card_of(chapter, report.given, report.made_at.date())
    )


def model_path(chapter: Chapter) -> str:
    """Where the page of an ML model is, below the report's folder."""
    return f"models/{chapter.data.name}.html"


def card_path(chapter: Chapter) -> str:
    """Where the card of the version that is shown is, below the report's folder."""
    return f"cards/{chapter.data.name}-{chapter.live.version}.html"


def _render(template: str, report: Report, **own: Any) -> str:
    return _environment().get_template(template).render({**report.facts, **own})


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("scorehouse.report"),
        autoescape=True,
        undefined=jinja2.ChainableUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update({name: getattr(words, name) for name in FORMATS})
    environment.filters.update(
        series_name=series_name,
        headline=headline,
        model_path=model_path,
        card_path=card_path,
        reject_reasons=reject_reasons,
        table_name=table_name,
        run_status=run_status,
        winner=contests.winner,
        undated=undated,
        contest=contests.contest,
        contest_part=contests.part_of,
        contest_is_whole=contests.is_whole,
        round_rows=lambda value: words.rows(None if value is None else round(value)),
        reason=lambda pair: f"{pair[0]} ({pair[1]:,})",
    )
    return environment
