"""What a project says in `answers.yml`: features that can change, whom to ask, names for people, words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from string import Formatter
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field

from scorehouse.errors import ConfigurationError, did_you_mean, listed
from scorehouse.registry.seeds import registered_names
from scorehouse.registry.signature import Feature, Signature
from scorehouse.scoring.arguments import Arguments, Number, argument, check_arguments, refuse, shown

FILE = "answers.yml"
WORDS = Path(__file__).with_name("words.yml")
NUMBERS = ("double", "integer")
MOST_STEPS = 2.0**53  # from 0: whole numbers that a double holds
ACTION = f"correct {FILE}"
BOOL = "tag:yaml.org,2002:bool"


class _Loader(yaml.SafeLoader):
    """Reads yes, no, on and off as texts, since `no` may be a language and `yes` a decision."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in those if tag != BOOL]
    for first, those in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(BOOL, re.compile("(?i:true|false)$"), list("tTfF"))


class Change(Arguments):
    """How a feature may change: in which direction, between which values, in steps of what.

    `weight` multiplies its share of the distance. `values` are those that a text or a boolean may become.
    """

    LISTS = ("values",)

    direction: Literal["up", "down", "both"] = argument("both", "up, down or both")
    minimum: Number | None = argument(None, "a finite number")
    maximum: Number | None = argument(None, "a finite number")
    step: Annotated[Number, Field(gt=0)] | None = argument(None, "a number above 0")
    weight: Annotated[Number, Field(gt=0)] = argument(1.0, "a number above 0")
    values: tuple[str | bool, ...] = argument((), "a list of texts, or of true and false")

    @classmethod
    def checked(cls, call: str, feature: Feature, given: Any) -> Change:
        """The change of a feature, from a mapping or a direction alone."""
        inside = f"changeable {feature.name!r} in {FILE}"
        settings = {"direction": given} if isinstance(given, str | None) else given
        if not isinstance(settings, Mapping):
            raise _bad(call, f"{inside} is {shown(given)}", "up, down, both, or a mapping of settings")
        change = check_arguments(cls, settings, call, inside)
        is_number = feature.type in NUMBERS
        low, high = change.span(feature)
        kind = bool if feature.type == "boolean" else str
        other = next((value for value in change.values if not isinstance(value, kind)), None)
        step = change.step or (1.0 if feature.type == "integer" else 0.0)
        limits = {"minimum", "maximum", "step"} | ({"direction"} if change.direction != "both" else set())
        refuse(
            call,
            [
                (
                    feature.type == "timestamp",
                    f"{inside} is a timestamp",
                    "a number, a text or a boolean",
                    ACTION,
                ),
                (
                    not is_number and bool(limits & set(settings)),
                    f"{inside} is a {feature.type} and has {listed(sorted(limits & set(settings)))}",
                    "values alone",
                    ACTION,
                ),
                (
                    not is_number and other is not None,
                    f"{inside} is a {feature.type} and has the value {shown(other)}",
                    "true and false" if kind is bool else "texts; in quotes, since YAML reads yes as true",
                    ACTION,
                ),
                (
                    is_number and max(abs(low or 0.0), abs(high or 0.0)) >= MOST_STEPS * step > 0,
                    f"{inside} goes from {low} to {high} in steps of {step}",
                    "a larger step, or a smaller range",
                    ACTION,
                ),
                (is_number and bool(change.values), f"{inside} is a number and has values", "a step", ACTION),
                (
                    is_number and (low is None or high is None),
                    f"{inside} has no range: training had no numbers of it",
                    "minimum and maximum",
                    ACTION,
                ),
                (
                    is_number and None not in (low, high) and not low < high,  # type: ignore[operator]
                    f"{inside} goes from {low} to {high}",
                    "a minimum below the maximum",
                    ACTION,
                ),
                (
                    feature.type == "string" and not change.values and not feature.categories,
                    f"{inside} is a text without known categories",
                    "values",
                    ACTION,
                ),
            ],
        )
        return change

    def span(self, feature: Feature) -> tuple[float | None, float | None]:
        """The lowest and the highest value: those of training, if nothing else is said."""
        low = feature.minimum if self.minimum is None else self.minimum
        return low, feature.maximum if self.maximum is None else self.maximum


@dataclass(frozen=True)
class Answers:
    """What the project says of one ML model, and the words of a language.

    `names` and `decisions` are what people call features and decisions: a text, or one by language.
    """

    contact: str = ""
    changeable: Mapping[str, Change] = field(default_factory=dict)
    names: Mapping[str, Any] = field(default_factory=dict)
    decisions: Mapping[str, Any] = field(default_factory=dict)
    words: Mapping[str, str] = field(default_factory=dict)


KEYS = ("contact", "changeable", "names", "decisions")


def read_answers(project: Path, name: str, signature: Signature, language: str, call: str) -> Answers:
    """What `answers.yml` in the project's folder says of an ML model, all of it checked.

    Without the file, no feature is changeable. Raises ConfigurationError for what cannot be used, and for a
    language that lacks words.
    """
    file = project / FILE
    try:
        found = (yaml.load(file.read_text(encoding="utf-8"), _Loader) if file.is_file() else None) or {}
        shipped = yaml.safe_load(WORDS.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise _bad(call, f"{str(file)!r} cannot be read ({error})", "a file of YAML") from error
    models = {"words", *registered_names(project)}
    strange = [] if name in _mapping(call, found, FILE) else [str(key) for key in found if key not in models]
    if near := did_you_mean(name, strange):  # a name that is wrong would leave the letter without changes
        raise _bad(
            call,
            f"{FILE} has nothing for {name!r}{near}",
            f"words, and ML models among {listed(sorted(models - {'words'}))}",
        )
    said = _mapping(call, found.get(name) or {}, f"{name!r} in {FILE}")
    if unknown := [key for key in said if key not in KEYS]:
        near = did_you_mean(unknown[0], KEYS)
        raise _bad(call, f"{FILE} has {unknown[0]!r} under {name!r}{near}", f"keys among {listed(KEYS)}")
    features = {feature.name: feature for feature in signature.features}
    parts = {key: _mapping(call, said.get(key) or {}, f"{key} of {name!r}") for key in KEYS[1:]}
    for key in ("changeable", "names"):
        if unknown := [one for one in parts[key] if one not in features]:
            near = did_you_mean(unknown[0], features)
            problem = f"{key} of {name!r} in {FILE} has {unknown[0]!r}, which is no feature{near}"
            raise _bad(call, problem, f"features among {listed(features)}")
    own = _mapping(call, found.get("words") or {}, f"words in {FILE}")
    overrides = _mapping(call, own.get(language) or {}, f"words of {language}")
    words = {**(shipped.get(language) or {}), **overrides}
    if missing := [key for key in shipped["en"] if not isinstance(words.get(key), str)]:
        raise _bad(
            call,
            f"the language {language!r} lacks words: {', '.join(missing[:5])}"
            + (f" and {len(missing) - 5} others" if len(missing) > 5 else ""),
            f"one of {listed(sorted({*shipped, *own}))}, with every word that {WORDS.name} has for 'en'",
            f"write them under words: {language}: in {FILE}",
        )
    for key, text in words.items():
        if key not in shipped["en"] or not _places(text) <= _places(shipped["en"][key]):
            known = (
                f"{key!r} with {listed(sorted(_places(shipped['en'][key])))}"
                if key in shipped["en"]
                else "another word"
            )
            problem = f"words of {language!r} have {key!r}: {shown(text)}"
            raise _bad(call, problem, f"{known}, as {WORDS.name} has for 'en'")
    changeable = {
        one: Change.checked(call, features[one], given) for one, given in parts["changeable"].items()
    }
    return Answers(str(said.get("contact") or ""), changeable, parts["names"], parts["decisions"], words)


def _places(text: str) -> set[str]:
    """The names in braces; what cannot be read is one that is not known."""
    try:
        return {name for _, name, *_ in Formatter().parse(text) if name is not None}
    except ValueError:
        return {text}


def _mapping(call: str, value: Any, what: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise _bad(call, f"{what} is {shown(value)}", "a mapping")
    return value


def _bad(call: str, problem: str, expected: str, action: str = ACTION) -> ConfigurationError:
    return ConfigurationError(call, problem, expected=expected, action=action)
