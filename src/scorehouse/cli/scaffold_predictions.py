"""`scorehouse scaffold predictions`: the prediction table of a registered ML model."""

from __future__ import annotations

from typing import Any

import click

from scorehouse.cli.changes import Change, Writing, new_files, write_options
from scorehouse.cli.common import Choice, echo, key_option, name_argument, option
from scorehouse.cli.known_columns import check_columns, check_tables, features_of
from scorehouse.cli.scaffold import (
    AUDIT,
    NOTHING,
    PYTHON_MODELS,
    RANKS,
    TABLES,
    check_target,
    column_descriptions,
    describe_output,
    given,
    key_of,
    output_names,
    package_test,
    scored,
    version_of,
)
from scorehouse.project.dbt_text import dump_yaml, prose, python, with_columns
from scorehouse.registry.seeds import build_command
from scorehouse.registry.version import Version

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


@click.command("predictions")
@name_argument
@click.option("--features", required=True, help="dbt model with the features, one row per key.")
@key_option
@click.option("--keep", "kept", multiple=True, help="Feature column to keep; may be repeated.")
@click.option("--group", help="Column within which a ranking ranks.")
@option("--language", type=Choice(("sql", "python")), default="sql", help="Language of the dbt model.")
@option("--alias", default="champion", help="Alias of the version that scores.")
@option("--folder", default="models/ml", help="Folder for the files.")
@option(
    "--max-rejected-share",
    type=float,
    default=0.05,
    help="Share of rejected rows above which the test fails.",
)
@write_options
def scaffold_predictions_command(
    name: str,
    features: str,
    keys: tuple[str, ...],
    kept: tuple[str, ...],
    group: str | None,
    language: str,
    alias: str,
    folder: str,
    max_rejected_share: float,
    writing: Writing,
) -> None:
    """Write the prediction table of NAME: the dbt model, and YAML with its columns and tests.

    \b
    Example:
      scorehouse scaffold predictions churn --features customer_features --key customer_id
    """
    project = writing.project
    call = f"scaffold predictions {name}"
    version = version_of(project, name, call)
    if version.task == "ranking" and group is None:
        raise click.UsageError(f"{version.label} ranks: name the column to rank within with --group")
    if version.task != "ranking" and group is not None:
        raise click.UsageError(f"{version.label} does not rank: leave out --group, or keep it with --keep")
    needed = [TABLES, *([RANKS] if group else []), *([PYTHON_MODELS] if language == "python" else [])]
    check_target(project, call, *needed)
    kept = tuple(name for name in kept if name not in keys)  # which the table has anyway
    named = {"--key": keys, "--keep": kept, "--group": group}
    check_tables(project, call, {"--features": features})
    check_columns(project, call, features, named, features=features_of(project, version))
    other_alias = alias if alias != "champion" else None
    settings = given(key=key_of(keys), alias=other_alias, group=group, passthrough=list(kept))
    if language == "sql":
        ending, model = "sql", f"{scored(name, settings)}\n\nselect * from {{{{ ref('{features}') }}}}\n"
    else:
        arguments = "\n".join(f"        {argument}={python(value)}," for argument, value in settings.items())
        ending, model = "py", PYTHON_MODEL.format(name=name, features=features, arguments=arguments)
    registry = f"ref('ml_{name}')"
    tests: list[Any] = [
        package_test("one_prediction_per_row", features=f"ref('{features}')", key=list(keys)),
        package_test("rejected_share_below", max_share=max_rejected_share),
        "scorehouse.predictions_up_to_date",
        package_test("predictions_registered", registry=registry),
        package_test("predictions_by_alias", registry=registry, model_alias=alias),
    ]
    properties = _properties(version, keys, column_descriptions(project, features, keys, kept), tests)
    path = f"{folder}/{name}_predictions.{ending}"
    changes = [Change(path, model), Change(f"{folder}/_{name}_predictions.yml", properties)]
    if writing.carry_out(project, new_files(changes), NOTHING):
        echo(f"next: {build_command(name, f'+{name}_predictions')}")


def _properties(version: Version, keys: tuple[str, ...], taken_over: dict[str, str], tests: list[Any]) -> str:
    """The YAML of the prediction table; `taken_over` describes the columns that it has from the features."""
    outputs = output_names(version)
    if version.score_method == "predict_proba":
        scores = [name for name in outputs if name.startswith("score")]
        tests.append(package_test("score_in_range", columns=scores))
    described = taken_over | {name: describe_output(name, version) for name in outputs} | AUDIT
    columns = [
        {"name": name, "description": text, **({"data_tests": ["not_null"]} if name in keys else {})}
        for name, text in described.items()
    ]
    entry = {
        "name": f"{version.name}_predictions",
        "description": f"{prose(version.description) or f'Predictions of the ML model `{version.name}`'}. "
        f"The model card is the description of `ml_{version.name}`.",
        "data_tests": tests,
    }
    return dump_yaml({"version": 2, "models": [with_columns(entry, columns)]})
