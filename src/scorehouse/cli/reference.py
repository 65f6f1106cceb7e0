"""`scorehouse reference`: learn again what a registered version is compared with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from scorehouse.cli.common import answer, read_frame, waiting
from scorehouse.cli.options import FILE, cluster_option, json_option, name_argument, option, project_option
from scorehouse.project.folder import find_project


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

    Registration does the same; use this for a version that was registered without --time. Nothing else of the
    version changes.

    \b
    Example:
      scorehouse reference churn --features train.parquet --time snapshot_date
    """
    from scorehouse.registration.learn import learn_reference
    from scorehouse.registry.seeds import ModelSeeds

    place: dict[str, Any] = {"version": version, "alias": alias, "project_dir": project_dir}
    with waiting("learning the distribution of training"):
        chosen = learn_reference(name, read_frame(features), time=time, cluster=cluster, **place)
    seeds = ModelSeeds(find_project(project_dir), name)
    units = seeds.window_units(chosen.version)
    judged = f"windows: {', '.join(units)}" if units else "rows are judged as independent"
    answer(
        as_json,
        {"name": name, "version": chosen.version, "windows": units},
        [f"written to {seeds.reference_file.stem}: {chosen.label} ({judged})"],
    )
