"""`scorehouse scaffold monitors`: the monitors and signals of a registered ML model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from scorehouse.cli.changes import Change, Writing, new_files, write_options
from scorehouse.cli.common import Choice, WholeNumber, echo, key_option, name_argument, option
from scorehouse.cli.known_columns import PASS, check_columns, check_tables, features_of
from scorehouse.cli.monitored import Monitor, Monitored
from scorehouse.cli.monitoring_columns import JOINT, SEQUENTIAL, WORST_SEGMENTS
from scorehouse.cli.monitors import LEVEL, monitors, tolerance_of
from scorehouse.cli.profile_file import default_target
from scorehouse.cli.scaffold import FAST_ON_POSTGRES, NOTHING, given, version_of
from scorehouse.metrics import LOWER, Use, used
from scorehouse.project.dbt_text import dump_yaml
from scorehouse.registry.program_facts import undated
from scorehouse.registry.seeds import ModelSeeds, build_command
from scorehouse.registry.version import PREFIX, SEVERAL, Version, column_of

PERIODS = ("day", "week", "month", "quarter", "year")
TASKS = ("classification", "regression", *SEVERAL)
# How the names of monitors end that `NAME_retraining` does not depend on; of several outputs, also others.
ENDS = ("_joint_drift", "_worst_segments", "_rejections", "_watch")
ENDS_OF_OUTPUTS = (*ENDS, "_performance", "_estimates", "_coverage")
MAX_CATEGORIES, MAX_NUMBERS = 3, 2  # columns by which segments are looked for, the most important ones
CATEGORIES = 50  # a column with more values makes segments that are too small
REJECTED = 0.05  # by how much more rows of a segment may be rejected
ABOVE = 0.5  # by how much an error may be larger in a segment, as a share of that at registration
# Where labels are a matter of chance, log loss is high of the best model: what its scores promise is not held
# against it.
EXCESS = "excess_log_loss"
NAMED = ("log_loss", EXCESS, "mae")  # measures of a positive class or of an output, which the options name
ERRORS = {"regression": "mae", "predict_proba": "log_loss"}


@click.command("monitors")
@name_argument
@click.option("--features", required=True, help="dbt model with the features, one row per key.")
@key_option
@click.option("--table", help="The prediction table; default: NAME_predictions.")
@click.option(
    "--day", help="Date column of the predictions, for windows by date; default: one per scoring run."
)
@option("--period", type=Choice(PERIODS), default="month", help="What a window by day spans.")
@click.option("--segment", "segments", multiple=True, help="Column of the predictions to segment by.")
@click.option("--training", help="Prediction table of the training rows, to compare segments with.")
@click.option("--labels", help="dbt model with the labels that arrive later.")
@click.option(
    "--label",
    "label_columns",
    multiple=True,
    help="Column of the labels; of several outputs, OUTPUT=COLUMN for each that is judged.",
)
@click.option("--label-days", type=WholeNumber(0), default=0, help="Days until labels are complete.")
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
    """The files, which are written where there are none."""
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
    if answers["period"] != "month" and not answers["day"]:
        raise click.UsageError("--period is what windows by day span: name the date column by --day")
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
    return new_files(changes)


def watched_monitors(model: Monitored) -> list[Monitor]:
    """Those that registration has learned enough for."""
    written = [_joint(model)] if model.has_pairs else []
    categories, numbers = _segment_columns(model)
    if categories or numbers:
        written += [_worst_segments(one, categories, numbers) for one in model.judged]
    if categories:
        written.append(_rejections(model, categories))
    return [*written, *(monitor for one in model.judged for monitor in _watch(one))]


def _joint(model: Monitored) -> Monitor:
    name = model.version.name
    return model.monitor(
        "joint_drift",
        f"Whether pairs of features of `{name}` go together as in training.",
        JOINT,
        "joint_drift",
        {
            "predictions": model.table,
            "reference": f"ref('ml_{name}__reference')",
            "features": f"ref('{model.features}')",
        },
        {"key": model.key, "day": model.day, "period": model.span},
        ["scorehouse.no_drift"],
    )


def _segment_columns(model: Monitored) -> tuple[list[str], list[str]]:
    """Segments and the most important categories; the most important numbers."""
    by_importance = sorted(model.signature, key=lambda row: -(row["importance"] or 0.0))
    categories = [row["feature"] for row in by_importance if _is_category(row)]
    numbers = [row["feature"] for row in by_importance if row["type"] in ("double", "integer")]
    named = [*model.segments, *(name for name in categories[:MAX_CATEGORIES] if name not in model.segments)]
    return named, numbers[:MAX_NUMBERS]


def _is_category(row: dict[str, Any]) -> bool:
    known = row["categories"]
    return row["type"] == "boolean" or bool(row["type"] == "string" and known and len(known) <= CATEGORIES)


def _rejections(model: Monitored, categories: list[str]) -> Monitor:
    return model.monitor(
        "rejections",
        f"Rows of {model.subject}, by up to two columns, that are rejected more often than all others.",
        WORST_SEGMENTS,
        "worst_segments",
        {"predictions": model.table, "features": f"ref('{model.features}')"},
        {
            "columns": categories,
            "measure": "rejected_share",
            "key": model.key,
            "options": given(day=model.day, threshold=REJECTED),
        },
        ["scorehouse.no_worse_segments"],
    )


def _worst_segments(model: Monitored, categories: list[str], numbers: list[str]) -> Monitor:
    """Segments with a higher error; tested if the error at registration is known."""
    measure = ERRORS.get(model.task) or ERRORS.get(model.version.score_method or "") or "error_rate"
    registered, accuracy = model.registered(measure), model.registered("accuracy")
    if registered is None and measure == "error_rate" and accuracy is not None:
        registered = 1 - accuracy
    if measure == "log_loss" and len(model.version.classes) == 2:
        measure = EXCESS
    threshold = None if registered is None else round(ABOVE * registered, 6)
    options_of = model.options if measure in NAMED or model.output else given
    return model.monitor(
        "worst_segments",
        f"Rows of {model.subject}, by up to two columns, with a certainly higher {measure} than all others.",
        WORST_SEGMENTS,
        "worst_segments",
        {
            "predictions": model.table,
            "features": f"ref('{model.features}')",
            "labels": f"ref('{model.labels}')",
        },
        {
            "columns": categories,
            "numbers": numbers,
            "measure": measure,
            "key": model.key,
            "label": model.label,
            "options": options_of(day=model.day, threshold=threshold),
        },
        [] if registered is None else ["scorehouse.no_worse_segments"],
    )


def _watch(model: Monitored) -> list[Monitor]:
    """Limits that hold for life: the promise of the intervals, or what was reached at registration."""
    source, limits = "performance", {}
    if model.task == "regression":
        source, limits = "coverage", {"coverage": round(LEVEL - 0.05, 6)}
    else:
        for name, metric in used(Use.WATCHED).items():
            registered = model.registered(name) if metric.columns and metric.better else None
            if registered is None:
                continue
            worst = registered + tolerance_of(name, registered) * (1 if metric.better == LOWER else -1)
            if 0 < worst < 1:
                limits[name] = round(worst, 6)
    if not limits:
        return []
    monitor = model.monitor(
        "watch",
        f"The evidence so far, over all windows, that {model.subject} is worse than it may be.",
        SEQUENTIAL,
        "sequential_monitor",
        {"source": f"ref('{model.stem}_{source}')"},
        {"limits": limits},
        ["scorehouse.no_sequential_alert"],
    )
    return [monitor]
