"""The command `scorehouse`: registration and promotion from a shell."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from scorehouse.errors import ConfigurationError, ScorehouseError
from scorehouse.registration import promote, register
from scorehouse.registration.seeds import ModelSeeds, find_project
from scorehouse.registry import TASKS, Version

EXIT_FAULT = 1


class _Group(click.Group):
    """Shows our own errors as text, without a traceback, and exits with 1."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ScorehouseError as error:
            click.echo(f"scorehouse: {error}", err=True)
            ctx.exit(EXIT_FAULT)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="scorehouse")
def main() -> None:
    """Register, promote and list ML models of a dbt project.

    Exit codes: 0 done, 1 a fault that the message explains, 2 wrong usage.
    """


def _project_option(function: Callable[..., Any]) -> Callable[..., Any]:
    return click.option(
        "--project-dir",
        type=click.Path(file_okay=False, path_type=Path),
        help="Folder of the dbt project; default: the nearest above this one.",
    )(function)


@main.command("register")
@click.argument("name")
@click.argument("estimator", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--features",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="Training features: a .parquet or .csv file with the columns of the fit.",
)
@click.option("--task", required=True, type=click.Choice(TASKS))
@click.option("--threshold", type=float, help="Score from which the positive class is predicted.")
@click.option("--description", default="")
@click.option("--owner", default="")
@click.option("--trained-from", default="", help="Begin of the training window.")
@click.option("--trained-to", default="", help="End of the training window.")
@click.option("--metric", "metrics", multiple=True, metavar="NAME=VALUE", help="Quality; may be repeated.")
@click.option("--alias", help="Alias to move to the new version, such as champion.")
@_project_option
def register_command(
    name: str, estimator: Path, features: Path, metrics: tuple[str, ...], **facts: Any
) -> None:
    """Register the fitted estimator in the joblib file ESTIMATOR as the next version of NAME.

    Loading a joblib file runs code: register only files that you trust.

    \b
    Example:
      scorehouse register churn model.joblib --features train.parquet \\
          --task classification --metric auc=0.81 --alias champion
    """
    version = register(estimator, name, _read_frame(features), metrics=_metrics(metrics), **facts)
    click.echo(f"registered {version.label}: {version.artifact} ({version.size_bytes:,} bytes)")
    if not version.aliases:
        click.echo(f"next: scorehouse promote {name} {version.version} --alias champion")


def _read_frame(file: Path) -> Any:
    import pandas as pd

    readers = {".parquet": pd.read_parquet, ".csv": pd.read_csv}
    if file.suffix not in readers or not file.exists():
        raise ConfigurationError(
            f"--features {file}",
            "the file does not exist" if file.suffix in readers else f"its ending is {file.suffix!r}",
            expected="a .parquet or .csv file of the training features",
            action="write the frame that was given to fit() to such a file",
        )
    return readers[file.suffix](file)


def _metrics(pairs: tuple[str, ...]) -> dict[str, float]:
    try:
        return {name: float(value) for name, value in (pair.split("=", 1) for pair in pairs)}
    except ValueError as error:
        raise click.BadParameter(
            f"{list(pairs)}: expected NAME=VALUE with a number", param_hint="--metric"
        ) from error


@main.command("promote")
@click.argument("name")
@click.argument("version", type=int)
@click.option("--alias", default="champion", show_default=True)
@_project_option
def promote_command(name: str, version: int, alias: str, project_dir: Path | None) -> None:
    """Move an alias to VERSION of the ML model NAME.

    \b
    Example:
      scorehouse promote churn 3 --alias champion
    """
    moved = promote(name, version, alias=alias, project_dir=project_dir)
    click.echo(f"{moved.label} holds {', '.join(moved.aliases)}")
    click.echo(f"next: dbt build --select state:modified+, or dbt build --select ml_{name}+")


@main.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@_project_option
def list_command(as_json: bool, project_dir: Path | None) -> None:
    """List all registered versions."""
    project = find_project(project_dir)
    folders = sorted((project / "seeds" / "ml").glob("*/ml_*.csv"))
    names = [folder.parent.name for folder in folders if folder.stem == f"ml_{folder.parent.name}"]
    versions = [version for name in names for version in ModelSeeds(project, name).versions()]
    if as_json:
        click.echo(json.dumps([version.to_row() for version in versions], indent=2))
        return
    for version in versions:
        click.echo(_line(version))
    if not versions:
        click.echo("no ML model is registered yet; see scorehouse register --help")


def _line(version: Version) -> str:
    aliases = ", ".join(version.aliases) or "-"
    return (
        f"{version.name:<24} {version.version:>4}  {aliases:<20} {version.task:<15} "
        f"{version.training_rows:>10,} rows  {version.sha256[:12]}"
    )
