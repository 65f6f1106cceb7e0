"""`scorehouse reference`: learn again what a registered version is compared with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from scorehouse.cli.common import echo, json_option, print_json, project_option, read_frame
from scorehouse.cli.names import complete_name
from scorehouse.cli.waiting import waiting
from scorehouse.project.folder import find_project


@click.command("reference")
@click.argument("name", shell_complete=complete_name)
@click.option(
    "--features",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="Training rows, .parquet or .csv, with the columns of the signature.",
)
@click.option("--time", metavar="COLUMN", help="Column of that file with the time of each row.")
@click.option(
    "--cluster", metavar="COLUMN", help="Column with what groups dependent rows, in place of --time."
)
@click.option("--alias", default="champion", show_default=True, help="Alias of the version.")
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
    if as_json:
        print_json({"name": name, "version": chosen.version, "windows": units})
        return
    judged = f"windows: {', '.join(units)}" if units else "rows are judged as independent"
    echo(f"written to {seeds.reference_file.stem}: {chosen.label} ({judged})")
