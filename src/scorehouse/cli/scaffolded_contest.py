"""The gate that `scorehouse scaffold retraining` writes, and the YAML of its models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from scorehouse.cli.scaffold import AUDIT, describe_output, model_entry, output_names, package_test
from scorehouse.registry.version import MULTILABEL, MULTIOUTPUT, Version

CONTEST = {
    "ml_model": "Name of the ML model.",
    "model_alias": "Alias of the version that is compared with the live one.",
    "live_version": "Version that is live.",
    "challenger_version": "Version that is compared with it.",
    "output": "The output that is compared; `(mean)` for the mean of all.",
    "metric": "What is compared.",
    "n_rows": "Labelled rows that both versions scored.",
    "live_value": "Value of the live version.",
    "challenger_value": "Value of the challenger.",
    "challenger_best": "The better end of the interval of the challenger's value.",
    "guess_value": "What the mean of the labels reaches as the score of every row.",
    "difference": "How much better the challenger is; negative where it is worse.",
    "difference_low": "Lower end of the bootstrap interval of the difference.",
    "difference_high": "Upper end of the interval.",
    "confidence": "Confidence of the interval.",
    "n_replicates": "Bootstrap replicates that have a value.",
}


def gate_of(version: Version) -> dict[str, Any]:
    """Metric, margin and settings of the gate, by the task of the version."""
    if version.task in ("regression", MULTIOUTPUT):  # in standard deviations of the label, whatever its unit
        return {"metric": "mae", "settings": {"scaled": True}, "margin": 0.02, "min_rows": 100}
    if version.task not in ("classification", MULTILABEL):
        raise click.UsageError(
            f"{version.label} is a {version.task}, which the gate cannot compare: it compares classification "
            "and regression, with one output or several"
        )
    if version.score_method == "none":
        return {"metric": "accuracy", "margin": 0.01, "min_rows": 100}
    if version.task == "classification" and len(version.classes) > 2:
        return {"metric": "log_loss", "margin": 0.02, "min_rows": 100}
    return {"metric": "roc_auc", "margin": 0.01, "min_rows": 100}


def described(
    version: Version,
    *,
    keys: tuple[str, ...],
    time: str,
    features: list[str],
    labels: tuple[str, ...],
    tested: Mapping[str, Any],
    leak: Mapping[str, Any] | None,
) -> list[dict[str, Any]]:
    """The YAML entries of training set, shadow and contest."""
    name = version.name
    row = {key: "Key of the row." for key in keys} | {time: "Time by which rows are held out."}
    learned = (
        row
        | {feature: f"Feature of `{name}`." for feature in features}
        | {label: f"Label of `{name}`." for label in labels}
    )
    scored = {
        **{key: "Key of the row." for key in keys},
        **{output: describe_output(output, version) for output in output_names(version)},
        **AUDIT,
        "model_alias": "Alias of the version that scored the row.",
        "is_live": "Whether this is the champion's row.",
    }
    compared = {column: text for column, text in CONTEST.items() if version.outputs or column != "output"}
    gate = {"name": f"{name}_challenger_not_worse", "arguments": dict(tested)}
    return [
        model_entry(
            f"{name}_training_set",
            f"What `{name}` can learn from: `scorehouse retrain {name}` trains on these rows.",
            learned,
            [package_test("no_leak_from_future", **leak)] if leak else [],
        ),
        model_entry(
            f"{name}_shadow",
            f"Labelled rows of `{name}` that neither was trained on, scored by champion and challenger.",
            scored,
            [{"scorehouse.challenger_not_worse": gate}],
        ),
        model_entry(f"{name}_contest", f"Champion and challenger of `{name}` on the same rows.", compared),
    ]
