"""Read from MLflow: a store, its registered versions and aliases, and the files of one logged model."""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from scorehouse.errors import ConfigurationError, EstimatorError, RegistryError, listed
from scorehouse.registry.artifact import open_given
from scorehouse.registry.formats.base import import_extra
from scorehouse.registry.policy import LoadPolicy

# the flavors that are read, each with its library, and where MLmodel has the library's version
FLAVORS = {
    "sklearn": ("scikit-learn", "sklearn_version"),
    "lightgbm": ("lightgbm", "lgb_version"),
    "xgboost": ("xgboost", "xgb_version"),
}
BOOSTERS = {"lightgbm": "lightgbm.basic.Booster", "xgboost": "xgboost.core.Booster"}
EXTRA = "mlflow"
PICKLE = "joblib"  # our format for pickles of any kind
RUN_ID = re.compile(r"[0-9a-f]{32}")
REGISTERED = re.compile(r"models:/(?P<name>[^/@]+)(?:@(?P<alias>[^/@]+)|/(?P<version>\d+))")


@dataclass(frozen=True)
class Origin:
    """The origin of an ML model: the registered version, its run, and the id of the logged model."""

    uri: str
    registered_name: str | None = None
    registered_version: int | None = None
    run_id: str | None = None
    model_id: str | None = None

    @property
    def identity(self) -> str:
        """What distinguishes two logged models."""
        return self.model_id or self.uri


@dataclass(frozen=True)
class LoggedModel:
    """A logged model as it was read: the estimator, and MLflow's facts about it.

    `saved_by` is the library that saved it, `saved_version` that library's version, empty if MLflow has none.
    """

    estimator: Any
    flavor: str
    origin: Origin
    signature: Any
    example: Any
    saved_by: str
    saved_version: str
    metrics: Mapping[str, float] = field(default_factory=dict)
    description: str = ""
    owner: str = ""

    @property
    def declared(self) -> dict[str, Any] | None:
        """MLflow's description of each input, by its name; empty without names, None without a signature."""
        inputs = None if self.signature is None else self.signature.inputs
        if inputs is None:
            return None
        return (
            {str(name): spec for name, spec in inputs.input_dict().items()}
            if inputs.has_input_names()
            else {}
        )


class Store:
    """An MLflow tracking store and its registry, such as `sqlite:///mlflow.db`."""

    def __init__(self, tracking_uri: str | None, call: str) -> None:
        import_extra("skops.io", EXTRA, call)  # the format in which MLflow saves scikit-learn estimators
        self.mlflow = import_extra("mlflow", EXTRA, call)
        self.call = call
        if tracking_uri is not None:
            self.mlflow.set_tracking_uri(tracking_uri)
        # else MLflow's default: a new, empty store in the current folder
        self.named = bool(self.mlflow.tracking.is_tracking_uri_set())
        self.uri = self.mlflow.get_tracking_uri()

    @cached_property
    def client(self) -> Any:
        """MLflow's client of the store."""
        self.require_named()
        return self.mlflow.MlflowClient()

    def require_named(self) -> None:
        """Raise an error if no store was named: MLflow would create one."""
        if not self.named:
            raise ConfigurationError(
                self.call,
                "no MLflow store is named",
                expected="the store that has the model, such as sqlite:///mlflow.db or http://mlflow:5000",
                action="name it with --tracking-uri, or set MLFLOW_TRACKING_URI",
            )

    def asked(self, function: Any, *arguments: Any) -> Any:
        """Call MLflow, and translate its errors."""
        try:
            return function(*arguments)
        except self.mlflow.exceptions.MlflowException as error:
            raise RegistryError(
                self.call,
                f"MLflow at {self.uri!r} answers: {error}",
                expected="a store that has the model",
                action="correct the model's URI, or name the store with --tracking-uri",
            ) from error

    def aliases(self, name: str) -> dict[str, int]:
        """Aliases of a registered model and the versions that hold them."""
        found = self.asked(self.client.get_registered_model, name).aliases
        return {alias: int(version) for alias, version in found.items()}

    def origin(self, reference: str) -> Origin:
        """The logged model that a URI, a run id or a path refers to."""
        match = REGISTERED.fullmatch(reference)
        if match is not None:
            return self._registered(match["name"], match["alias"], match["version"])
        if RUN_ID.fullmatch(reference):
            return self._of_run(reference)
        if (Path(reference) / "MLmodel").is_file():
            return Origin(reference)
        if reference.startswith(("models:/", "runs:/")):
            self.require_named()
            return Origin(reference)
        raise ConfigurationError(
            self.call,
            f"{reference!r} names no MLflow model",
            expected="models:/name@alias, models:/name/version, runs:/id/name, a run id or a folder",
            action="correct the reference",
        )

    def _registered(self, name: str, alias: str | None, number: str | None) -> Origin:
        client = self.client
        reader = client.get_model_version_by_alias if alias else client.get_model_version
        found = self.asked(reader, name, alias or number)
        return Origin(
            f"models:/{name}/{found.version}", name, int(found.version), found.run_id or None, found.model_id
        )

    def _of_run(self, run_id: str) -> Origin:
        outputs = self.asked(self.client.get_run, run_id).outputs
        models = sorted(output.model_id for output in (outputs.model_outputs if outputs else []))
        if len(models) != 1:
            raise RegistryError(
                self.call,
                f"the run {run_id} logged {len(models)} models {listed(models)}",
                expected="a run with one model",
                action="name one, as models:/<model id>, or log the model in the run",
            )
        return Origin(f"models:/{models[0]}", run_id=run_id, model_id=models[0])

    def read(self, origin: Origin, folder: Path, policy: LoadPolicy) -> LoggedModel:
        """Download a logged model into `folder`, and load it if the policy allows its format."""
        place = Path(origin.uri)
        if not (place / "MLmodel").is_file():
            download = self.mlflow.artifacts.download_artifacts
            place = Path(self.asked(lambda: download(artifact_uri=origin.uri, dst_path=str(folder))))
        document = self.mlflow.models.Model.load(str(place))
        flavor = next((name for name in FLAVORS if name in document.flavors), None)
        if flavor is None:
            raise EstimatorError(
                self.call,
                f"{origin.uri} has the flavors {listed(sorted(document.flavors))}",
                expected=f"one of {listed(FLAVORS)}",
                action="log the fitted scikit-learn estimator itself, not a python function around it",
            )
        model_id = origin.model_id or document.model_id or document.model_uuid
        complete = replace(origin, run_id=origin.run_id or document.run_id, model_id=model_id)
        return LoggedModel(
            estimator=self.asked(open_logged, place, flavor, document.flavors[flavor], policy, self.call),
            flavor=flavor,
            origin=complete,
            signature=document.signature,
            example=document.load_input_example(str(place)) if document.saved_input_example_info else None,
            saved_by=FLAVORS[flavor][0],
            saved_version=str(document.flavors[flavor].get(FLAVORS[flavor][1]) or ""),
            **self._facts(complete),
        )

    def _facts(self, origin: Origin) -> dict[str, Any]:
        """Metrics of the run, and the registry's texts; empty if the store does not have them."""
        facts: dict[str, Any] = {}
        with suppress(self.mlflow.exceptions.MlflowException):  # a folder may come from another store
            if self.named and origin.run_id:
                run = self.client.get_run(origin.run_id)
                facts["metrics"] = dict(run.data.metrics)
                facts["owner"] = run.data.tags.get("mlflow.user", "")
            if self.named and origin.registered_name:
                number = str(origin.registered_version)
                version = self.client.get_model_version(origin.registered_name, number)
                registered = self.client.get_registered_model(origin.registered_name)
                facts["description"] = version.description or registered.description or ""
        return facts


def open_logged(place: Path, flavor: str, settings: Mapping[str, Any], policy: LoadPolicy, call: str) -> Any:
    """The estimator in the folder `place`, stored as described by `settings`, the flavor's entry in MLmodel.

    Raises LoadRefusedError if the policy does not allow its format; nothing has been opened then.
    Code logged with the model, and a class that is not the booster library's own, count as a pickle.
    """
    of_class = str(settings.get("model_class") or BOOSTERS.get(flavor, ""))
    name = "skops" if settings.get("serialization_format") == "skops" else PICKLE
    if flavor == "xgboost" or (flavor == "lightgbm" and of_class == BOOSTERS[flavor]):
        name = flavor
    policy.require_format(name, f"the MLflow model {str(place)!r} is stored", call)
    is_foreign = name == "xgboost" and of_class.partition(".")[0] != "xgboost"
    if name != PICKLE and (is_foreign or settings.get("code")):
        policy.require_format(PICKLE, f"the MLflow model {str(place)!r} contains code, which counts", call)
    if name == "skops" and not policy.allows(PICKLE):
        # MLflow trusts the types that the file itself lists; we do not
        file = settings.get("pickled_model") or settings.get("data")
        return open_given(place / str(file), policy, call)
    return importlib.import_module(f"mlflow.{flavor}").load_model(str(place))
