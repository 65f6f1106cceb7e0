"""`scorehouse importance` and `reference`: learn again, from rows, what registration has learned."""

from __future__ import annotations

from pathlib import Path

import click

from scorehouse.cli.common import (
    FILE,
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
from scorehouse.errors import ConfigurationError
from scorehouse.project.folder import find_project


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
            expected=f"one of its columns {list(frame.columns)}",
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
