"""What the scaffolds share: the version, and names, descriptions and settings of what they write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from scorehouse.cli.common import find_version
from scorehouse.cli.profile_file import default_target
from scorehouse.cli.project_nodes import entries
from scorehouse.errors import ConfigurationError
from scorehouse.project.dbt_text import Rendered, code, jinja, with_columns
from scorehouse.registration.lock import check_name
from scorehouse.registry.seeds import ModelSeeds
from scorehouse.registry.version import MULTILABEL, Version, score_of

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


# What a target cannot do, by its type; Python scores in others. `_warehouse_refuse` refuses the same.
CONTESTS, RANKS = "judge a challenger by labels", "rank rows in a group"
PYTHON_MODELS, TABLES = "run Python models", "write prediction tables"
WITHOUT_PYTHON = (CONTESTS, RANKS, PYTHON_MODELS)
CANNOT = {
    **dict.fromkeys(("postgres", "snowflake", "bigquery"), WITHOUT_PYTHON),
    **dict.fromkeys(("redshift", "clickhouse", "sqlserver", "fabric"), (TABLES, *WITHOUT_PYTHON)),
}


def check_target(project: Path, call: str, *needed: str) -> None:
    """An error where the profile's default target cannot do what the files of a scaffold need."""
    name, settings = default_target(project)
    kind = str(settings.get("type") or "")
    if lacking := [each for each in needed if each in CANNOT.get(kind, ())]:
        works = (
            f"score on {kind} by the macro `predict()`" if TABLES in lacking else f"see what works on {kind}"
        )
        raise ConfigurationError(
            call,
            f"the default target {name!r} is of type {kind!r}, which cannot {' or '.join(lacking)}, so dbt "
            "would refuse what this command writes",
            expected="a default target in which Python scores: DuckDB or Spark",
            action=f"{works} (docs/how-to/without_python.md), or make a DuckDB or Spark target the profile's "
            "default; nothing was written",
        )


def version_of(project: Path, name: str, call: str) -> Version:
    """The champion of the ML model, or else its newest version."""
    check_name("name", name, call)
    return find_version(ModelSeeds(project, name), None, call)


def key_of(keys: tuple[str, ...]) -> str | list[str]:
    """The argument `key`: one name, or a list."""
    return keys[0] if len(keys) == 1 else list(keys)


# Read more often than built: a view would be computed by each of its tests, by alerts and by reports.
TABLE = "{{ config(materialized='table') }}\n\n"
# Where a failed test stops a build, what comes after it is not built: a view tells of the tables that were,
# but on PostgreSQL, where it is dropped with the table that is built anew.
VIEW = "{{ config(materialized='view') }}\n\n"
# PostgreSQL compiles such a query for up to minutes, and then joins row by row what it takes for few rows.
FAST_ON_POSTGRES = '{{ config(pre_hook="set local jit = off; set local enable_nestloop = off") }}\n'


def given(**settings: Any) -> dict[str, Any]:
    """The settings that have a value; None and what is empty leave a macro its default."""
    return {name: value for name, value in settings.items() if value not in (None, "", (), [], {})}


def call_of(macro: str, relations: Mapping[str, str | None], settings: Mapping[str, Any]) -> str:
    """A dbt model that is one call of a macro of this package, with the arguments that have a value."""
    values = {name: jinja(value) for name, value in given(**settings).items()}
    arguments = given(**relations) | values
    lines = "".join(f"    {name}={value},\n" for name, value in arguments.items())
    return f"{{{{ scorehouse.{macro}(\n{lines}) }}}}\n"


def scored(name: str, settings: Mapping[str, Any]) -> str:
    """The call of the macro `scored` at the head of a prediction table."""
    arguments = [jinja(name), *(f"{argument}={jinja(value)}" for argument, value in settings.items())]
    return f"{{{{ scorehouse.scored({', '.join(arguments)}) }}}}"


def package_test(name: str, **arguments: Any) -> dict[str, Any]:
    """A test of this package in the YAML of a dbt model."""
    return {f"scorehouse.{name}": {"arguments": arguments}}


def model_entry(
    name: str, description: str, columns: Mapping[str, str], tests: Sequence[Any] = ()
) -> dict[str, Any]:
    """The YAML of a dbt model, with a description of each column."""
    entry = {"name": name, "description": description, **({"data_tests": list(tests)} if tests else {})}
    return with_columns(entry, ({"name": column, "description": text} for column, text in columns.items()))


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


def column_descriptions(
    project: Path, node: str, keys: tuple[str, ...], others: tuple[str, ...]
) -> dict[str, str]:
    """Columns that a table takes over from a model, seed or snapshot, as the project's YAML describes them.

    `{{ doc(...) }}` stays as it is, for dbt.
    """
    usual = dict.fromkeys(keys, "Key of the row.") | dict.fromkeys(others, f"Column of {node}.")
    for entry in entries(project):
        if entry.get("name") == node:
            columns = {str(each["name"]): each.get("description") for each in entry.get("columns") or []}
            own = {name: Rendered(columns[name]) for name in usual if columns.get(name)}
            return usual | own
    return usual
