"""`scorehouse scaffold monitors`: profile, drift, performance and signals of a registered ML model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from scorehouse.cli.changes import Change, carry_out, pending
from scorehouse.cli.common import echo, find_version, json_option, project_option, write_options
from scorehouse.cli.monitors import monitors
from scorehouse.cli.monitors_asked import Asked
from scorehouse.cli.monitors_watched import watched_monitors
from scorehouse.cli.names import complete_name
from scorehouse.cli.scaffold import NOTHING
from scorehouse.project.dbt_text import dump_yaml
from scorehouse.project.folder import find_project
from scorehouse.registration.lock import check_name
from scorehouse.registry.class_columns import PREFIX, column_of
from scorehouse.registry.seeds import ModelSeeds, build_command
from scorehouse.registry.version import SEVERAL, Version

TASKS = ("classification", "regression", *SEVERAL)


@click.command("monitors")
@click.argument("name", shell_complete=complete_name)
@click.option("--features", required=True, help="dbt model with the features, one row per key.")
@click.option("--key", "keys", required=True, multiple=True, help="Key column; may be repeated.")
@click.option("--table", help="The prediction table; default: NAME_predictions.")
@click.option(
    "--day", help="Date column of the predictions, for windows by month; default: one per scoring run."
)
@click.option("--segment", "segments", multiple=True, help="Column of the predictions to segment by.")
@click.option("--training", help="Prediction table of the training rows, to compare segments with.")
@click.option("--labels", help="dbt model with the labels that arrive later.")
@click.option(
    "--label",
    "label_columns",
    multiple=True,
    help="Column of the labels; of several outputs, OUTPUT=COLUMN for each that is judged.",
)
@click.option("--label-days", type=click.IntRange(0), default=0, help="Days until labels are complete.")
@click.option(
    "--calibrate-to",
    help="Day after the predictions that calibrate estimates and intervals; default: all.",
)
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
    planned = planned_monitors(project, version, **answers)
    changes = pending(project, planned)
    if carry_out(project, changes, yes=yes, dry_run=dry_run, as_json=as_json, nothing=NOTHING):
        ends = [f"+{name}_retraining"]
        ends += [Path(one.path).stem for one in planned if Path(one.path).stem in _ends(version)]
        echo(f"next: {build_command(name, *ends)}")


def _ends(version: Version) -> list[str]:
    """Monitors that `NAME_retraining` does not depend on."""
    ends = [f"{version.name}_{end}" for end in ("joint_drift", "slices", "rejections", "watch")]
    for column in version.outputs:
        stem = f"{version.name}_{column.removeprefix(PREFIX)}"
        ends += [f"{stem}_{end}" for end in ("performance", "estimates", "coverage", "slices", "watch")]
    return ends


def _labels_of_outputs(version: Version, given: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """The column of each of several outputs, and that of its labels; empty for one output."""
    if not version.outputs:
        return ()
    found: dict[str, str] = {}
    for pair in given:
        output, separator, label = pair.partition("=")
        column = output if output in version.outputs else column_of(PREFIX, output)
        if not separator or not label or column not in version.outputs or column in found:
            raise click.UsageError(
                f"--label is {pair!r}: write OUTPUT=COLUMN once for each output, with one of "
                + ", ".join(version.outputs.values())
            )
        found[column] = label
    return tuple((column, found[column]) for column in version.outputs if column in found)


def planned_monitors(
    project: Path,
    version: Version,
    *,
    labels: str | None,
    label_columns: tuple[str, ...],
    folder: str,
    table: str | None,
    training: str | None,
    segments: tuple[str, ...],
    **answers: Any,
) -> list[Change]:
    """The files that do not exist yet."""
    if (labels is None) != (not label_columns):
        raise click.UsageError("--labels and --label go together: the model, and its column")
    if labels and (version.task not in TASKS or (version.classes and len(version.classes) != 2)):
        raise click.UsageError(
            f"{version.label} is a {version.task}: performance is scaffolded only for two classes and for "
            "regression; see the macro `performance` for the others"
        )
    if labels and version.classes and version.score_method == "none":
        column = next(iter(version.outputs), "prediction")
        raise click.UsageError(
            f"{version.label} has no scores, which ROC AUC and other metrics need: leave --labels and "
            "--label out. For accuracy, precision and recall of predictions of 1 and 0, call the macro "
            f"`performance` with options={{'prediction': '{column}', 'score': '{column}'}}"
        )
    if training and not segments:
        raise click.UsageError("--training is what segments are compared with: name them by --segment")
    outputs = _labels_of_outputs(version, label_columns)
    if not version.outputs and len(label_columns) > 1:
        raise click.UsageError(f"{version.label} has one output: name one --label")
    name, seeds = version.name, ModelSeeds(project, version.name)
    asked = Asked(
        version,
        table=f"ref('{table or f'{name}_predictions'}')",
        training=training,
        segments=segments,
        labels=labels,
        label=label_columns[0] if label_columns and not outputs else None,
        outputs=outputs,
        units=seeds.window_units(version.version),
        signature=seeds.features(version.version),
        has_pairs=seeds.has_pairs(version.version),
        **answers,
    )
    written = [*monitors(asked), *watched_monitors(asked)]
    properties = dump_yaml({"version": 2, "models": [monitor.properties() for monitor in written]})
    changes = [Change(f"{folder}/{monitor.name}.sql", monitor.sql) for monitor in written]
    changes.append(Change(f"{folder}/_{name}_monitoring.yml", properties))
    return [change for change in changes if not (project / change.path).exists()]
