"""The command `scorehouse`: registration and promotion from a shell."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from scorehouse.check import Checked, check_project, registered_names
from scorehouse.commands import attach
from scorehouse.commands.common import (
    echo,
    json_option,
    print_json,
    project_option,
    read_frame,
)
from scorehouse.commands.names import complete_name
from scorehouse.commands.show import facts as as_document
from scorehouse.errors import ScorehouseError
from scorehouse.formats import CHOICES
from scorehouse.promotion_gate import require_test
from scorehouse.registration.forms import form_lines
from scorehouse.registration.promote import promote
from scorehouse.registration.register import register
from scorehouse.registration.seeds import ModelSeeds, find_project
from scorehouse.registry import TASKS, Version

EXIT_FAULT = 1


class _Group(click.Group):
    """Shows our own errors as text, without a traceback, and exits with 1."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ScorehouseError as error:
            echo(click.style("scorehouse: ", fg="red") + str(error), err=True)
            ctx.exit(EXIT_FAULT)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="scorehouse")
def main() -> None:
    """Register, promote, list and check ML models of a dbt project.

    Works from any folder of the project. Every command prints JSON with --json; a target is never guessed.

    Exit codes: 0 done, 1 a fault that the message explains, 2 wrong usage, 3 something differs (replay, and
    where --exit-code asked to tell).

    \b
    Examples:
      scorehouse init churn --features customer_features --key customer_id --label churned
      scorehouse list
      scorehouse runs --target prod --failed
    """


@main.command("register")
@click.argument("name", shell_complete=complete_name)
@click.argument("estimator", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--features",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="Training features: a .parquet or .csv file with the columns of the fit.",
)
@click.option("--task", required=True, type=click.Choice(TASKS), help="What the estimator does.")
@click.option("--threshold", type=float, help="Score from which the positive class is predicted.")
@click.option("--description", default="", help="What it is for; the first words of the model card.")
@click.option("--owner", default="", help="Who answers for it.")
@click.option("--trained-from", default="", help="Begin of the training window.")
@click.option("--trained-to", default="", help="End of the training window.")
@click.option("--metric", "metrics", multiple=True, metavar="NAME=VALUE", help="Quality; may be repeated.")
@click.option("--alias", help="Alias to move to the new version, such as champion.")
@click.option(
    "--format",
    type=click.Choice(CHOICES),
    default="joblib",
    show_default=True,
    help="Format of the artifact; native is the library's own.",
)
@click.option(
    "--artifact",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File of the estimator in this format, made elsewhere; default: it is made here.",
)
@click.option("--store", default="artifacts", show_default=True, help="Folder or URL to write below.")
@click.option("--parity-tolerance", type=float, help="Largest difference of scores of the stored form.")
@click.option("--forms/--no-forms", default=True, help="Whether to compile it to SQL; default: yes.")
@json_option
@project_option
def register_command(
    name: str, estimator: Path, features: Path, metrics: tuple[str, ...], as_json: bool, **facts: Any
) -> None:
    """Register the fitted estimator in the joblib or skops file ESTIMATOR as the next version of NAME.

    Loading a joblib file runs code: register only files that you trust. The load policy is asked first.

    \b
    Example:
      scorehouse register churn model.joblib --features train.parquet \\
          --task classification --metric roc_auc=0.81 --alias champion
    """
    version = register(estimator, name, read_frame(features), metrics=_metrics(metrics), **facts)
    if as_json:
        print_json(as_document(version))
        return
    echo(f"registered {version.label}: {version.artifact} ({version.size_bytes:,} bytes)")
    for line in form_lines(version, version.forms):
        echo(line)
    if not version.aliases:
        echo(f"next: scorehouse promote {name} {version.version} --alias champion")


def _metrics(pairs: tuple[str, ...]) -> dict[str, float]:
    try:
        return {name: float(value) for name, value in (pair.split("=", 1) for pair in pairs)}
    except ValueError as error:
        raise click.BadParameter(
            f"{list(pairs)}: expected NAME=VALUE with a number", param_hint="--metric"
        ) from error


@main.command("promote")
@click.argument("name", shell_complete=complete_name)
@click.argument("version", type=int)
@click.option("--alias", default="champion", show_default=True, help="Alias to move.")
@click.option("--require", metavar="TEST", help="A dbt test that the last dbt command must have passed.")
@json_option
@project_option
def promote_command(
    name: str, version: int, alias: str, require: str | None, as_json: bool, project_dir: Path | None
) -> None:
    """Move an alias to VERSION of the ML model NAME.

    \b
    Examples:
      scorehouse promote churn 3 --alias champion
      scorehouse promote churn 3 --require challenger_not_worse_churn
    """
    passed = require_test(name, version, require, project_dir=project_dir) if require else None
    moved = promote(name, version, alias=alias, project_dir=project_dir)
    if as_json:
        print_json({**as_document(moved), "required": passed})
        return
    if passed:
        echo(passed)
    echo(f"{moved.label} holds {', '.join(moved.aliases)}")
    echo(f"next: dbt build --select state:modified+, or dbt build --select ml_{name}+")


@main.command("list")
@json_option
@project_option
def list_command(as_json: bool, project_dir: Path | None) -> None:
    """List all registered versions.

    \b
    Examples:
      scorehouse list
      scorehouse list --json
    """
    project = find_project(project_dir)
    versions = [
        version for name in registered_names(project) for version in ModelSeeds(project, name).versions()
    ]
    if as_json:
        print_json([version.to_row() for version in versions])
        return
    for version in versions:
        echo(_line(version))
    if not versions:
        echo("no ML model is registered yet; see scorehouse register --help")


def _line(version: Version) -> str:
    aliases = ", ".join(version.aliases) or "-"
    return (
        f"{version.name:<24} {version.version:>4}  {aliases:<20} {version.task:<15} "
        f"{version.training_rows:>10,} rows  {version.sha256[:12]}"
    )


@main.command("check")
@click.option("--no-load", is_flag=True, help="Hash and compare only; open no artifact.")
@json_option
@project_option
def check_command(no_load: bool, as_json: bool, project_dir: Path | None) -> None:
    """Verify every registered version; exits with 1 if one could not score.

    Each artifact is there, has its digest and loads under the load policy of dbt_project.yml; the
    signature file is the registered one and equals the signature seed; the reference has rows; version
    numbers and aliases are unique.

    \b
    Examples:
      scorehouse check
      scorehouse check --no-load --json
    """
    found = check_project(find_project(project_dir), load=not no_load)
    if as_json:
        print_json([asdict(item) for item in found])
    elif not found:
        echo("no ML model is registered yet; see scorehouse register --help")
    else:
        echo("\n".join(line for item in found for line in _checked_lines(item)))
    if any(item.faults for item in found):
        click.get_current_context().exit(EXIT_FAULT)


def _checked_lines(item: Checked) -> list[str]:
    number = "-" if item.version is None else str(item.version)
    state = "FAULT" if item.faults else "warning" if item.warnings else "ok"
    head = f"{item.name:<24} {number:>4}  {', '.join(item.aliases) or '-':<20} {state}"
    return [head, *(f"    {text}" for text in (*item.faults, *item.warnings))]


attach(main)
