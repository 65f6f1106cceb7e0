"""The pages of the report as HTML: a small folder of pages, or all of them in one file. None has a script.

The model card of a version has what the registry and the warehouse know, and what its owner has written.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jinja2
import yaml

from scorehouse.errors import ConfigurationError, did_you_mean
from scorehouse.metrics import METRICS, of_drift
from scorehouse.registry.program_facts import undated
from scorehouse.registry.version import MULTILABEL, Version
from scorehouse.report import contests, words
from scorehouse.report.alert_words import series_name
from scorehouse.report.runs import reject_reasons, run_status, table_name
from scorehouse.report.sections import Chapter
from scorehouse.report.summary import headline
from scorehouse.report.words import metric_name, metric_value, number, rows, size

# A page piece by piece: what is no text of it, or a text
PIECES = re.compile(r"<(style|title|pre|svg)\b.*?</\1>|<[^>]*>|[^<]+", re.DOTALL)
GENERATOR = "scorehouse report"  # marks a page as ours, so that no page of somebody else is replaced
INDEX = "index.html"
ORDER = ("bad", "warn", "none", "ok")
# The functions of `words` that templates use as filters.
FORMATS = (
    *("number", "p_value", "part_name", "percent", "prose", "rows", "seconds", "size", "slug", "stamp"),
    *("metric_limit", "metric_name", "metric_value"),
)
Given = Mapping[str, str]
Line = tuple[str, str]
FILE = "model_cards.yml"
# What only people know, with what the card says until they have written it.
KEYS = {
    "intended_use": "Intended use",
    "out_of_scope": "Out-of-scope use",
    "label": "What the label is",
    "estimator": "Estimator",
    "measured_on": "Measured on",
    "baseline": "Baseline",
    "training_query": "Training query",
    "training_commit": "Training commit",
    "next_review": "Next review",
}


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
    page = _environment().get_template(template).render({**report.facts, **own})
    return PIECES.sub(lambda one: one[0] if one[0][0] == "<" else words.breakable(one[0]), page)


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
        in_window=lambda row: words.in_window(row["window_start"], row["window_end"]),
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


@dataclass(frozen=True)
class Card:
    """A card for print: its sections with their lines, and results as rows of four cells.

    A line is a name and a text, which is empty if nobody has said it yet.
    """

    sections: list[tuple[str, list[Line]]]
    results: list[tuple[str, str, str, str]]

    @property
    def missing(self) -> list[str]:
        """What nobody has said yet."""
        return [name.lower() for _, lines in self.sections for name, text in lines if not text]


def read_given(file: Path, names: Iterable[str], call: str) -> dict[str, Given]:
    """What a file of cards says, by `name` or `name/version`. Unknown ML models and keys are refused.

    Raises ConfigurationError if the file is not as expected; `names` are the ML models in the warehouse.
    """
    try:
        found = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise _refused(call, f"{str(file)!r} cannot be read ({error})", "a file of YAML") from error
    if not isinstance(found, dict):
        raise _refused(call, f"{str(file)!r} has no names", "ML models, each with what its card says")
    known = set(names)
    given: dict[str, Given] = {}
    for name, said in found.items():
        if str(name).partition("/")[0] not in known:
            problem = f"{str(file)!r} has {name!r}{did_you_mean(str(name), known)}"
            raise _refused(call, problem, f"an ML model: {', '.join(sorted(known))}")
        for key in said if isinstance(said, dict) else {"": None}:
            if key not in KEYS:
                problem = f"{str(file)!r} has {key!r} under {name!r}{did_you_mean(str(key), KEYS)}"
                raise _refused(call, problem, f"keys out of {', '.join(KEYS)}")
        given[str(name)] = {key: " ".join(str(value).split()) for key, value in said.items()}
    return given


def _refused(call: str, problem: str, expected: str) -> ConfigurationError:
    return ConfigurationError(call, problem, expected=expected, action="correct the file of --cards")


def card_of(chapter: Chapter, given: Mapping[str, Given], today: date) -> Card:
    """The card of the version that the chapter shows; what is said about the version goes before the name."""
    live = chapter.live
    said = {**given.get(live.name, {}), **given.get(f"{live.name}/{live.version}", {})}
    if _is_past(said.get("next_review", ""), today):
        said["next_review"] += ", overdue"
    written = {key: (title, said.get(key, "")) for key, title in KEYS.items()}
    window = f"{live.trained_from} to {live.trained_to}" if live.trained_from else ""
    sections = [
        ("Use", [("Purpose", live.description), written["intended_use"], written["out_of_scope"]]),
        ("Decision", _decision(live, written["label"])),
        (
            "Training",
            [
                ("Training window", window),
                ("Training rows", rows(live.training_rows)),
                *(written[key] for key in ("training_query", "training_commit", "measured_on", "baseline")),
            ],
        ),
        ("Estimator and libraries", [written["estimator"], *_libraries(live)]),
        ("Responsibility", [("Owner", live.owner), written["next_review"]]),
    ]
    return Card(sections, _results(chapter))


def _is_past(text: str, today: date) -> bool:
    try:
        return date.fromisoformat(text) < today
    except ValueError:
        return False


def _decision(live: Version, label: Line) -> list[Line]:
    lines = [("Task", live.task), label]
    if live.classes:
        lines.append(("Classes", ", ".join(map(str, live.classes))))
    if live.outputs:
        lines.append(("Outputs", ", ".join(live.outputs.values())))
    if live.threshold is not None:
        lines.append(("Threshold", f"positive from a score of {number(live.threshold)}"))
    elif live.task in ("classification", MULTILABEL):
        lines.append(("Threshold", "the estimator's own rule"))
    return lines


def _libraries(live: Version) -> list[Line]:
    saved_with = dict(sorted(live.libraries.items()))
    if live.python_version:
        saved_with = {"Python": live.python_version, "scikit-learn": live.sklearn_version, **saved_with}
    return [
        ("Artifact", f"{live.artifact} ({live.artifact_format}, {size(live.size_bytes)})"),
        ("SHA-256 of the artifact", live.sha256),
        ("Saved with", ", ".join(map(" ".join, saved_with.items()))),
        ("Registered", live.registered_at),
    ]


def _results(chapter: Chapter) -> list[tuple[str, str, str, str]]:
    """Per metric: its value at registration, its value now, and what guessing reaches."""
    found = chapter.performance
    newest = {row["metric"]: row["value"] for row in found.newest} if found else {}
    names = list(chapter.live.metrics) + [name for name in (found.metrics if found else []) if name in newest]
    return [
        (
            metric_name(name),
            metric_value(name, chapter.live.metrics.get(name)),
            metric_value(name, newest.get(name)),
            number(METRICS[name].guess if name in METRICS else None),
        )
        for name in dict.fromkeys(names)
    ]
