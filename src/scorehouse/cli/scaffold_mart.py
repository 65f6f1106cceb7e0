"""`scorehouse scaffold mart` and `exposure`: what follows a prediction table, for its readers."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import click

from scorehouse.cli.changes import Change, Writing, new_files, write_options
from scorehouse.cli.common import Choice, echo, key_option, name_argument, option
from scorehouse.cli.known_columns import PASS, check_columns, check_tables
from scorehouse.cli.scaffold import (
    NOTHING,
    column_descriptions,
    describe_output,
    output_names,
    package_test,
    version_of,
)
from scorehouse.dialect import double
from scorehouse.project.dbt_text import dump_yaml, identifier, prose, with_columns
from scorehouse.registration.lock import check_name
from scorehouse.registry.seeds import build_command
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
@name_argument
@key_option
@click.option("--table", help="The prediction table; default: NAME_predictions.")
@click.option("--keep", "kept", multiple=True, help="Passthrough column to keep; may be repeated.")
@option(
    "--bands",
    type=(float, float),
    default=(0.4, 0.7),
    help="Scores from which the band is medium and high, for two classes.",
)
@option("--folder", default="models/marts", help="Folder for the files.")
@write_options
def scaffold_mart_command(name: str, writing: Writing, **answers: Any) -> None:
    """Write a mart of the predictions of NAME, with its columns and tests.

    \b
    Example:
      scorehouse scaffold mart churn --key customer_id --bands 0.4 0.7
    """
    project = writing.project
    call = f"scaffold mart {name}"
    version = version_of(project, name, call)
    planned = planned_mart(project, version, **answers)
    named = {"--key": answers["keys"], "--keep": answers["kept"]}
    check_tables(project, call, {"--table": answers["table"]})
    check_columns(project, call, answers["table"] or f"{name}_predictions", named, PASS)
    if writing.carry_out(project, planned, NOTHING):
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
    """The files, which are written where there are none."""
    low, high = bands
    if not -math.inf < low < high < math.inf:
        raise click.UsageError(
            f"--bands {low} {high}: `high` must begin above `medium`, the first of two finite numbers"
        )
    table = table or f"{version.name}_predictions"
    outputs = output_names(version)
    texts = column_descriptions(project, table, keys, kept) | {
        name: describe_output(name, version) for name in outputs
    }
    described: dict[str, Any] = {name: {"description": text} for name, text in texts.items()}
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
    purpose = prose(version.description) or f"Predictions of `{version.name}`"
    entry = {
        "name": f"{version.name}_mart",
        "description": f"{purpose}, for marts and exports.",
        "data_tests": [package_test("one_prediction_per_row", features=f"ref('{table}')", key=list(keys))],
    }
    entry = with_columns(entry, ({"name": name, **facts} for name, facts in described.items()))
    text = ",\n".join(f"        {column}" for column in columns)
    changes = [
        Change(f"{folder}/{entry['name']}.sql", MART.format(name=version.name, table=table, columns=text)),
        Change(f"{folder}/_{entry['name']}.yml", dump_yaml({"version": 2, "models": [entry]})),
    ]
    return new_files(changes)


@click.command("exposure")
@click.argument("name")
@click.option(
    "--table", "tables", required=True, multiple=True, help="Model that the consumer reads; may be repeated."
)
@option("--type", "kind", type=Choice(TYPES), default="dashboard", help="What reads it.")
@click.option("--owner", required=True, help="Who is responsible for the consumer.")
@click.option("--email", required=True, help="E-mail address of the owner.")
@click.option("--url", help="URL of the consumer.")
@click.option("--description", default="", help="What the consumer does with the predictions.")
@option("--folder", default="models/exposures", help="Folder for the file.")
@write_options
def scaffold_exposure_command(
    name: str,
    tables: tuple[str, ...],
    kind: str,
    owner: str,
    email: str,
    url: str | None,
    description: str,
    folder: str,
    writing: Writing,
) -> None:
    """Write the exposure NAME: a consumer of predictions, at the end of the lineage.

    \b
    Example:
      scorehouse scaffold exposure retention_calls --table churn_mart --type application \\
          --owner "CRM team" --email crm@example.com
    """
    project = writing.project
    check_name("name", name, f"scaffold exposure {name}")
    for table in tables:
        check_tables(project, f"scaffold exposure {name}", {"--table": table})
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
    change = Change(f"{folder}/_{name}.yml", dump_yaml({"version": 2, "exposures": [entry]}))
    if writing.carry_out(project, new_files([change]), NOTHING):
        echo(f"next: dbt build --select +exposure:{name}")
