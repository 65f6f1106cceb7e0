"""What docs/generate_reference.py makes of the public macros and generic tests: two pages, by task."""

from __future__ import annotations

import re
import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import yaml
from tables import table

ROOT = Path(__file__).resolve().parents[1]
DEFINITION = re.compile(r"{%-?\s*(macro|test)\s+(\w+)\s*\((.*?)\)\s*-?%}", re.S)
DEFAULT = re.compile(r"(?:^| )Default:? `?([^`]+?)`?\.$")
NO_VALUE = re.compile(r"Default (?:null|none): ")
PAGE = re.compile(r"docs/(?:reference|(how-to))/(\w+)\.md")
FILLED_IN = "dbt fills it in."
SHARED = 2  # an argument that so many describe in the same words is described once
MACROS = {
    "Score": ("scored", "predict", "class_columns", "fragile_rows"),
    "Intervals and sets": (
        "interval_calibration",
        "prediction_intervals",
        "set_calibration",
        "prediction_sets",
        "adaptive_level",
    ),
    "Watch drift": ("profile", "replace_windows", "drift", "joint_drift", "exact_drift", "attribution"),
    "Measure performance": (
        "performance",
        "calibration_table",
        "estimated_performance",
        "worst_segments",
        "sequential_monitor",
        "prediction_powered_monitor",
    ),
    "Retrain and compare": ("retraining_signals", "compare_versions", "compare_metric", "impact"),
    "History and training sets": ("live_predictions", "features_as_of", "training_set"),
    "Run log and retention": (
        "run_log_relation",
        "scoring_costs",
        "ensure_run_log",
        "close_runs",
        "prune_run_log",
        "compact_run_log",
        "prune_history",
    ),
}
TESTS = {
    "Feature tables": (
        "feature_has_type",
        "feature_not_null",
        "feature_in_categories",
        "feature_in_range",
        "feature_plausible",
        "no_fragile_rows",
    ),
    "Prediction tables": (
        "one_prediction_per_row",
        "score_in_range",
        "class_scores_sum_to_one",
        "columns_not_null",
        "rejected_share_below",
        "reasons_add_up",
        "predictions_registered",
        "predictions_by_alias",
        "predictions_fresh",
        "predictions_up_to_date",
        "volume_in_range",
        "challenger_not_worse",
        "teacher_agrees",
    ),
    "Performance tables": (
        "performance_at_least",
        "performance_not_below_reference",
        "calibrated",
        "coverage_at_least",
        "gap_at_most",
        "labels_arrive",
    ),
    "Other tables of monitoring": (
        "no_drift",
        "no_score_drift",
        "no_attribution_drift",
        "no_worse_segments",
        "no_sequential_alert",
    ),
    "Training sets and replays": ("no_leak_from_future", "replay_agrees", "backend_agrees"),
}
MACROS_OPENING = """\
Put the package's name in front of a macro: `scorehouse.scored(...)`. Most macros are the select of a model,
which consists of a call to it. An argument without a default is required."""
TESTS_OPENING = """\
Generic tests; write `scorehouse.<test>`. A test returns the failing rows, most with a column `problem` that
says what is wrong. Tests of drift, attribution and segments warn unless `severity` says otherwise. One with
`column_name` stands under a column. An argument without a default is required."""
ELSEWHERE = {
    "scored": [
        "[Its arguments](score.md) are those of `score`; `backend` is `auto`, `estimator`, "
        "`matrix`, `native` or `sql`."
    ]
}


def macros() -> str:
    return _page("macro", "Macros", MACROS_OPENING, MACROS)


def tests() -> str:
    return _page("test", "Tests", TESTS_OPENING, TESTS)


def _page(kind: str, title: str, opening: str, sections: Mapping[str, Sequence[str]]) -> str:
    signatures, entries = dict(_signatures(kind)), _documented()
    placed = [name for names in sections.values() for name in names]
    if set(placed) != set(signatures):
        raise SystemExit(f"{__file__}: no section, or no file, has {sorted(set(placed) ^ set(signatures))}")
    described = {name: entries[name if kind == "macro" else f"test_{name}"] for name in placed}
    arguments = {
        name: {} if name in ELSEWHERE else _arguments(described[name], signatures[name]) for name in placed
    }
    shared = _shared(arguments)
    lines = [f"# {title}", "", *opening.splitlines(), ""]
    lines += table(["for", title.lower()], ([section, _links(names)] for section, names in sections.items()))
    lines += ["## Arguments that several take", "", "An argument that is not described is one of these.", ""]
    lines += [*map(_line, sorted(shared.items())), ""]
    for section, names in sections.items():
        lines += [f"## {section}", ""]
        for name in names:
            lines += [f"### {name}", "", "```jinja", *_wrapped(f"{name}({signatures[name]})"), "```", ""]
            lines += [_meaning(name, described[name], section), ""]
            own = {one: text for one, text in arguments[name].items() if shared.get(one) != text}
            lines += [*map(_line, _together(own)), *([""] if own else [])]
    return "\n".join(lines)


def _wrapped(signature: str) -> list[str]:
    return textwrap.wrap(signature, 80, subsequent_indent="    ", break_on_hyphens=False)


def _links(names: Iterable[str]) -> str:
    return ", ".join(f"[`{name}`](#{name})" for name in names)


def _meaning(name: str, entry: Mapping[str, Any], section: str) -> str:
    """The description; of a test after what it is put on, if the section does not say it."""
    models = [_joined(one["description"]) for one in _described(entry) if one["name"] == "model"]
    places = [f"On {text[:1].lower()}{text[1:].removesuffix(f'; {FILLED_IN}')}." for text in models]
    places = [place for place in places if place != f"On a {section.lower().removesuffix('s')}."]
    return " ".join([*places, _joined(entry["description"]), *ELSEWHERE.get(name, [])])


def _described(entry: Mapping[str, Any]) -> list[dict[str, str]]:
    return entry.get("arguments") or []


def _signatures(kind: str) -> Iterator[tuple[str, str]]:
    """Public macros or tests, each with its arguments but for `model`. Each has a file with its name."""
    for file in sorted(ROOT.glob("macros/**/*.sql")):
        for found, name, arguments in DEFINITION.findall(file.read_text()):
            if found == kind and name == file.stem and not name.startswith("_"):
                yield name, " ".join(arguments.split()).removeprefix("model, ")


def _documented() -> dict[str, dict[str, Any]]:
    """The YAML entries of macros, by name."""
    found = {}
    for file in sorted(ROOT.glob("macros/**/*.yml")):
        for entry in (yaml.safe_load(file.read_text()) or {}).get("macros") or []:
            found[entry["name"]] = entry
    return found


def _arguments(entry: Mapping[str, Any], signature: str) -> dict[str, tuple[str, str]]:
    """Type and description of each argument, without what dbt fills in."""
    return {
        one["name"]: (one.get("type", "any"), _without_default(one["name"], text, signature))
        for one in _described(entry)
        if not (text := _joined(one["description"])).endswith(FILLED_IN)
    }


def _without_default(name: str, text: str, signature: str) -> str:
    """The description, without a last sentence that only says what the signature says."""
    text = text.removesuffix("Required.").rstrip()
    if not (said := DEFAULT.search(text)):
        return NO_VALUE.sub("Default: ", text)
    value = "none" if said[1] == "null" else said[1]
    values = (value, f"'{value}'", *(("[]", "{}") if value == "none" else ()))
    is_said = any(f"{name}={each}" in signature for each in values)
    return text[: said.start()] if is_said else NO_VALUE.sub("Default: ", text)


def _shared(arguments: Mapping[str, Mapping[str, tuple[str, str]]]) -> dict[str, tuple[str, str]]:
    """By name, the type and description that at least `SHARED` macros give an argument."""
    counted = Counter(item for own in arguments.values() for item in own.items())
    return {name: text for (name, text), number in reversed(counted.most_common()) if number >= SHARED}


def _together(arguments: Mapping[str, tuple[str, str]]) -> Iterator[tuple[str, tuple[str, str]]]:
    """Arguments; those that follow each other with the same description as one."""
    for text, group in groupby(arguments.items(), key=lambda item: item[1][1]):
        items = list(group)
        kinds = {kind for _, (kind, _) in items}
        yield "`, `".join(name for name, _ in items), (kinds.pop() if len(kinds) == 1 else "any", text)


def _line(argument: tuple[str, tuple[str, str]]) -> str:
    name, (kind, text) = argument
    return f"- `{name}`{' (relation)' if kind == 'relation' else ''}: {text[:1].lower()}{text[1:]}"


def _joined(text: str) -> str:
    """In one line, with links to other pages."""
    return PAGE.sub(lambda found: _link(*found.groups()), " ".join(text.split()))


def _link(folder: str | None, page: str) -> str:
    return f"[{page.replace('_', ' ')}]({'../how-to/' if folder else ''}{page}.md)"
