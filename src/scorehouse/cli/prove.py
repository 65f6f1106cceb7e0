"""`scorehouse prove`: compile and prove registered versions again, without a new registration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from scorehouse.cli.common import echo, json_option, print_json
from scorehouse.cli.names import complete_name
from scorehouse.cli.target import file_options, place_of
from scorehouse.cli.waiting import waiting
from scorehouse.project.folder import find_project
from scorehouse.registry.seeds import ModelSeeds, registered_names

ROWS = 50_000


@click.command("prove")
@click.argument("name", required=False, shell_complete=complete_name)
@click.option("--version", type=int, help="One version; default: all of them.")
@click.option(
    "--features",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Rows to prove on, .parquet or .csv.",
)
@click.option("--table", help="Rows to prove on: a feature table of --database or --target.")
@click.option("--rows", type=click.IntRange(min=1), default=ROWS, show_default=True, help="How many rows.")
@json_option
@file_options
def prove_command(
    name: str | None,
    version: int | None,
    features: Path | None,
    table: str | None,
    rows: int,
    as_json: bool,
    project_dir: Path | None,
    **place: Any,
) -> None:
    """Find and prove the forms of the versions of NAME, by default of all ML models.

    Each version is compared with its estimator, row by row, on rows of a file or a feature table (default:
    rows drawn from the reference), and on rows made to break it. The proven forms are written beside the
    artifact, into the seed ml_<name> and into macros/ml/<name>.sql. Use this after an upgrade of scorehouse
    or scikit-learn.

    \b
    Examples:
      scorehouse prove
      scorehouse prove churn --version 3 --features train.parquet
      scorehouse prove churn --table churn_features --database target/dev.duckdb
    """
    if (features or table) and not name:
        raise click.UsageError("name the ML model that --features or --table belong to")
    if features and table:
        raise click.UsageError("name either --features or --table")
    from scorehouse.cli.proving import Rows, prove
    from scorehouse.registration.proven_form import form_lines

    database = place_of(**place, project_dir=project_dir) if table else None
    source = Rows(features, table, database, rows)
    project = find_project(project_dir)
    proven = []
    for model in [name] if name else registered_names(project):
        with waiting(f"proving {model}"):
            found = prove(ModelSeeds(project, model), version, source)
        for each, forms in found:
            proven.append({"name": model, "version": each.version, "forms": forms})
            if not as_json:
                echo("\n".join(form_lines(each, forms)))
    if as_json:
        print_json(proven)
