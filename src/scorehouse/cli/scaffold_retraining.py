"""`scorehouse scaffold retraining`: everything that `scorehouse retrain` needs for a registered ML model."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click
import yaml

from scorehouse.cli.changes import Change, carry_out, pending
from scorehouse.cli.common import echo, find_version, heading, json_option, project_option, write_options
from scorehouse.cli.monitors import call_of
from scorehouse.cli.names import complete_name
from scorehouse.cli.profile_file import default_target_name
from scorehouse.cli.scaffold import NOTHING, key_of
from scorehouse.cli.scaffolded_contest import described, gate_of
from scorehouse.errors import ConfigurationError
from scorehouse.project.dbt_names import identifier, jinja
from scorehouse.project.dbt_text import dump_yaml
from scorehouse.project.folder import find_project
from scorehouse.project.variables import project_variable
from scorehouse.registration.lock import check_name
from scorehouse.registry.seeds import ModelSeeds
from scorehouse.registry.version import MULTILABEL, MULTIOUTPUT, SEVERAL, Version
from scorehouse.retraining.labels import columns_of
from scorehouse.retraining.settings import VARIABLE, Settings

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
{{{{ scorehouse.scored({arguments}) }}}}

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
@click.argument("name", shell_complete=complete_name)
@click.option("--features", required=True, help="dbt model with the features.")
@click.option("--key", "keys", required=True, multiple=True, help="Key column; may be repeated.")
@click.option("--labels", required=True, help="dbt model with the labels.")
@click.option(
    "--label",
    "label_columns",
    required=True,
    multiple=True,
    help="Column of the labels; of several outputs, OUTPUT=COLUMN for each.",
)
@click.option("--time", required=True, help="Date column by which the newest rows are held out.")
@click.option(
    "--time-in",
    type=click.Choice(("features", "labels")),
    default="features",
    show_default=True,
    help="Which of the two models has the column --time; the labels, with --event-time.",
)
@click.option(
    "--event-time",
    help="Where the features are a history: column that says when a row happened. Each label then gets the "
    "features as they were at its --time.",
)
@click.option(
    "--folder", default="models/ml/retraining", show_default=True, help="Folder for the dbt models."
)
@write_options
@json_option
@project_option
def retraining_command(
    name: str, yes: bool, dry_run: bool, as_json: bool, project_dir: Path | None, **answers: Any
) -> None:
    """Write what retraining NAME needs: training function, training set, shadow, gate and variable.

    Then `scorehouse retrain NAME` trains a challenger, scores it beside the champion, and judges it.

    \b
    Example:
      scorehouse scaffold retraining churn --features customer_features --key customer_id \\
          --labels churn_labels --label churned --time snapshot_date
    """
    project, call = find_project(project_dir), f"scaffold retraining {name}"
    check_name("name", name, call)
    version = find_version(ModelSeeds(project, name), None, call)
    changes = pending(project, planned_retraining(project, version, call, **answers))
    if carry_out(project, changes, yes=yes, dry_run=dry_run, as_json=as_json, nothing=NOTHING):
        echo(heading("next"))
        echo(f"  dbt build --select +{name}_shadow+")
        echo(f"  scorehouse retrain {name} --target {default_target_name(project) or '<target>'} --force")


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
    """The files that do not exist yet, and dbt_project.yml if its variable does not have this ML model."""
    gate = gate_of(version)
    name, given = version.name, _label(version, label_columns)
    function = f"ml.retrain_{name}:train"
    settings = Settings(training=f"{name}_training_set", function=function, label=given, time=time)
    columns = columns_of(settings, version, call)  # also checks them
    names = [str(row["feature"]) for row in ModelSeeds(project, name).features(version.version)]
    row_key = tuple(dict.fromkeys([*keys, time])) if event_time else keys
    if event_time:
        facts = {"key": key_of(keys), "at": time, "event_time": event_time, "columns": names}
        relations = {"spine": f"ref('{labels}')", "features": f"ref('{features}')"}
        training = AS_OF.format(name=name, time=time) + call_of("features_as_of", relations, facts)
    else:
        training = JOINED.format(
            name=name,
            features=features,
            labels=labels,
            columns=_columns(keys, time, time_in, names, columns),
            joined=" and ".join(f"features.{identifier(key)} = labels.{identifier(key)}" for key in keys),
        )
    scored = {"key": key_of(row_key), "alias": ["champion", "challenger"]}
    arguments = ", ".join(
        [jinja(name), *(f"{argument}={jinja(value)}" for argument, value in scored.items())]
    )
    compared = {"key": key_of(row_key), "label": given, "metric": gate["metric"]}
    compared |= {"settings": gate["settings"]} if "settings" in gate else {}
    relations = {"predictions": f"ref('{name}_shadow')", "labels": f"ref('{labels}')"}
    tested = {"labels": f"ref('{labels}')", "registry": f"ref('ml_{name}')", **compared, **gate}
    leak = {"key": key_of(keys), "at": time, "features": f"ref('{features}')", "event_time": event_time}
    leak |= {"columns": names}
    properties = described(
        version,
        keys=row_key,
        time=time,
        features=names,
        labels=columns,
        tested=tested,
        leak=leak if event_time else None,
    )
    changes = [
        Change(f"ml/retrain_{name}.py", _function(version)),
        Change(f"{folder}/{name}_training_set.sql", training),
        Change(
            f"{folder}/{name}_shadow.sql",
            SHADOW.format(name=name, arguments=arguments, time=identifier(time)),
        ),
        Change(f"{folder}/{name}_contest.sql", call_of("compare_metric", relations, compared)),
        Change(f"{folder}/_{name}_retraining.yml", dump_yaml({"version": 2, "models": properties})),
    ]
    changes = [change for change in changes if not (project / change.path).exists()]
    known = project_variable(project, VARIABLE)
    if not (isinstance(known, dict) and name in known):
        text = (project / "dbt_project.yml").read_text(encoding="utf-8")
        entry = {
            "training": settings.training,
            "function": function,
            "label": given,
            "time": time,
            "shadow": [f"{name}_shadow", f"{name}_contest"],
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


def with_settings(text: str, name: str, settings: dict[str, Any], call: str) -> str:
    """dbt_project.yml with the settings of one ML model; only lines are added."""
    document = yaml.safe_load(text) or {}
    variables = document.get("vars") or {}
    scoped = variables.get("scorehouse") or {}
    block = yaml.safe_dump({name: settings}, sort_keys=False, default_flow_style=None, allow_unicode=True)
    # an empty section may be written `vars: {}`
    text = re.sub(r"^(\s*(?:vars|scorehouse_retrain):)[ \t]*\{[ \t]*\}", r"\1", text, flags=re.MULTILINE)
    text = text if text.endswith("\n") else text + "\n"
    if VARIABLE in variables or VARIABLE in scoped:
        changed = _below(text, VARIABLE, block, call)
    elif "vars" in document:
        changed = _below(text, "vars", f"{VARIABLE}:\n{_indented(block, '  ')}", call)
    else:
        changed = f"{text}\nvars:\n  {VARIABLE}:\n{_indented(block, '    ')}"
    return changed


def _below(text: str, section: str, block: str, call: str) -> str:
    """The text with a block as the first entry of a section, indented like its neighbours."""
    lines = text.splitlines(keepends=True)
    for number, line in enumerate(lines):
        found = re.match(rf"( *){section}:[ \t]*(#.*)?$", line.rstrip("\n"))
        if found:
            following = (
                each for each in lines[number + 1 :] if each.strip() and not each.lstrip().startswith("#")
            )
            neighbour = next(following, "")
            indent = neighbour[: len(neighbour) - len(neighbour.lstrip())]
            if len(indent) <= len(found[1]):
                indent = found[1] + "  "
            return "".join([*lines[: number + 1], _indented(block, indent), *lines[number + 1 :]])
    raise ConfigurationError(
        call,
        f"{section!r} in dbt_project.yml is not written as a block",
        expected=f"a line `{section}:` of its own, with the entries below it",
        action=f"write {section!r} as a block, then call the command again",
    )


def _indented(text: str, indent: str) -> str:
    return "".join(f"{indent}{line}\n" for line in text.splitlines())
