"""`scorehouse scaffold monitors`: profile, drift, performance and signals of a registered ML model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from scorehouse.cli.changes import Change, carry_out, pending
from scorehouse.cli.common import echo, find_version, json_option, project_option, write_options
from scorehouse.cli.monitoring_columns import DRIFT, PERFORMANCE, PROFILES, RETRAINING
from scorehouse.cli.names import complete_name
from scorehouse.cli.scaffold import NOTHING, key_of
from scorehouse.project.dbt_names import jinja
from scorehouse.project.dbt_text import dump_yaml
from scorehouse.project.folder import find_project
from scorehouse.registration.lock import check_name
from scorehouse.registry.seeds import ModelSeeds
from scorehouse.registry.version import Version

# metric of a performance table, and how much worse than at registration it may become
TOLERANCES = {"roc_auc": 0.05, "mae": None, "rmse": None}
RELATIVE_TOLERANCE = 0.2  # for an error, in its own unit
TASKS = ("classification", "regression")


@click.command("monitors")
@click.argument("name", shell_complete=complete_name)
@click.option("--features", required=True, help="Model of your project with the features, one row per key.")
@click.option("--key", "keys", required=True, multiple=True, help="Key column; may be repeated.")
@click.option("--table", help="The prediction table; default: NAME_predictions.")
@click.option(
    "--day", help="Date column of the prediction table, for windows by month; default: one per scoring run."
)
@click.option("--segment", "segments", multiple=True, help="Column of the prediction table to segment by.")
@click.option("--labels", help="Model of your project with the labels that arrive later.")
@click.option("--label", help="Column of the labels.")
@click.option("--label-days", type=click.IntRange(0), default=0, help="Days until labels are complete.")
@click.option("--folder", default="models/ml/monitoring", show_default=True, help="Folder for the files.")
@write_options
@json_option
@project_option
def monitors_command(
    name: str, yes: bool, dry_run: bool, as_json: bool, project_dir: Path | None, **answers: Any
) -> None:
    """Write the monitors of NAME: profiles, drift and signals; with --labels also performance.

    \b
    Examples:
      scorehouse scaffold monitors churn --features customer_features --key customer_id
      scorehouse scaffold monitors churn --features customer_features --key customer_id \\
          --labels churn_labels --label churned --label-days 90
    """
    project, call = find_project(project_dir), f"scaffold monitors {name}"
    check_name("name", name, call)
    version = find_version(ModelSeeds(project, name), None, call)
    changes = pending(project, planned_monitors(project, version, **answers))
    if carry_out(project, changes, yes=yes, dry_run=dry_run, as_json=as_json, nothing=NOTHING):
        echo(f"next: dbt build --select +{name}_retraining")


def planned_monitors(
    project: Path,
    version: Version,
    *,
    features: str,
    keys: tuple[str, ...],
    table: str | None,
    day: str | None,
    segments: tuple[str, ...],
    labels: str | None,
    label: str | None,
    label_days: int,
    folder: str,
) -> list[Change]:
    """The files that do not exist yet."""
    if (labels is None) != (label is None):
        raise click.UsageError("--labels and --label go together: the model, and its column")
    if labels and (version.task not in TASKS or (version.classes and len(version.classes) != 2)):
        raise click.UsageError(
            f"{version.label} is a {version.task}: performance is scaffolded only for two classes and for "
            "regression; see the macro `performance` for the others"
        )
    name = version.name
    table = f"ref('{table or f'{name}_predictions'}')"
    common: dict[str, Any] = {"key": key_of(keys)}
    if day:
        common["day"] = day
    if segments:
        common["segments"] = list(segments)
    monitors = [_profiles(name, table, features, common), _drift(name, by_day=day is not None)]
    if labels:
        asked = {**common, "label": label, "task": version.task, **_positive(version)}
        monitors.append(_performance(version, table, labels, asked, label_days))
    monitors.append(_retraining(version, table, judged=labels is not None))
    properties = dump_yaml({"version": 2, "models": [monitor.properties() for monitor in monitors]})
    changes = [Change(f"{folder}/{monitor.name}.sql", monitor.sql) for monitor in monitors]
    changes.append(Change(f"{folder}/_{name}_monitoring.yml", properties))
    return [change for change in changes if not (project / change.path).exists()]


@dataclass(frozen=True)
class _Monitor:
    """A monitoring model: its SQL and its YAML entry."""

    name: str
    description: str
    sql: str
    columns: dict[str, str]
    tests: Sequence[Any] = ()

    def properties(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "description": self.description,
            **({"data_tests": list(self.tests)} if self.tests else {}),
            "columns": [{"name": name, "description": text} for name, text in self.columns.items()],
        }


def _profiles(name: str, table: str, features: str, common: dict[str, Any]) -> _Monitor:
    by_day = ", incremental_strategy='delete+insert', unique_key='window_start'" if "day" in common else ""
    relations = {
        "predictions": table,
        "reference": f"ref('ml_{name}__reference')",
        "features": f"ref('{features}')",
        "signature": f"ref('ml_{name}__signature')",
    }
    return _Monitor(
        f"{name}_profiles",
        f"Counts of every feature and output of `{name}` in its training bins.",
        f"{{{{ config(materialized='incremental'{by_day}) }}}}\n\n" + _call("profile", relations, common),
        PROFILES,
    )


def _drift(name: str, *, by_day: bool) -> _Monitor:
    window = "month" if by_day else "run"
    relations = {
        "profiles": f"ref('{name}_profiles')",
        "reference": f"ref('ml_{name}__reference')",
        "importance": f"ref('ml_{name}__signature')",
    }
    return _Monitor(
        f"{name}_drift",
        f"Drift of `{name}` against training, by feature and {'month' if by_day else 'scoring run'}.",
        _call("drift", relations, {"window": window}),
        DRIFT,
        ["scorehouse.no_drift", "scorehouse.no_score_drift"],
    )


def _performance(
    version: Version, table: str, labels: str, asked: dict[str, Any], label_days: int
) -> _Monitor:
    maturity = {"maturity": {"days": label_days, "share": 0.95}}
    return _Monitor(
        f"{version.name}_performance",
        f"Performance of `{version.name}`, once the labels have arrived.",
        _call("performance", {"predictions": table, "labels": f"ref('{labels}')"}, {**asked, **maturity}),
        PERFORMANCE,
        _performance_tests(version, label_days),
    )


def _positive(version: Version) -> dict[str, Any]:
    """The option that names the positive class, if it is not 1, the macro's default."""
    if not version.classes or (version.classes[1] == 1 and not isinstance(version.classes[1], bool)):
        return {}
    return {"options": {"positive": version.classes[1]}}


def _retraining(version: Version, table: str, *, judged: bool) -> _Monitor:
    name = version.name
    relations = {"registry": f"ref('ml_{name}')", "drift": f"ref('{name}_drift')", "predictions": table}
    if judged:
        relations["performance"] = f"ref('{name}_performance')"
    limits = {"limits": {"metric": _metric(version)}} if judged else {}
    return _Monitor(
        f"{name}_retraining",
        f"Whether `{name}` should be retrained, and why.",
        _call("retraining_signals", relations, limits),
        RETRAINING,
    )


def _metric(version: Version) -> str:
    """The metric to judge decay by: preferably one with a value at registration."""
    known = [name for name in TOLERANCES if name in version.metrics]
    return known[0] if known else "roc_auc" if version.task == "classification" else "mae"


def _performance_tests(version: Version, days: int) -> list[Any]:
    """Tests: labels arrive, metrics are as good as at registration (if known), scores are calibrated."""
    tests: list[Any] = [
        {"scorehouse.labels_arrive": {"arguments": {"min_share": 0.95, "after_days": days + 1}}}
    ]
    metric = _metric(version)
    if metric in version.metrics:
        tolerance = TOLERANCES[metric] or round(RELATIVE_TOLERANCE * version.metrics[metric], 6)
        arguments = {"registry": f"ref('ml_{version.name}')", "metrics": {metric: tolerance}}
        tests.append({"scorehouse.performance_not_below_reference": {"arguments": arguments}})
    if version.score_method == "predict_proba":
        tests.append({"scorehouse.calibrated": {"config": {"severity": "warn"}}})
    return tests


def _call(macro: str, relations: dict[str, str], settings: dict[str, Any]) -> str:
    arguments = {**relations, **{name: jinja(value) for name, value in settings.items()}}
    lines = "".join(f"    {name}={value},\n" for name, value in arguments.items())
    return f"{{{{ scorehouse.{macro}(\n{lines}) }}}}\n"
