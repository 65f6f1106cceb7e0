"""The columns of the labels: one, or one for each of several outputs, in the order of the outputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from scorehouse.errors import ConfigurationError, did_you_mean
from scorehouse.registry.class_columns import PREFIX, column_of
from scorehouse.registry.version import SEVERAL, Version
from scorehouse.retraining.settings import Settings


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
        return _checked(found, settings, parent, call)
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
    return _checked([by_column[column] for column in parent.outputs], settings, parent, call)


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


def _checked(labels: Sequence[str], settings: Settings, parent: Version, call: str) -> tuple[str, ...]:
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
