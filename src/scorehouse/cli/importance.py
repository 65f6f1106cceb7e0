"""`scorehouse importance`: measure the importance of a registered version's features."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from scorehouse.cli.common import answer, read_frame, table, waiting
from scorehouse.cli.options import FILE, json_option, name_argument, option, project_option
from scorehouse.errors import ConfigurationError


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
@option("--alias", default="champion", help="Alias of the version to measure.")
@click.option("--version", type=int, help="Version to measure; default: the one with the alias.")
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
    from scorehouse.registration.measure import measure_importance

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
    place: dict[str, Any] = {"version": version, "alias": alias, "project_dir": project_dir}
    with waiting("measuring importance"):
        found = measure_importance(name, frame, labels, **place)
    ranked = sorted(found.shares.items(), key=lambda pair: -pair[1])
    lines = [*table(["feature", "importance"], ranked), f"written to ml_{name}__signature ({found.kind})"]
    answer(as_json, {"kind": found.kind, "importance": found.shares}, lines)
