"""The command `scorehouse`: registration and promotion from a shell."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from scorehouse import artifact
from scorehouse.check import Checked, check_project, registered_names
from scorehouse.commands import attach
from scorehouse.commands.common import json_option, print_json, project_option, read_frame
from scorehouse.commands.show import facts as as_document
from scorehouse.errors import ConfigurationError, ScorehouseError
from scorehouse.formats import CHOICES
from scorehouse.policy import VARIABLE, LoadPolicy
from scorehouse.promotion_gate import require_test
from scorehouse.registration.forms import form_lines
from scorehouse.registration.promote import promote
from scorehouse.registration.register import register
from scorehouse.registration.seeds import ModelSeeds, find_project
from scorehouse.registry import TASKS, Version, resolve
from scorehouse.request import project_variable
from scorehouse.scaffold import RESOURCES, SEVERITIES, feature_tests_yaml

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
    """Register, promote, list and check ML models of a dbt project.

    Exit codes: 0 done, 1 a fault that the message explains, 2 wrong usage, 3 something differs (where
    --exit-code asked to tell).
    """


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
@click.option("--format", type=click.Choice(CHOICES), default="joblib", show_default=True)
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

    Loading a joblib file runs code: register only files that you trust.

    \b
    Example:
      scorehouse register churn model.joblib --features train.parquet \\
          --task classification --metric roc_auc=0.81 --alias champion
    """
    version = register(estimator, name, read_frame(features), metrics=_metrics(metrics), **facts)
    if as_json:
        print_json(as_document(version))
        return
    click.echo(f"registered {version.label}: {version.artifact} ({version.size_bytes:,} bytes)")
    for line in form_lines(version, version.forms):
        click.echo(line)
    if not version.aliases:
        click.echo(f"next: scorehouse promote {name} {version.version} --alias champion")


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
        click.echo(passed)
    click.echo(f"{moved.label} holds {', '.join(moved.aliases)}")
    click.echo(f"next: dbt build --select state:modified+, or dbt build --select ml_{name}+")


@main.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@project_option
def list_command(as_json: bool, project_dir: Path | None) -> None:
    """List all registered versions."""
    project = find_project(project_dir)
    versions = [
        version for name in registered_names(project) for version in ModelSeeds(project, name).versions()
    ]
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


@main.command("check")
@click.option("--no-load", is_flag=True, help="Hash and compare only; open no artifact.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@project_option
def check_command(no_load: bool, as_json: bool, project_dir: Path | None) -> None:
    """Verify every registered version; exits with 1 if one could not score.

    Each artifact is there, has its digest and loads under the load policy of dbt_project.yml; the
    signature file is the registered one and equals the signature seed; the reference has rows; version
    numbers and aliases are unique.
    """
    found = check_project(find_project(project_dir), load=not no_load)
    if as_json:
        click.echo(json.dumps([asdict(item) for item in found], indent=2))
    elif not found:
        click.echo("no ML model is registered yet; see scorehouse register --help")
    else:
        click.echo("\n".join(line for item in found for line in _checked_lines(item)))
    if any(item.faults for item in found):
        click.get_current_context().exit(EXIT_FAULT)


def _checked_lines(item: Checked) -> list[str]:
    number = "-" if item.version is None else str(item.version)
    state = "FAULT" if item.faults else "warning" if item.warnings else "ok"
    head = f"{item.name:<24} {number:>4}  {', '.join(item.aliases) or '-':<20} {state}"
    return [head, *(f"    {text}" for text in (*item.faults, *item.warnings))]


@main.group("scaffold")
def scaffold_group() -> None:
    """Write files to start from."""


@scaffold_group.command("tests")
@click.argument("name")
@click.option("--table", required=True, help="Name of the feature table in dbt.")
@click.option("--resource", type=click.Choice(RESOURCES), default="model", show_default=True)
@click.option("--alias", default="champion", show_default=True)
@click.option("--version", type=int, help="Version whose signature is read; default: that of the alias.")
@click.option(
    "--severity",
    type=click.Choice(SEVERITIES),
    default="error",
    show_default=True,
    help="Of tests whose failing rows scoring rejects.",
)
@click.option(
    "--range-severity",
    type=click.Choice(SEVERITIES),
    default="warn",
    show_default=True,
    help="Of values outside the range of training.",
)
@click.option("--output", default="-", show_default=True, help="File to write; - prints.")
@project_option
def scaffold_tests_command(
    name: str, alias: str, version: int | None, output: str, project_dir: Path | None, **options: Any
) -> None:
    """Write dbt tests for the feature table of the ML model NAME, from its signature.

    \b
    Example:
      scorehouse scaffold tests churn --table churn_features --output models/churn/_features.yml
    """
    call = f"scaffold tests {name}"
    project = find_project(project_dir)
    chosen = resolve(ModelSeeds(project, name).versions(), alias=alias, version=version, call=call)
    policy = LoadPolicy.from_variable(project_variable(project, VARIABLE))
    signature = artifact.read_signature(project, chosen, policy, call)
    text = feature_tests_yaml(chosen, signature, **options)
    if output == "-":
        click.echo(text, nl=False)
        return
    file = Path(output)
    if file.exists():
        raise ConfigurationError(
            call,
            f"the file {output!r} exists",
            expected="a new file, so that nothing of yours is overwritten",
            action="name another file, or print with --output - and merge by hand",
        )
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    click.echo(f"written: {output}")


attach(main)
