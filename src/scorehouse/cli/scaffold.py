"""`scorehouse scaffold`: generate files for a registered ML model instead of writing them by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from scorehouse.cli.changes import Change, carry_out, pending
from scorehouse.cli.common import (
    echo,
    find_version,
    json_option,
    project_option,
    write_options,
)
from scorehouse.cli.descriptions import column_descriptions
from scorehouse.cli.names import complete_name
from scorehouse.project.dbt_names import jinja, python, with_columns
from scorehouse.project.dbt_text import code, dump_yaml, prose
from scorehouse.project.folder import find_project
from scorehouse.registration.lock import check_name
from scorehouse.registry.class_columns import score_of
from scorehouse.registry.seeds import ModelSeeds, build_command
from scorehouse.registry.version import MULTILABEL, Version

SQL_MODEL = """\
{{{{ scorehouse.scored({arguments}) }}}}

select * from {{{{ ref('{features}') }}}}
"""
PYTHON_MODEL = """\
from scorehouse import score


def model(dbt, session):
    dbt.config(materialized="predictions")
    return score(
        dbt,
        session,
        features=dbt.ref("{features}"),
        model=dbt.ref("ml_{name}"),
{arguments}
    )
"""
NOTHING = "nothing to do: the files already exist"
AUDIT = {
    "row_status": "scored, or rejected when the ML model does not accept the row.",
    "reject_reason": "Why the row was rejected, as check:feature, joined by semicolons; null when scored.",
    "model_name": "Name of the ML model.",
    "model_version": "Version of the ML model.",
    "model_digest": "SHA-256 of the artifact that scored the row.",
    "scoring_run_id": "The scoring run that wrote the row; its row in scorehouse_runs has the details.",
    "scored_at": "When the run scored, in UTC.",
    "feature_hash": "Hash of the row's features, to find rows whose input has changed.",
}
OUTPUTS = {
    "prediction": "What the ML model predicts. Null when rejected.",
    "score": "Score of the ML model. Null when rejected.",
    "distance": "Distance to the centre of the segment. Null when rejected.",
    "rank": "Rank within the group; 1 is the best. Null when rejected.",
}


@click.command("predictions")
@click.argument("name", shell_complete=complete_name)
@click.option("--features", required=True, help="dbt model with the features, one row per key.")
@click.option("--key", "keys", required=True, multiple=True, help="Key column; may be repeated.")
@click.option("--keep", "kept", multiple=True, help="Feature column to keep; may be repeated.")
@click.option("--group", help="Column within which a ranking ranks.")
@click.option(
    "--door",
    type=click.Choice(("sql", "python")),
    default="sql",
    show_default=True,
    help="Kind of the dbt model.",
)
@click.option("--alias", default="champion", show_default=True, help="Alias of the version that scores.")
@click.option("--folder", default="models/ml", show_default=True, help="Folder for the files.")
@click.option(
    "--max-rejected-share",
    type=float,
    default=0.05,
    show_default=True,
    help="Share of rejected rows above which the test fails.",
)
@write_options
@json_option
@project_option
def predictions_command(
    name: str, yes: bool, dry_run: bool, as_json: bool, project_dir: Path | None, **answers: Any
) -> None:
    """Write the prediction table of NAME: the dbt model, and YAML with its columns and tests.

    \b
    Example:
      scorehouse scaffold predictions churn --features customer_features --key customer_id
    """
    project = find_project(project_dir)
    call = f"scaffold predictions {name}"
    check_name("name", name, call)
    version = find_version(ModelSeeds(project, name), None, call)
    changes = pending(project, planned(project, version, **answers))
    if carry_out(project, changes, yes=yes, dry_run=dry_run, as_json=as_json, nothing=NOTHING):
        echo(f"next: {build_command(name, f'+{name}_predictions')}")


def planned(
    project: Path,
    version: Version,
    *,
    features: str,
    keys: tuple[str, ...],
    kept: tuple[str, ...],
    group: str | None,
    door: str,
    alias: str,
    folder: str,
    max_rejected_share: float,
) -> list[Change]:
    """The files that do not exist yet; an existing file belongs to its author and is not changed."""
    if version.task == "ranking" and group is None:
        raise click.UsageError(f"{version.label} ranks: name the column to rank within with --group")
    if version.task != "ranking" and group is not None:
        raise click.UsageError(f"{version.label} does not rank: leave out --group, or keep it with --keep")
    table = f"{version.name}_predictions"
    written = _sql if door == "sql" else _python
    settings = {
        "alias": alias if alias != "champion" else None,
        "group": group,
        "passthrough": list(kept) or None,
    }
    model = written(version.name, features, keys, {k: v for k, v in settings.items() if v is not None})
    known = column_descriptions(project, features)
    handed_on = {key: known.get(key, "Key of the row.") for key in keys}
    handed_on |= {name: known.get(name, f"Column of {features}.") for name in kept}
    properties = _properties(version, table, features, keys, handed_on, alias, max_rejected_share)
    changes = [
        Change(f"{folder}/{table}.{'sql' if door == 'sql' else 'py'}", model),
        Change(f"{folder}/_{table}.yml", properties),
    ]
    return [change for change in changes if not (project / change.path).exists()]


def key_of(keys: tuple[str, ...]) -> str | list[str]:
    """The argument `key`: one name, or a list."""
    return keys[0] if len(keys) == 1 else list(keys)


def _sql(name: str, features: str, keys: tuple[str, ...], settings: dict[str, Any]) -> str:
    asked = {"key": key_of(keys), **settings}
    parts = [jinja(name), *(f"{argument}={jinja(value)}" for argument, value in asked.items())]
    return SQL_MODEL.format(arguments=", ".join(parts), features=features)


def _python(name: str, features: str, keys: tuple[str, ...], settings: dict[str, Any]) -> str:
    asked = {"key": key_of(keys), **settings}
    arguments = "\n".join(f"        {argument}={python(value)}," for argument, value in asked.items())
    return PYTHON_MODEL.format(name=name, features=features, arguments=arguments)


def _properties(
    version: Version,
    table: str,
    features: str,
    keys: tuple[str, ...],
    handed_on: dict[str, str],
    alias: str,
    share: float,
) -> str:
    registry = {"registry": f"ref('ml_{version.name}')"}
    tests: list[Any] = [
        _test("one_prediction_per_row", features=f"ref('{features}')", key=list(keys)),
        _test("rejected_share_below", max_share=share),
        "scorehouse.predictions_up_to_date",
        _test("predictions_registered", **registry),
        _test("predictions_by_alias", **registry, model_alias=alias),
    ]
    outputs = output_names(version)
    if version.score_method == "predict_proba":
        scores = [name for name in outputs if name.startswith("score")]
        tests.append(_test("score_in_range", columns=scores))
    columns: list[dict[str, Any]] = [
        {"name": name, "description": text, **({"data_tests": ["not_null"]} if name in keys else {})}
        for name, text in handed_on.items()
    ]
    columns += [{"name": name, "description": describe_output(name, version)} for name in outputs]
    columns += [{"name": name, "description": text} for name, text in AUDIT.items()]
    entry = {
        "name": table,
        "description": f"{prose(version.description) or f'Predictions of the ML model `{version.name}`'}. "
        f"The model card is the description of `ml_{version.name}`.",
        "data_tests": tests,
    }
    return dump_yaml({"version": 2, "models": [with_columns(entry, columns)]})


def output_names(version: Version) -> list[str]:
    """The columns of a prediction table that are outputs of this version."""
    from scorehouse.kernel.tasks import outputs_of  # loads scikit-learn

    names = [field.name for field in outputs_of(version).fields]
    return [*names, "rank"] if version.task == "ranking" else names


def describe_output(name: str, version: Version) -> str:
    labels = {score_of(column): label for column, label in version.outputs.items()}
    if version.task == MULTILABEL and name in version.outputs:
        return (
            f"1 if the ML model predicts the label {code(version.outputs[name])}, else 0. Null when rejected."
        )
    if name in labels:
        return f"Score of the label {code(labels[name])}. Null when rejected."
    if name in version.outputs:
        return f"What the ML model predicts for the output {code(version.outputs[name])}. Null when rejected."
    if name not in version.class_columns and name in OUTPUTS:
        return OUTPUTS[name]
    label = version.class_columns.get(name, name.removeprefix("score_"))
    return f"Score of the class {code(str(label))}. Null when rejected."


def _test(name: str, **arguments: Any) -> dict[str, Any]:
    return {f"scorehouse.{name}": {"arguments": arguments}}
