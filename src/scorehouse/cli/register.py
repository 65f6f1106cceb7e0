"""`scorehouse register`, and `importance` and `reference`, which learn again from other rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from scorehouse.cli.common import (
    FILE,
    Choice,
    answer,
    cluster_option,
    json_option,
    name_argument,
    option,
    project_option,
    read_frame,
    table,
    waiting,
)
from scorehouse.cli.show import facts as as_document
from scorehouse.errors import ConfigurationError, listed
from scorehouse.project.folder import find_project
from scorehouse.registry.formats import CHOICES
from scorehouse.registry.version import TASKS


@click.command("register")
@name_argument
@click.argument("estimator", type=FILE)
@click.option(
    "--features",
    required=True,
    type=FILE,
    help="Training features, .parquet or .csv, with the columns of the fit.",
)
@click.option("--task", required=True, type=Choice(TASKS), help="What the estimator does.")
@click.option(
    "--output",
    "outputs",
    multiple=True,
    metavar="NAME",
    help="Name of an output of a multioutput_regression, or of a label of a multilabel_classification, "
    "in the estimator's order; repeat for each.",
)
@click.option("--threshold", type=float, help="Score from which the positive class is predicted.")
@click.option("--description", default="", help="Purpose of the ML model, for the model card.")
@click.option("--owner", default="", help="Who is responsible for it.")
@click.option("--trained-from", default="", help="Start of the training window.")
@click.option("--trained-to", default="", help="End of the training window.")
@click.option(
    "--metric", "metrics", multiple=True, metavar="NAME=VALUE", help="Quality metric; may be repeated."
)
@click.option("--alias", help="Alias to move to the new version, such as champion.")
@option(
    "--format",
    type=Choice(CHOICES),
    default="joblib",
    help="Format of the artifact; native is the library's own.",
)
@click.option(
    "--artifact",
    type=FILE,
    help="File of the estimator in this format; default: written from ESTIMATOR.",
)
@option("--store", default="artifacts", help="Folder or URL under which to write.")
@click.option(
    "--parity-tolerance",
    type=float,
    help="Largest difference allowed between scores of artifact and estimator.",
)
@click.option(
    "--time",
    metavar="COLUMN",
    help="Column with the time of each training row, to learn how much windows of training differ.",
)
@cluster_option
@click.option(
    "--background",
    metavar="ROWS|FILE",
    help="Rows that reasons compare with, at most 1,000: a number of training rows, or a .parquet or .csv.",
)
@click.option("--program/--no-program", default=True, help="Whether to store a program; default: yes.")
@json_option
@project_option
def register_command(
    name: str,
    estimator: Path,
    features: Path,
    metrics: tuple[str, ...],
    outputs: tuple[str, ...],
    background: str | None,
    as_json: bool,
    **facts: Any,
) -> None:
    """Register the fitted estimator in ESTIMATOR, a joblib or skops file, as the next version of NAME.

    Loading a joblib file runs code: register only files that you trust. The load policy is checked first.

    \b
    Example:
      scorehouse register churn model.joblib --features train.parquet \\
          --task classification --metric roc_auc=0.81 --alias champion
    """
    from scorehouse.registration.groups import grouped
    from scorehouse.registration.register import register
    from scorehouse.registry.program_facts import backend_lines

    facts |= {"metrics": _metrics(metrics), "outputs": outputs or None, "background": _background(background)}
    version = register(estimator, name, read_frame(features), **grouped(facts))
    lines = [
        f"registered {version.label}: {version.artifact} ({version.size_bytes:,} bytes)",
        *backend_lines(version, version.program),
    ]
    if not version.aliases:
        lines.append(f"next: scorehouse promote {name} {version.version} --alias champion")
    answer(as_json, as_document(version), lines)


def _background(given: str | None) -> Any:
    """A number of rows, or the rows of a file."""
    if given is None:
        return None
    return int(given) if given.isdecimal() else read_frame(Path(given), "--background")


def _metrics(pairs: tuple[str, ...]) -> dict[str, float]:
    try:
        return {name: float(value) for name, value in (pair.split("=", 1) for pair in pairs)}
    except ValueError as error:
        raise click.BadParameter(
            f"{listed(pairs)}: expected NAME=VALUE with a number", param_hint="--metric"
        ) from error


@click.command("importance")
@name_argument
@click.option(
    "--features",
    required=True,
    type=FILE,
    help="Rows to measure on, .parquet or .csv, with the columns of the signature.",
)
@click.option(
    "--label",
    "labelled",
    multiple=True,
    help="Column of that file with the labels, one for each of several outputs; default: the change of "
    "the outputs is measured.",
)
@option("--alias", default="champion", help="Alias of the version.")
@click.option("--version", type=int, help="The version; default: the one with the alias.")
@json_option
@project_option
def importance_command(
    name: str,
    features: Path,
    labelled: tuple[str, ...],
    alias: str,
    version: int | None,
    as_json: bool,
    project_dir: Path | None,
) -> None:
    """Measure the importance of the features of NAME, and write it into ml_NAME__signature.

    Registration does the same; use this for versions without importance, or to measure on newer rows.

    \b
    Example:
      scorehouse importance churn --features labelled.parquet --label churned
    """
    from scorehouse.registration.renew import measure_importance

    frame = read_frame(features)
    if missing := [label for label in labelled if label not in frame.columns]:
        raise ConfigurationError(
            f"importance {name}",
            f"{str(features)!r} has no column {', '.join(map(repr, missing))}",
            expected=f"one of its columns {listed(frame.columns)}",
            action="name the column that holds the labels",
        )
    labels = None
    if labelled:
        labels = frame[labelled[0]] if len(labelled) == 1 else frame[list(labelled)]
    with waiting("measuring importance"):
        found = measure_importance(name, frame, labels, alias=alias, version=version, project_dir=project_dir)
    ranked = sorted(found.shares.items(), key=lambda pair: -pair[1])
    lines = [*table(["feature", "importance"], ranked), f"written to ml_{name}__signature ({found.kind})"]
    answer(as_json, {"kind": found.kind, "importance": found.shares}, lines)


@click.command("reference")
@name_argument
@click.option(
    "--features",
    required=True,
    type=FILE,
    help="Training rows, .parquet or .csv, with the columns of the signature.",
)
@click.option("--time", metavar="COLUMN", help="Column of that file with the time of each row.")
@cluster_option
@option("--alias", default="champion", help="Alias of the version.")
@click.option("--version", type=int, help="The version; default: the one with the alias.")
@json_option
@project_option
def reference_command(
    name: str,
    features: Path,
    time: str | None,
    cluster: str | None,
    alias: str,
    version: int | None,
    as_json: bool,
    project_dir: Path | None,
) -> None:
    """Learn again what monitoring compares NAME with, and write it into ml_NAME__reference.

    Registration does the same; use this for a version that was registered without --time.

    \b
    Example:
      scorehouse reference churn --features train.parquet --time snapshot_date
    """
    from scorehouse.registration.renew import learn_reference
    from scorehouse.registry.seeds import ModelSeeds

    with waiting("learning the distribution of training"):
        chosen = learn_reference(
            name,
            read_frame(features),
            time=time,
            cluster=cluster,
            alias=alias,
            version=version,
            project_dir=project_dir,
        )
    seeds = ModelSeeds(find_project(project_dir), name)
    units = seeds.window_units(chosen.version)
    judged = f"windows: {', '.join(units)}" if units else "rows are judged as independent"
    answer(
        as_json,
        {"name": name, "version": chosen.version, "windows": units},
        [f"written to {seeds.file('reference').stem}: {chosen.label} ({judged})"],
    )
