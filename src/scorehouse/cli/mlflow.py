"""`scorehouse import mlflow`, `sync mlflow` and `export mlflow`."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any

import click

from scorehouse.cli.changes import COLOURS, dry_run_option, yes_option
from scorehouse.cli.common import (
    EXIT_DIFFERENT,
    Choice,
    answer,
    echo,
    heading,
    json_option,
    name_argument,
    project_option,
    read_frame,
    reference_argument,
)
from scorehouse.cli.show import facts
from scorehouse.registry.seeds import build_command
from scorehouse.registry.version import TASKS

store_option = click.option(
    "--tracking-uri", help="MLflow's store, such as sqlite:///mlflow.db; default: MLFLOW_TRACKING_URI."
)


@click.command("mlflow")
@click.argument("reference")
@name_argument
@click.option("--features", type=click.Path(path_type=Path), help="Training features, .parquet or .csv.")
@click.option("--task", type=Choice(TASKS), help="Task of the estimator; default: found from its class.")
@click.option("--alias", help="Alias to move to the new version, such as champion.")
@click.option("--threshold", type=float, help="Score from which the positive class is predicted.")
@store_option
@json_option
@project_option
def import_mlflow_command(
    reference: str, name: str, features: Path | None, as_json: bool, **settings: Any
) -> None:
    """Register the MLflow model REFERENCE as the next version of NAME.

    REFERENCE is models:/name@alias, models:/name/version, runs:/id/name, a run id, or a folder. A pickle
    runs code when it is loaded: import only from a store that you trust. The load policy is checked first.

    \b
    Examples:
      scorehouse import mlflow models:/churn@champion churn --tracking-uri sqlite:///mlflow.db
      scorehouse import mlflow ./model churn --features train.parquet --alias challenger
    """
    from scorehouse.interop.mlflow import import_model

    frame = None if features is None else read_frame(features)
    imported = import_model(reference, name, features=frame, **settings)
    version = imported.version
    said = f"registered {version.label} from {imported.origin.uri}: {version.artifact}"
    document = {"version": facts(version), "from": imported.origin.uri, "gaps": imported.gaps}
    answer(as_json, document, [said, *_gaps(imported.gaps)])


def _gaps(gaps: tuple[str, ...]) -> list[str]:
    return [click.style("gap: ", fg="yellow") + gap for gap in gaps]


@click.command("mlflow")
@click.argument("registered_name")
@name_argument
@click.option("--task", type=Choice(TASKS), help="Task of the estimators; default: found from their classes.")
@click.option("--exit-code", is_flag=True, help="With --dry-run, exit with 3 if something would change.")
@store_option
@yes_option
@dry_run_option
@json_option
@project_option
@click.pass_context
def sync_mlflow_command(
    ctx: click.Context,
    /,
    registered_name: str,
    name: str,
    yes: bool,
    dry_run: bool,
    exit_code: bool,
    as_json: bool,
    **settings: Any,
) -> None:
    """Follow the aliases of the MLflow model REGISTERED_NAME in the ML model NAME.

    Shows the changes in seeds and artifacts, and asks before it writes.

    \b
    Examples:
      scorehouse sync mlflow churn churn --tracking-uri sqlite:///mlflow.db
      scorehouse sync mlflow churn churn --dry-run --exit-code
    """
    from scorehouse.interop.mlflow_sync import plan_sync

    if as_json and not (yes or dry_run):
        raise click.UsageError("--json does not ask: add --yes or --dry-run")
    plan = plan_sync(registered_name, name, **settings)
    diffs = {path: _diff(plan.project, path, data) for path, data in plan.files.items()}
    lines = [heading(action) for action in plan.actions or ("nothing to do: the aliases are the same",)]
    lines += [click.style(line, fg=COLOURS.get(line[:1])) for diff in diffs.values() for line in diff]
    document = {"actions": plan.actions, "gaps": plan.gaps, "files": diffs}
    answer(as_json, document, [*lines, *_gaps(plan.gaps)])
    if plan.files and not dry_run and (yes or click.confirm(f"write {len(plan.files)} files?", default=True)):
        plan.write()
        if not as_json:
            echo(f"next: {build_command(name)}")
    if exit_code and dry_run and plan.files:
        ctx.exit(EXIT_DIFFERENT)


def _diff(project: Path, path: str, data: bytes) -> list[str]:
    """A unified diff of a text file; one line for an artifact."""
    try:
        new = data.decode().splitlines()
    except UnicodeDecodeError:
        return [f"+++ b/{path} ({len(data):,} bytes)"]
    old = (project / path).read_text(encoding="utf-8").splitlines() if (project / path).exists() else []
    lines = difflib.unified_diff(old, new, f"a/{path}" if old else "/dev/null", f"b/{path}", n=1, lineterm="")
    return [line if len(line) <= 240 else f"{line[:240]} ..." for line in lines]


@click.command("mlflow")
@reference_argument
@click.option("--folder", type=click.Path(path_type=Path), help="Folder to write the MLflow model into.")
@click.option("--register-as", "registered_name", help="Name to log and register it under in the store.")
@store_option
@json_option
@project_option
def export_mlflow_command(reference: str, as_json: bool, **settings: Any) -> None:
    """Export the registered version REFERENCE (churn@champion, churn/3) as an MLflow model.

    \b
    Examples:
      scorehouse export mlflow churn@champion --folder exported/churn
      scorehouse export mlflow churn/3 --register-as churn --tracking-uri sqlite:///mlflow.db
    """
    from scorehouse.interop.mlflow_export import export_model

    place = export_model(reference, **settings)
    document = {"reference": reference, "exported_to": place}
    answer(as_json, document, [f"exported {reference} to {place}"])
