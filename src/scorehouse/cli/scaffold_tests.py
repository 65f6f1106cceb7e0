"""`scorehouse scaffold tests`: dbt tests of the feature table, from the signature of an ML model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import yaml

from scorehouse.cli.common import echo, json_option, print_json, project_option
from scorehouse.cli.names import complete_name
from scorehouse.cli.scaffold_parts import RESOURCES, SEVERITIES, feature_tests_yaml
from scorehouse.errors import ConfigurationError
from scorehouse.project.folder import find_project
from scorehouse.registry.seeds import ModelSeeds
from scorehouse.registry.version import resolve


@click.command("tests")
@click.argument("name", shell_complete=complete_name)
@click.option("--table", required=True, help="Name of the feature table in dbt.")
@click.option(
    "--resource",
    type=click.Choice(RESOURCES),
    default="model",
    show_default=True,
    help="What the feature table is in dbt.",
)
@click.option(
    "--alias", default="champion", show_default=True, help="Alias of the version whose signature is read."
)
@click.option("--version", type=int, help="Version whose signature is read; default: the one with the alias.")
@click.option(
    "--severity",
    type=click.Choice(SEVERITIES),
    default="error",
    show_default=True,
    help="Severity of tests whose failing rows would be rejected.",
)
@click.option(
    "--range-severity",
    type=click.Choice(SEVERITIES),
    default="warn",
    show_default=True,
    help="Severity of tests for values outside the range of training.",
)
@click.option("--day", help="Column with the date of a row: also tests that new rows come, and how many.")
@click.option(
    "--max-age-days",
    type=click.IntRange(0),
    default=1,
    show_default=True,
    help="How many days old the newest day may be when the tests run (--day).",
)
@click.option("--output", default="-", show_default=True, help="File to write; - prints.")
@json_option
@project_option
def scaffold_tests_command(
    name: str,
    alias: str,
    version: int | None,
    output: str,
    as_json: bool,
    project_dir: Path | None,
    **options: Any,
) -> None:
    """Write dbt tests for the feature table of the ML model NAME, from its signature.

    \b
    Example:
      scorehouse scaffold tests churn --table churn_features --output models/churn/_features.yml
      scorehouse scaffold tests churn --table churn_features --day signed_up_on
    """
    from scorehouse.registry import artifact
    from scorehouse.scoring.request import load_policy

    call = f"scaffold tests {name}"
    project = find_project(project_dir)
    chosen = resolve(ModelSeeds(project, name).registered(call), alias=alias, version=version, call=call)
    policy = load_policy(project)
    signature = artifact.read_signature(project, chosen, policy, call)
    text = feature_tests_yaml(chosen, signature, **options)
    if output == "-":
        if as_json:
            print_json(yaml.safe_load(text))
        else:
            echo(text, nl=False)
        return
    _write_new(Path(output), text, call)
    if as_json:
        print_json({"written": output})
    else:
        echo(f"written: {output}")


def _write_new(file: Path, text: str, call: str) -> None:
    """Write a file, unless a file with this name exists."""
    if file.exists():
        raise ConfigurationError(
            call,
            f"the file {str(file)!r} already exists",
            expected="a file that does not exist yet, so that nothing of yours is overwritten",
            action="name another file, or print with --output - and merge by hand",
        )
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
