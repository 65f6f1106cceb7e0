"""The arguments of `register`: each is checked before anything is read."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

from scorehouse.errors import ConfigurationError
from scorehouse.registration.background import EXPECTED, is_background
from scorehouse.registration.conformal import METHODS
from scorehouse.registry.formats import CHOICES
from scorehouse.registry.version import TASKS

Check = Callable[[Any], bool]
SAME_LEVEL = 1e-9  # what SQL takes for the same level


def _is_number(value: Any) -> bool:
    """Whether a value is one finite number; NumPy numbers count, booleans do not."""
    if isinstance(value, bool) or type(value).__name__ in ("bool", "bool_"):
        return False
    try:
        return math.isfinite(value) and not isinstance(value, str)
    except (TypeError, ValueError, OverflowError):
        return False


def _is_path(value: Any) -> bool:
    return isinstance(value, (str, Path)) and bool(str(value))


def _are_metrics(value: Any) -> bool:
    return isinstance(value, Mapping) and all(
        isinstance(name, str) and _is_number(number) for name, number in value.items()
    )


def _are_names(value: Any) -> bool:
    if isinstance(value, (str, bytes, set, Mapping)) or not hasattr(value, "__len__"):
        return False
    if not getattr(value, "ndim", 1):  # an array without a dimension
        return False
    return all(isinstance(name, str) for name in value)


def _is_json(value: Any) -> bool:
    try:
        return isinstance(value, Mapping) and bool(json.dumps(dict(value)))
    except (TypeError, ValueError):
        return False


def _are_levels(value: Any) -> bool:
    if not isinstance(value, (tuple, list)) or not value:
        return False
    if not all(_is_number(level) and 0 < level < 1 for level in value):
        return False
    ordered = sorted(value)
    return all(above - below > SAME_LEVEL for below, above in pairwise(ordered))


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_day(value: Any) -> bool:
    return isinstance(value, (str, date))


# argument: its check, whether None is allowed, and what is expected
CHECKS: dict[str, tuple[Check, bool, str]] = {
    "task": (lambda v: isinstance(v, str) and v in TASKS, False, f"one of {list(TASKS)}"),
    "threshold": (_is_number, True, "a number, or None"),
    "description": (_is_text, False, "a string"),
    "owner": (_is_text, False, "a string"),
    "trained_from": (_is_day, False, "a day, such as '2025-01-31'"),
    "trained_to": (_is_day, False, "a day, such as '2025-01-31'"),
    "metrics": (_are_metrics, True, "a mapping of names to finite numbers, such as {'roc_auc': 0.81}"),
    "provenance": (_is_json, True, "a mapping that JSON can hold, or None"),
    "feature_names": (_are_names, True, "a list of column names"),
    "outputs": (_are_names, True, "a list of names, one for each output"),
    "format": (_is_text, False, f"one of {list(CHOICES)}"),
    "artifact": (_is_path, True, "the path of a file, or None"),
    "store": (lambda v: isinstance(v, str) and bool(v), False, "a folder or URL"),
    "parity_tolerance": (lambda v: _is_number(v) and v >= 0, True, "a number of at least 0, or None"),
    "validation": (
        lambda v: isinstance(v, (tuple, list)) and len(v) == 2,
        True,
        "a pair (X, y) of features and labels",
    ),
    "y": (lambda v: v is not None, False, "labels that the fit has not seen"),
    "method": (lambda v: isinstance(v, str) and v in METHODS, True, f"one of {list(METHODS)}"),
    "levels": (_are_levels, False, "a list of shares between 0 and 1, each once, such as [0.9]"),
    "background": (is_background, True, EXPECTED),
    "program": (lambda v: isinstance(v, bool), False, "True or False"),
}


def check_arguments(call: str, arguments: Mapping[str, Any]) -> None:
    """Raise ConfigurationError for the first argument of a wrong type or value."""
    for name, value in arguments.items():
        check, may_be_none, expected = CHECKS[name]
        if value is None and may_be_none:
            continue
        if value is None or not check(value):
            raise ConfigurationError(
                call,
                f"{name} is {value!r:.200}",
                expected=expected,
                action=f"correct {name}, or leave it out" if may_be_none else f"correct {name}",
            )
