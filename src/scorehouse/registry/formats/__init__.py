"""The formats of artifacts, as the registry names them: `FORMATS` lists them."""

from __future__ import annotations

from typing import Any

from scorehouse.errors import ConfigurationError, listed
from scorehouse.registry.formats import boosters, joblib, onnx, skops
from scorehouse.registry.formats.base import Format, cannot_store

FORMATS = {form.name: form for form in (joblib.FORMAT, skops.FORMAT, onnx.FORMAT, *boosters.FORMATS)}
NATIVE = tuple(form.name for form in boosters.FORMATS)
CHOICES = ("joblib", "skops", "onnx", "native")


def chosen_format(choice: str, estimator: Any, call: str) -> Format:
    """The format for `Storage(format=...)`; `native` is the file format of the estimator's own library."""
    if choice == "native":
        library = type(estimator).__module__.partition(".")[0]
        if library not in NATIVE:
            raise cannot_store(
                estimator, "native", f"only estimators of {listed(NATIVE)} have their own", call
            )
        return FORMATS[library]
    if choice not in FORMATS:
        raise ConfigurationError(
            call,
            f"format is {choice!r}",
            expected=f"one of {listed(CHOICES)}",
            action="name the format, or leave it out for joblib",
        )
    return FORMATS[choice]
