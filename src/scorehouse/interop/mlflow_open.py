"""Open the files of a logged MLflow model: the load policy is checked first, as for any other file."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scorehouse.registry.artifact import open_given
from scorehouse.registry.policy import LoadPolicy

PICKLE = "joblib"  # our format for pickles of any kind
BOOSTERS = {"lightgbm": "lightgbm.basic.Booster", "xgboost": "xgboost.core.Booster"}


def open_logged(place: Path, flavor: str, settings: Mapping[str, Any], policy: LoadPolicy, call: str) -> Any:
    """The estimator in the folder `place`, stored as described by `settings`, the flavor's entry in MLmodel.

    Raises LoadRefusedError if the policy does not allow its format; nothing has been opened then.
    Code logged with the model, and a class that is not the booster library's own, count as a pickle.
    """
    name = stored_format(flavor, settings)
    policy.require_format(name, f"the MLflow model {str(place)!r} is stored", call)
    if name != PICKLE and _brings_code(flavor, name, settings):
        policy.require_format(PICKLE, f"the MLflow model {str(place)!r} contains code, which counts", call)
    if name == "skops" and not policy.allows(PICKLE):
        # MLflow trusts the types that the file itself lists; we do not
        file = settings.get("pickled_model") or settings.get("data")
        return open_given(place / str(file), policy, call)
    return importlib.import_module(f"mlflow.{flavor}").load_model(str(place))


def stored_format(flavor: str, settings: Mapping[str, Any]) -> str:
    """Our format for the file of a logged model."""
    if flavor == "xgboost" or (flavor == "lightgbm" and _class(flavor, settings) == BOOSTERS[flavor]):
        return flavor
    return "skops" if settings.get("serialization_format") == "skops" else PICKLE


def _brings_code(flavor: str, name: str, settings: Mapping[str, Any]) -> bool:
    foreign = name == "xgboost" and _class(flavor, settings).partition(".")[0] != "xgboost"
    return foreign or bool(settings.get("code"))


def _class(flavor: str, settings: Mapping[str, Any]) -> str:
    return str(settings.get("model_class") or BOOSTERS[flavor])
