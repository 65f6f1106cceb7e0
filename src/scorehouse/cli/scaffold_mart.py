"""`scorehouse scaffold mart` and `exposure`: what follows a prediction table, for its readers."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import click

from scorehouse.cli.changes import Change, carry_out, pending
from scorehouse.cli.common import echo, find_version, json_option, project_option, write_options
from scorehouse.cli.descriptions import column_descriptions
from scorehouse.cli.names import complete_name
from scorehouse.cli.scaffold import NOTHING, describe_output, output_names
from scorehouse.dialect import double
from scorehouse.project.dbt_names import identifier, with_columns
from scorehouse.project.dbt_text import dump_yaml, prose
from scorehouse.project.folder import find_project
from scorehouse.registration.lock import check_name
from scorehouse.registry.seeds import ModelSeeds, build_command
from scorehouse.registry.version import Version

MART = """\
-- {name} for its readers: one row a prediction, rejected or not, without the columns of the run.
with predictions as (

    select * from {{{{ ref('{table}') }}}}

),

final as (

    select
{columns}
    from predictions

)

select * from final
"""
BAND = """\
case
            when row_status = 'rejected' then 'not scored'
            when score >= {high} then 'high'
            when score >= {low} then 'medium'
            else 'low'
        end as score_band"""
BANDS = ("high", "medium", "low", "not scored")
TYPES = ("dashboard", "notebook", "analysis", "ml", "application")
EMAIL = re.compile(r"[^@\s]+@[^@\s]+")


@click.command("mart")
@click.argument("name", shell_complete=complete_name)
@click.option("--key", "keys", required=True, multiple=True, help="Key column; may be repeated.")
@click.option("--table", help="The prediction table; default: NAME_predictions.")
@click.option("--keep", "kept", multiple=True, help="Passthrough column to keep; may be repeated.")
@click.option(
    "--bands",
    type=(float, float),
    default=(0.4, 0.7),
    show_default=True,
    help="Scores from which the band is medium and high, for two classes.",
)
@click.option("--folder", default="models/marts", show_default=True, help="Folder for the files.")
@write_options
@json_option
@project_option
def mart_command(
    name: str, yes: bool, dry_run: bool, as_json: bool, project_dir: Path | None, **answers: Any
) -> None:
    """Write a mart of the predictions of NAME, with its columns and tests.

    \b
    Example:
      scorehouse scaffold mart churn --key customer_id --bands 0.4 0.7
    """
    project, call = find_project(project_dir), f"scaffold mart {name}"
    check_name("name", name, call)
    version = find_version(ModelSeeds(project, name), None, call)
    changes = pending(project, planned_mart(project, version, **answers))
    if carry_out(project, changes, yes=yes, dry_run=dry_run, as_json=as_json, nothing=NOTHING):
        echo(f"next: {build_command(name, f'+{name}_mart')}")


def planned_mart(
    project: Path,
    version: Version,
    *,
    keys: tuple[str, ...],
    table: str | None,
    kept: tuple[str, ...],
    bands: tuple[float, float],
    folder: str,
) -> list[Change]:
    """The files that do not exist yet."""
    low, high = bands
    if not -math.inf < low < high < math.inf:
        raise click.UsageError(
            f"--bands {low} {high}: `high` must begin above `medium`, the first of two finite numbers"
        )
    table = table or f"{version.name}_predictions"
    outputs = output_names(version)
    known = column_descriptions(project, table)
    described: dict[str, Any] = {key: {"description": known.get(key, "Key of the row.")} for key in keys}
    described |= {name: {"description": known.get(name, f"Column of {table}.")} for name in kept}
    described |= {name: {"description": describe_output(name, version)} for name in outputs}
    columns = [identifier(name) for name in described]
    if version.score_method == "predict_proba" and "score" in outputs:
        columns.append(BAND.format(low=double(low), high=double(high)))
        described["score_band"] = {
            "description": f"high from {high:g}, medium from {low:g}, low below; or not scored.",
            "data_tests": [{"accepted_values": {"arguments": {"values": list(BANDS)}}}],
        }
    columns += ["row_status", "reject_reason", "model_version", "scored_at"]
    described |= {
        "row_status": {"description": "scored or rejected.", "data_tests": ["not_null"]},
        "reject_reason": {"description": "Why there is no prediction; null when scored."},
        "model_version": {"description": "Version of the ML model that scored."},
        "scored_at": {"description": "When it scored, in UTC."},
    }
    test = {"features": f"ref('{table}')", "key": list(keys)}
    purpose = prose(version.description) or f"Predictions of `{version.name}`"
    entry = {
        "name": f"{version.name}_mart",
        "description": f"{purpose}, for marts and exports.",
        "data_tests": [{"scorehouse.one_prediction_per_row": {"arguments": test}}],
    }
    entry = with_columns(entry, ({"name": name, **facts} for name, facts in described.items()))
    text = ",\n".join(f"        {column}" for column in columns)
    changes = [
        Change(f"{folder}/{entry['name']}.sql", MART.format(name=version.name, table=table, columns=text)),
        Change(f"{folder}/_{entry['name']}.yml", _yaml("models", entry)),
    ]
    return [change for change in changes if not (project / change.path).exists()]


@click.command("exposure")
@click.argument("name")
@click.option(
    "--table", "tables", required=True, multiple=True, help="Model that the consumer reads; may be repeated."
)
@click.option(
    "--type", "kind", type=click.Choice(TYPES), default="dashboard", show_default=True, help="What reads it."
)
@click.option("--owner", required=True, help="Who is responsible for the consumer.")
@click.option("--email", required=True, help="E-mail address of the owner.")
@click.option("--url", help="URL of the consumer.")
@click.option("--description", default="", help="What the consumer does with the predictions.")
@click.option("--folder", default="models/exposures", show_default=True, help="Folder for the file.")
@write_options
@json_option
@project_option
def exposure_command(
    name: str, yes: bool, dry_run: bool, as_json: bool, project_dir: Path | None, **answers: Any
) -> None:
    """Write the exposure NAME: a consumer of predictions, at the end of the lineage.

    \b
    Example:
      scorehouse scaffold exposure retention_calls --table churn_mart --type application \\
          --owner "CRM team" --email crm@example.com
    """
    project = find_project(project_dir)
    check_name("name", name, f"scaffold exposure {name}")
    changes = pending(project, planned_exposure(project, name, **answers))
    if carry_out(project, changes, yes=yes, dry_run=dry_run, as_json=as_json, nothing=NOTHING):
        echo(f"next: dbt build --select +exposure:{name}")


def planned_exposure(
    project: Path,
    name: str,
    *,
    tables: tuple[str, ...],
    kind: str,
    owner: str,
    email: str,
    url: str | None,
    description: str,
    folder: str,
) -> list[Change]:
    """The file, unless it exists."""
    if not EMAIL.fullmatch(email):
        raise click.BadParameter(
            f"{email!r}: expected an address such as crm@example.com", param_hint="--email"
        )
    entry: dict[str, Any] = {
        "name": name,
        "label": name.replace("_", " ").capitalize(),
        "type": kind,
        "description": description or f"Reads {', '.join(f'`{table}`' for table in tables)}.",
        "owner": {"name": owner, "email": email},
        "depends_on": [f"ref('{table}')" for table in tables],
    }
    if url:
        entry["url"] = url
    change = Change(f"{folder}/_{name}.yml", _yaml("exposures", entry))
    return [] if (project / change.path).exists() else [change]


def _yaml(kind: str, entry: dict[str, Any]) -> str:
    return dump_yaml({"version": 2, kind: [entry]})
