"""How an ML model is retrained: the variable `scorehouse_retrain`, and what of it has to fit the parent."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any

from scorehouse.errors import ConfigurationError, did_you_mean
from scorehouse.project.folder import project_variable
from scorehouse.registry.version import PREFIX, SEVERAL, Version, column_of

VARIABLE = "scorehouse_retrain"
BY_A_PERSON, WHEN_GATE_PASSES = "by_a_person", "when_gate_passes"
FUNCTION = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
DURATION = re.compile(r"(\d+) (day|hour)s?")
DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
Labels = str | tuple[str, ...] | Mapping[str, str]
EXAMPLE = "training: churn_training_set, function: training.churn:train, label: churned, time: snapshot_date"


@dataclass(frozen=True)
class Settings:
    """The settings of one ML model.

    `training` is the dbt model that holds features, `label` and `time`; `label` of several outputs is a list
    of columns with their names, or the column by output; `function` is the project's own, as
    `module:function`. `holdout` is a share of the newest rows, a duration such as `30 days`, or the first day
    of the holdout. `shadow` names the dbt models that score the challenger, `gate` the dbt test that judges
    it. `features` and `format` are those of the parent where they are None, and `calibrate` is whatever the
    parent does.
    """

    training: str
    function: str
    label: Labels
    time: str
    holdout: float | str = 0.2
    seed: int = 0
    min_rows: int = 200
    features: tuple[str, ...] | None = None
    calibrate: str | None = None
    format: str | None = None
    alias: str = "challenger"
    shadow: tuple[str, ...] = ()
    gate: str | None = None
    promote: str = BY_A_PERSON


def settings_of(project: Path, name: str, call: str) -> Settings:
    """The settings of the ML model `name`. Raises ConfigurationError if they are missing or wrong."""
    everything = project_variable(project, VARIABLE)
    given = everything.get(name) if isinstance(everything, Mapping) else None
    if not isinstance(given, Mapping):
        known = everything if isinstance(everything, Mapping) else {}
        raise ConfigurationError(
            call,
            f"the variable {VARIABLE} in dbt_project.yml has no settings for {name!r}"
            + did_you_mean(name, known),
            expected=f"vars: {VARIABLE}: {name}: {{{EXAMPLE}}}",
            action=f"write it by `scorehouse scaffold retraining {name}`",
        )
    return _checked({str(key): value for key, value in given.items()}, name, call)


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_label(value: Any) -> bool:
    if isinstance(value, Mapping):
        return bool(value) and all(map(_is_name, [*value, *value.values()]))
    return _is_name(value) or (isinstance(value, tuple) and bool(value) and all(map(_is_name, value)))


def _is_holdout(value: Any) -> bool:
    if isinstance(value, float):
        return 0 < value < 1
    return isinstance(value, str) and bool(DURATION.fullmatch(value) or DAY.fullmatch(value))


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


# setting: its check, and what is expected; None is allowed where None is the default
CHECKS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "training": (_is_name, "the name of a dbt model"),
    "function": (lambda v: isinstance(v, str) and bool(FUNCTION.fullmatch(v)), "module:function"),
    "label": (_is_label, "a column; for several outputs a list of columns, or a column for each output"),
    "time": (_is_name, "the name of a column"),
    "holdout": (_is_holdout, "a share between 0 and 1, '30 days', or a first day such as '2025-01-31'"),
    "seed": (lambda v: _is_count(v) and v < 2**32, "a whole number from 0"),
    "min_rows": (_is_count, "a whole number from 0"),
    "features": (lambda v: isinstance(v, tuple) and bool(v) and all(map(_is_name, v)), "a list of columns"),
    "calibrate": (lambda v: v in ("sigmoid", "isotonic", "none"), "sigmoid, isotonic or none"),
    "format": (_is_name, "a format of artifacts, such as joblib"),
    "alias": (lambda v: _is_name(v) and v != "champion", "an alias other than champion"),
    "shadow": (lambda v: isinstance(v, tuple) and all(map(_is_name, v)), "names of dbt models"),
    "gate": (_is_name, "the name of a dbt test"),
    "promote": (lambda v: v in (BY_A_PERSON, WHEN_GATE_PASSES), f"{BY_A_PERSON} or {WHEN_GATE_PASSES}"),
}


def _checked(given: dict[str, Any], name: str, call: str) -> Settings:
    place = f"{VARIABLE} of {name}"
    defaults = {field.name: field.default for field in fields(Settings) if field.default is not MISSING}
    for key in given:
        if key not in CHECKS:
            raise ConfigurationError(
                call,
                f"{place} has an unknown setting {key!r}{did_you_mean(key, CHECKS)}",
                expected=f"some of {', '.join(CHECKS)}",
                action="correct the setting, or remove it",
            )
    found = {key: _as_given(key, value) for key, value in given.items()}
    for key, (check, expected) in CHECKS.items():
        value = found.get(key, defaults.get(key))
        if (value is None and key in defaults) or check(value):
            continue
        raise ConfigurationError(
            call,
            f"{place} has {key}: {value!r}" if key in given else f"{place} has no {key}",
            expected=expected,
            action=f"correct {key} in dbt_project.yml" if key in given else f"add {key} in dbt_project.yml",
        )
    settings = Settings(**found)
    if settings.promote == WHEN_GATE_PASSES and not settings.gate:
        raise ConfigurationError(
            call,
            f"{place} has promote: {WHEN_GATE_PASSES}, but no gate",
            expected="the name of a dbt test that has to pass",
            action=f"name the test as gate, or remove promote: then {BY_A_PERSON}",
        )
    return settings


def _as_given(key: str, value: Any) -> Any:
    """A list as a tuple, one name of a shadow as a list of one, and a day of YAML as text."""
    if key == "holdout":
        return value if isinstance(value, float | str) else str(value)
    if key == "shadow" and isinstance(value, str):
        return (value,)
    return tuple(value) if isinstance(value, list) else value


def columns_of(settings: Settings, parent: Version, call: str) -> tuple[str, ...]:
    """The columns of the labels, one for each output of the parent, in its order.

    A list has columns with the names of the outputs; a mapping has the column by output. Raises
    ConfigurationError if they do not fit the task, or an output has no label.
    """
    given = settings.label
    if parent.task not in SEVERAL:
        found: Sequence[str] = [given] if isinstance(given, str) else list(given)
        if isinstance(given, Mapping) or len(found) != 1:
            raise _wrong(
                given, f"{parent.label} is a {parent.task}, with one label", "the name of one column", call
            )
        return _none_leaks(found, settings, parent, call)
    if isinstance(given, str):
        raise _wrong(given, f"{parent.label} has several outputs", _example(parent), call)
    # a list has the names of the outputs
    pairs = list(given.items()) if isinstance(given, Mapping) else [(name, name) for name in given]
    by_column = {column_of(PREFIX, output): label for output, label in pairs}
    more = [output for output, _ in pairs if column_of(PREFIX, output) not in parent.outputs]
    less = [output for column, output in parent.outputs.items() if column not in by_column]
    if more or less:
        near = did_you_mean(more[0], parent.outputs.values()) if more else ""
        which = f"{more[0]!r} is no output" if more else f"the output {less[0]!r} has no label"
        raise _wrong(given, f"{which} of {parent.label}{near}", _example(parent), call)
    if len(by_column) < len(pairs):
        raise _wrong(given, "an output is there twice", _example(parent), call)
    return _none_leaks([by_column[column] for column in parent.outputs], settings, parent, call)


def recorded_label(labels: Sequence[str], parent: Version) -> Any:
    """What the provenance says: the column, or the column by output."""
    return dict(zip(parent.outputs.values(), labels, strict=True)) if parent.outputs else labels[0]


def check_calibrate(settings: Settings, parent: Version, call: str) -> None:
    """Refuse a calibration of anything but the scores of a classification with one label."""
    if settings.calibrate in (None, "none") or parent.task == "classification":
        return
    several = parent.task in SEVERAL
    raise ConfigurationError(
        call,
        f"`calibrate` is {settings.calibrate!r}, and {parent.label} is a {parent.task}",
        expected="a classification with one label per row; for several, the function calibrates each",
        action="fit MultiOutputClassifier(CalibratedClassifierCV(...)), and remove `calibrate`"
        if several
        else "remove `calibrate` from the settings",
    )


def _none_leaks(labels: Sequence[str], settings: Settings, parent: Version, call: str) -> tuple[str, ...]:
    """Refuse a column that is the label of two outputs, the time, or a feature."""
    twice = next((name for name in labels if list(labels).count(name) > 1), None)
    if twice is not None:
        raise _wrong(settings.label, f"{twice!r} is the label of two outputs", _example(parent), call)
    leak = next((name for name in labels if name in (settings.features or ())), None)
    if leak is not None:
        raise _wrong(settings.label, f"{leak!r} is also in `features`", "a label that is no feature", call)
    return tuple(labels)


def _example(parent: Version) -> str:
    pairs = ", ".join(f"{output}: COLUMN" for output in parent.outputs.values())
    return f"a column for each output, as in `label: {{{pairs}}}`"


def _wrong(given: Any, problem: str, expected: str, call: str) -> ConfigurationError:
    shown = list(given) if isinstance(given, tuple) else given
    return ConfigurationError(
        call,
        f"`label` is {shown!r:.200}, and {problem}",
        expected=expected,
        action="correct `label` in the settings",
    )
