"""The model card, in Markdown: what an ML model is for, its versions, metrics, limits and features."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from scorehouse.project.dbt_text import code, prose
from scorehouse.registration.pictures import KINDS, picture_of
from scorehouse.registry.program_facts import (
    certified_in_words,
    databases_of,
    fragile_in_words,
    proven_in,
    segments_in_words,
)
from scorehouse.registry.seeds import ModelSeeds
from scorehouse.registry.version import MULTILABEL, Version, score_of

CHAMPION = "champion"
MOST_NAMES = 4


def model_card(seeds: ModelSeeds, versions: Sequence[Version]) -> str:
    """The card of all versions, with features and pictures of the champion, or of the newest version."""
    newest = versions[-1]
    shown = next((version for version in versions if CHAMPION in version.aliases), newest)
    features = seeds.features(shown.version)
    lines = [f"**ML model `{newest.name}`** ({newest.task})", ""]
    lines += [prose(shown.description), ""] if shown.description else []
    lines += [f"Owner: {prose(shown.owner)}", ""] if shown.owner else []
    if shown.classes:
        held = {label: f" (score in {code(column)})" for column, label in shown.class_columns.items()}
        classes = (code(str(label)) + held.get(label, "") for label in shown.classes)
        lines += [f"Classes: {', '.join(classes)}", ""]
    if shown.segments:
        lines += [f"Segments of version {shown.version}: {prose(segments_in_words(shown.segments))}", ""]
    if shown.calibration:
        told = "Intervals or sets of version {}: calibrated at registration by {}, from {:,} labels"
        facts = shown.version, shown.calibration["method"], shown.calibration["labels"]
        lines += [told.format(*facts), ""]
    if shown.outputs:
        lines += [f"Outputs: {', '.join(_outputs(shown))}", ""]
    lines += ["| version | aliases | trained on | rows | metrics at registration | registered |"]
    lines += ["|---|---|---|---|---|---|"]
    lines += [_version_line(version) for version in versions]
    lines += ["", *_backend_lines(versions), *_limits(shown, features)]
    lines += [f"**Features of version {shown.version}**", ""]
    lines += _feature_table(features)
    for kind in KINDS:
        if path := picture_of(seeds.project, shown, kind):
            lines += ["", f"![{kind} of {shown.label}]({path})"]
    return "\n".join(lines) + "\n"


def _outputs(version: Version) -> Iterator[str]:
    """Each output with its columns."""
    has_scores = version.task == MULTILABEL and version.score_method != "none"
    for column, output in version.outputs.items():
        score = f", score in {code(score_of(column))}" if has_scores else ""
        yield f"{code(output)} (in {code(column)}{score})"


def _version_line(version: Version) -> str:
    window = prose(f"{version.trained_from} to {version.trained_to}") if version.trained_from else ""
    quality = ", ".join(f"{name} {value:.4g}" for name, value in sorted(version.metrics.items()))
    return (
        f"| {version.version} | {', '.join(version.aliases)} | {window} | {version.training_rows:,} "
        f"| {prose(quality)} | {version.registered_at[:10]} |"
    )


def _backend_lines(versions: Sequence[Version]) -> list[str]:
    """The backends that may score instead of the estimator, and why others may not."""
    proven, refused = [], []
    for version in versions:
        others = sorted(version.program.get("refused", {}).items())
        refused += [f"- version {version.version}, {what}: {prose(why)}" for what, why in others]
        for backend, fact in proven_in(version.program).items():
            where = databases_of(fact)
            proven.append(
                f"| {version.version} | {backend}{f' ({where})' if where else ''} | {fact['rows']:,} "
                f"| {fact['largest_difference']:.1g} |"
            )
    head = ["| version | backend proven equal | rows compared | largest difference |", "|---|---|---|---|"]
    lines = [*head, *proven, ""] if proven else []
    for version in versions:
        if words := certified_in_words(version):
            lines += [f"Version {version.version} is certified {words}.", ""]
    return [*lines, "Refused:", "", *refused, ""] if refused else lines


def _limits(version: Version, features: Sequence[dict[str, Any]]) -> list[str]:
    """What the version does not accept, as found by asking its pipeline."""
    facts = {
        "a missing value": [f["feature"] for f in features if not f["accepts_null"]],
        "an infinite value": [
            f["feature"] for f in features if f["type"] == "double" and not f["accepts_non_finite"]
        ],
        "a category that was not in training": [
            f["feature"] for f in features if f["categories"] is not None and not f["accepts_unseen"]
        ],
    }
    rejected = [f"- {what} in {_names(names, len(features))}" for what, names in facts.items() if names]
    lines = ["**Limits**", ""]
    lines += ["A row is rejected for", "", *rejected, ""] if rejected else ["No row is rejected.", ""]
    if words := fragile_in_words(version.program):
        lines += [prose(words[0].upper() + words[1:]) + ".", ""]
    until = f" The training data end on {prose(version.trained_to)}." if version.trained_to else ""
    return [*lines, f"Values outside the ranges below were not in the training data.{until}", ""]


def _names(names: Sequence[str], of: int) -> str:
    if len(names) > MOST_NAMES:
        return f"{len(names)} of {of} features"
    return ", ".join(code(name) for name in names)


def _feature_table(features: Sequence[dict[str, Any]]) -> list[str]:
    """The features, the most important first if importance was measured."""
    measured = any(feature["importance"] is not None for feature in features)
    if not measured:
        head = ["| feature | type | in training | missing | unseen |", "|---|---|---|---|---|"]
        return [*head, *(_feature_line(feature) for feature in features)]
    ranked = sorted(features, key=lambda feature: -(feature["importance"] or 0))
    kind = next((f["importance_kind"] for f in features if f["importance_kind"]), "")
    head = ["| feature | type | in training | missing | unseen | importance |", "|---|---|---|---|---|---|"]
    rows = [f"{_feature_line(feature)} {feature['importance'] or 0:.1%} |" for feature in ranked]
    measure = kind.removeprefix("permutation:").replace("_", " ")
    return [
        *head,
        *rows,
        "",
        f"Importance: share of the total change in {measure} when a feature is shuffled.",
    ]


def _feature_line(feature: dict[str, Any]) -> str:
    if feature["categories"] is not None:
        seen = f"{len(feature['categories'])} values"
    elif feature["minimum"] is not None:
        seen = f"{feature['minimum']:.6g} to {feature['maximum']:.6g}"
    else:
        seen = ""
    missing = "accepted" if feature["accepts_null"] else "rejected"
    unseen = "accepted" if feature["accepts_unseen"] else "rejected"
    return f"| {code(feature['feature'])} | {feature['type']} | {seen} | {missing} | {unseen} |"
