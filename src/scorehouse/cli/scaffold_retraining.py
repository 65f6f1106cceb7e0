"""`scorehouse scaffold retraining`: everything that `scorehouse retrain` needs for a registered ML model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from scorehouse.cli.changes import Change, Writing, new_files, write_options
from scorehouse.cli.common import Choice, echo, heading, key_option, name_argument, option
from scorehouse.cli.known_columns import check_columns, check_tables, features_of
from scorehouse.cli.profile_file import default_target
from scorehouse.cli.project_files import with_settings
from scorehouse.cli.scaffold import (
    CONTESTS,
    NOTHING,
    TABLES,
    VIEW,
    call_of,
    check_target,
    key_of,
    scored,
    version_of,
)
from scorehouse.cli.scaffolded_contest import described, gate_of
from scorehouse.project.dbt_text import dump_yaml, identifier
from scorehouse.project.folder import project_variable
from scorehouse.registry.program_facts import undated
from scorehouse.registry.seeds import build_command
from scorehouse.registry.version import MULTILABEL, MULTIOUTPUT, SEVERAL, Version
from scorehouse.retraining.settings import VARIABLE, Settings, columns_of

FUNCTION = '''\
"""How `{name}` is trained again: `scorehouse retrain {name}` calls `train`, which is yours to edit."""

import scorehouse
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoosting{kind}
{more}from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder


def train(frame, seed, label, features):
    """A fitted estimator; `frame` has the rows that are not held out, oldest first."""
    strings = make_column_selector(dtype_include=["object", "string", "category"])
    times = make_column_selector(dtype_include=["datetime", "datetimetz"])
    columns = make_column_transformer(
        (OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), strings),
        (scorehouse.DaysSinceEpoch(), times),
        remainder="passthrough",
    )
    estimator = make_pipeline(columns, {estimator})
    return estimator.fit(frame[features], frame[label])
'''
AS_OF = "-- What `{name}` can learn from: each label, with the features as they were known at its `{time}`.\n"
JOINED = """\
-- What `{name}` can learn from: each label, with the features of its key as they are now. Where features
-- change after the event that the label is about, keep a history of them, and name its time by --event-time.
with features as (

    select * from {{{{ ref('{features}') }}}}

),

labels as (

    select * from {{{{ ref('{labels}') }}}}

),

final as (

    select
{columns}
    from features
    inner join labels
        on {joined}

)

select * from final
"""
SHADOW = """\
-- Champion and challenger, or the champion alone, on labelled rows that neither was trained on. If one was
-- trained on all rows, they are kept, and count in its favour.
{scored}

with candidates as (

    select * from {{{{ ref('{name}_training_set') }}}}

),

trained as (

    select trained_to
    from {{{{ ref('ml_{name}') }}}}
    where (aliases like '%champion%' or aliases like '%challenger%')
        and trained_to < (
            select cast(cast(max({time}) as date) as {{{{ dbt.type_string() }}}}) from candidates
        )

)

select * from candidates
where not exists (
    select 1 from trained
    where trained.trained_to >= cast(cast(candidates.{time} as date) as {{{{ dbt.type_string() }}}})
)
"""


@click.command("retraining")
@name_argument
@click.option("--features", required=True, help="dbt model with the features.")
@key_option
@click.option("--labels", required=True, help="dbt model with the labels.")
@click.option(
    "--label",
    "label_columns",
    required=True,
    multiple=True,
    help="Column of the labels; of several outputs, OUTPUT=COLUMN for each.",
)
@click.option("--time", required=True, help="Date column by which the newest rows are held out.")
@option(
    "--time-in",
    type=Choice(("features", "labels")),
    default="features",
    help="Which of the two models has the column --time; the labels, with --event-time.",
)
@click.option(
    "--event-time",
    help="Where the features are a history: column that says when a row happened. Each label then gets the "
    "features as they were at its --time.",
)
@option("--folder", default="models/ml/retraining", help="Folder for the dbt models.")
@write_options
def scaffold_retraining_command(name: str, writing: Writing, **answers: Any) -> None:
    """Write what retraining NAME needs: training function, training set, shadow, gate and variable.

    Then `scorehouse retrain NAME` trains a challenger, scores it beside the champion, and judges it.

    \b
    Example:
      scorehouse scaffold retraining churn --features customer_features --key customer_id \\
          --labels churn_labels --label churned --time snapshot_date
    """
    project, call = writing.project, f"scaffold retraining {name}"
    version = version_of(project, name, call)
    check_target(project, call, TABLES, CONTESTS)
    planned = planned_retraining(project, version, call, **answers)
    _check_named(project, call, version, **answers)
    is_written = writing.carry_out(project, planned, NOTHING)
    if said := undated(version):
        echo(f"note: {said}", err=True)
    if is_written:
        echo(heading("next"))
        echo(f"  {build_command(name, f'+{name}_shadow+')}")
        echo(f"  scorehouse retrain {name} --target {default_target(project)[0] or '<target>'} --force")


def _check_named(project: Path, call: str, version: Version, **given: Any) -> None:
    """The columns that are named are there, as far as that is known."""
    of_features, of_labels = {"--key": given["keys"]}, {"--key": given["keys"]}
    label = _label(version, given["label_columns"])
    of_labels["--label"] = tuple(label.values()) if isinstance(label, dict) else given["label_columns"]
    if given["event_time"]:
        of_features["--event-time"] = (given["event_time"],)
    at_labels = given["event_time"] or given["time_in"] == "labels"
    (of_labels if at_labels else of_features)["--time"] = (given["time"],)
    check_tables(project, call, {"--features": given["features"], "--labels": given["labels"]})
    check_columns(project, call, given["features"], of_features, features=features_of(project, version))
    check_columns(project, call, given["labels"], of_labels)


def planned_retraining(
    project: Path,
    version: Version,
    call: str,
    *,
    features: str,
    keys: tuple[str, ...],
    labels: str,
    label_columns: tuple[str, ...],
    time: str,
    time_in: str,
    event_time: str | None,
    folder: str,
) -> list[Change]:
    """The new files, and dbt_project.yml if its variable does not have this ML model."""
    gate = gate_of(version)
    name, label = version.name, _label(version, label_columns)
    function = f"ml.retrain_{name}:train"
    settings = Settings(training=f"{name}_training_set", function=function, label=label, time=time)
    label_names = columns_of(settings, version, call)  # also checks them
    names = features_of(project, version)
    row_key = tuple(dict.fromkeys([*keys, time])) if event_time else keys
    spine, history = f"ref('{labels}')", f"ref('{features}')"
    leak = {"key": key_of(keys), "at": time, "event_time": event_time, "columns": names}
    if event_time:
        training = AS_OF.format(name=name, time=time)
        training += call_of("features_as_of", {"spine": spine, "features": history}, leak)
    else:
        training = JOINED.format(
            name=name,
            features=features,
            labels=labels,
            columns=_columns(keys, time, time_in, names, label_names),
            joined=" and ".join(f"features.{identifier(key)} = labels.{identifier(key)}" for key in keys),
        )
    head = scored(name, {"key": key_of(row_key), "alias": ["champion", "challenger"]})
    compared = {"key": key_of(row_key), "label": label, **gate}
    contest = {name: compared[name] for name in ("key", "label", "metric", "settings") if name in compared}
    properties = described(
        version,
        keys=row_key,
        time=time,
        features=names,
        labels=label_names,
        tested={"labels": spine, "registry": f"ref('ml_{name}')", **compared},
        leak=leak | {"features": history} if event_time else None,
    )
    shadow, relations = f"{name}_shadow", {"predictions": f"ref('{name}_shadow')", "labels": spine}
    changes = new_files(
        [
            Change(f"ml/retrain_{name}.py", _function(version)),
            Change(f"{folder}/{name}_training_set.sql", training),
            Change(f"{folder}/{shadow}.sql", SHADOW.format(name=name, scored=head, time=identifier(time))),
            Change(f"{folder}/{name}_contest.sql", VIEW + call_of("compare_metric", relations, contest)),
            Change(f"{folder}/_{name}_retraining.yml", dump_yaml({"version": 2, "models": properties})),
        ],
    )
    known = project_variable(project, VARIABLE)
    if not (isinstance(known, dict) and name in known):
        text = (project / "dbt_project.yml").read_text(encoding="utf-8")
        entry = {
            "training": settings.training,
            "function": function,
            "label": label,
            "time": time,
            "shadow": [shadow, f"{name}_contest"],
            "gate": f"{name}_challenger_not_worse",
        }
        changes.append(Change("dbt_project.yml", with_settings(text, name, entry, call)))
    return changes


def _label(version: Version, given: tuple[str, ...]) -> Any:
    """The setting `label`: a column, or for several outputs the column of each."""
    if version.task not in SEVERAL:
        return given[0] if len(given) == 1 else given
    pairs = [pair.partition("=") for pair in given]
    return {output: column or output for output, _, column in pairs}


def _columns(
    keys: tuple[str, ...], time: str, time_in: str, features: list[str], labels: tuple[str, ...]
) -> str:
    """The columns of the training set, each once: key, time, features and labels."""
    found = {key: "labels" for key in keys} | {time: time_in if time not in keys else "labels"}
    found |= {feature: "features" for feature in features if feature not in found}
    found |= {label: "labels" for label in labels}
    return ",\n".join(f"        {table}.{identifier(name)}" for name, table in found.items())


def _function(version: Version) -> str:
    classifies = version.task in ("classification", MULTILABEL)
    kind = "Classifier" if classifies else "Regressor"
    estimator, more = f"HistGradientBoosting{kind}(random_state=seed)", ""
    if version.task in (MULTIOUTPUT, MULTILABEL):
        wrapper = f"MultiOutput{kind}"
        estimator, more = f"{wrapper}({estimator})", f"from sklearn.multioutput import {wrapper}\n"
    return FUNCTION.format(name=version.name, kind=kind, more=more, estimator=estimator)
