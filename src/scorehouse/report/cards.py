"""The model card of one version: what the registry and the warehouse know, and what its owner has written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import yaml

from scorehouse.errors import ConfigurationError, did_you_mean
from scorehouse.metrics import METRICS
from scorehouse.registry.version import MULTILABEL, Version
from scorehouse.report.sections import Chapter
from scorehouse.report.words import metric_name, metric_value, number, percent, rows, size

Given = Mapping[str, str]

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
MOST_FEATURES = 12


@dataclass(frozen=True)
class Line:
    """One line of a card; `given` is false if nobody has said it yet."""

    name: str
    text: str
    given: bool = True


@dataclass(frozen=True)
class Card:
    """A card for print: its sections with their lines, results as rows of four cells, and the features."""

    sections: list[tuple[str, list[Line]]]
    results: list[tuple[str, str, str, str]]
    groups: list[tuple[str, str, list[str]]]
    features: list[tuple[str, str]]
    missing: list[str]


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
            hint = did_you_mean(str(name), known)
            problem = f"{str(file)!r} has {name!r}{hint}"
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
    written = {key: _line(title, said.get(key)) for key, title in KEYS.items()}
    window = f"{live.trained_from} to {live.trained_to}" if live.trained_from else ""
    sections = [
        ("Use", [_line("Purpose", live.description), written["intended_use"], written["out_of_scope"]]),
        ("Decision", _decision(live, written["label"])),
        (
            "Training",
            [
                _line("Training window", window),
                Line("Training rows", rows(live.training_rows)),
                *(written[key] for key in ("training_query", "training_commit", "measured_on", "baseline")),
            ],
        ),
        ("Estimator and libraries", [written["estimator"], *_libraries(live)]),
        ("Responsibility", [_line("Owner", live.owner), written["next_review"]]),
    ]
    missing = [line.name.lower() for _, lines in sections for line in lines if not line.given]
    return Card(sections, _results(chapter), _groups(chapter), _features(chapter), missing)


def _line(name: str, text: str | None) -> Line:
    return Line(name, text) if text else Line(name, "not given", given=False)


def _is_past(text: str, today: date) -> bool:
    try:
        return date.fromisoformat(text) < today
    except ValueError:
        return False


def _decision(live: Version, label: Line) -> list[Line]:
    lines = [Line("Task", live.task), label]
    if live.classes:
        lines.append(Line("Classes", ", ".join(map(str, live.classes))))
    if live.outputs:
        lines.append(Line("Outputs", ", ".join(live.outputs.values())))
    if live.threshold is not None:
        lines.append(Line("Threshold", f"positive from a score of {number(live.threshold)}"))
    elif live.task in ("classification", MULTILABEL):
        lines.append(Line("Threshold", "the estimator's own rule"))
    return lines


def _libraries(live: Version) -> list[Line]:
    saved_with = dict(sorted(live.libraries.items()))
    if live.python_version:
        own = {"Python": live.python_version, "scikit-learn": live.sklearn_version}
        saved_with = own | saved_with
    return [
        Line("Artifact", f"{live.artifact} ({live.artifact_format}, {size(live.size_bytes)})"),
        Line("SHA-256 of the artifact", live.sha256),
        _line("Saved with", ", ".join(map(" ".join, saved_with.items()))),
        Line("Registered", live.registered_at),
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


def _groups(chapter: Chapter) -> list[tuple[str, str, list[str]]]:
    found = chapter.performance
    names = found.segment_metrics if found else []
    return [
        (
            group["segment"],
            rows(group["rows"]),
            [metric_value(name, group["values"].get(name, {}).get("value")) for name in names],
        )
        for group in (found.segments if found else [])
    ]


def _features(chapter: Chapter) -> list[tuple[str, str]]:
    """The most important features and their share of the importance; empty if it was not measured."""
    measured = [row for row in chapter.data.signature if row.get("importance")]
    ranked = sorted(measured, key=lambda row: -row["importance"])
    return [(row["feature"], percent(row["importance"])) for row in ranked[:MOST_FEATURES]]
