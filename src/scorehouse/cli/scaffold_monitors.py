"""`scorehouse scaffold monitors`: profile, drift, performance and signals of a registered ML model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from scorehouse.cli.changes import Change, Writing, new_files, write_options
from scorehouse.cli.common import echo, key_option, name_argument, option
from scorehouse.cli.known_columns import PASS, check_columns, check_tables, features_of
from scorehouse.cli.monitored import Monitored
from scorehouse.cli.monitors import monitors
from scorehouse.cli.monitors_watched import watched_monitors
from scorehouse.cli.profile_file import default_target
from scorehouse.cli.scaffold import FAST_ON_POSTGRES, NOTHING, version_of
from scorehouse.project.dbt_text import dump_yaml
from scorehouse.registry.seeds import ModelSeeds, build_command
from scorehouse.registry.training_days import undated
from scorehouse.registry.version import PREFIX, SEVERAL, Version, column_of

TASKS = ("classification", "regression", *SEVERAL)
# How the names of monitors end that `NAME_retraining` does not depend on; of several outputs, also others.
ENDS = ("_joint_drift", "_worst_segments", "_rejections", "_watch")
ENDS_OF_OUTPUTS = (*ENDS, "_performance", "_estimates", "_coverage")


@click.command("monitors")
@name_argument
@click.option("--features", required=True, help="dbt model with the features, one row per key.")
@key_option
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
    "--calibrate-to", help="Day after the predictions that calibrate estimates and intervals; default: all."
)
@option("--folder", default="models/ml/monitoring", help="Folder for the files.")
@write_options
def scaffold_monitors_command(name: str, writing: Writing, **answers: Any) -> None:
    """Write the monitors of NAME: profiles, drift and signals; with --labels also performance.

    \b
    Examples:
      scorehouse scaffold monitors churn --features customer_features --key customer_id
      scorehouse scaffold monitors churn --features customer_features --key customer_id \\
          --labels churn_labels --label churned --label-days 90
    """
    project = writing.project
    call = f"scaffold monitors {name}"
    version = version_of(project, name, call)
    planned = planned_monitors(project, version, **answers)
    _check_named(project, call, version, **answers)
    is_written = writing.carry_out(project, planned, NOTHING)
    if answers["day"] in features_of(project, version):
        echo(
            f"note: {answers['day']} is a feature of {version.label} and the day of its windows: no monitor "
            "judges it, as a window of one day has one value of it",
            err=True,
        )
    if answers["labels"] and (said := undated(version)):
        echo(f"note: {said}", err=True)
    if is_written:
        ends = ENDS_OF_OUTPUTS if version.outputs else ENDS
        others = [stem for one in planned if (stem := Path(one.path).stem).endswith(ends)]
        echo(f"next: {build_command(name, f'+{name}_retraining', *others)}")


def _check_named(project: Path, call: str, version: Version, **given: Any) -> None:
    """The tables and columns that are named are there, as far as that is known."""
    options = ("features", "table", "training", "labels")
    check_tables(project, call, {f"--{option}": given[option] for option in options})
    table = given["table"] or f"{call.rpartition(' ')[2]}_predictions"
    labels = [one.rpartition("=")[2] for one in given["label_columns"]]
    features = features_of(project, version)
    check_columns(project, call, given["features"], {"--key": given["keys"]}, features=features)
    shown = {"--day": given["day"], "--segment": given["segments"]}
    check_columns(project, call, table, shown, PASS, features)
    if given["labels"]:
        check_columns(project, call, given["labels"], {"--key": given["keys"], "--label": labels})


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
        what = f"has {len(version.classes)} classes" if version.classes else f"is a {version.task}"
        raise click.UsageError(
            f"{version.label} {what}, and performance is scaffolded only for two classes and for regression: "
            "leave --labels and --label out for the other monitors, and call the macro `performance` in a "
            "dbt model of its own"
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
    model = Monitored(
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
    written = [*monitors(model), *watched_monitors(model)]
    properties = dump_yaml({"version": 2, "models": [monitor.properties for monitor in written]})
    head = FAST_ON_POSTGRES if default_target(project)[1].get("type") == "postgres" else ""
    changes = [
        *(Change(f"{folder}/{monitor.name}.sql", head + monitor.sql) for monitor in written),
        Change(f"{folder}/_{name}_monitoring.yml", properties),
    ]
    return new_files(project, changes)
