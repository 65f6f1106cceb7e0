"""`scorehouse scaffold student`: what watches whether a student still says what its teacher says."""

from __future__ import annotations

import click

from scorehouse.cli.changes import Change, Writing, new_files, write_options
from scorehouse.cli.common import Choice, Number, echo, key_option, name_argument, option
from scorehouse.cli.known_columns import check_columns, check_tables, features_of
from scorehouse.cli.scaffold import (
    AUDIT,
    NOTHING,
    TABLE,
    TABLES,
    VIEW,
    call_of,
    check_target,
    column_descriptions,
    describe_output,
    key_of,
    model_entry,
    output_names,
    package_test,
    scored,
)
from scorehouse.errors import ConfigurationError
from scorehouse.project.dbt_text import dump_yaml, identifier
from scorehouse.registry.seeds import ModelSeeds, build_command
from scorehouse.registry.version import Version, resolve

SAMPLE = """\
-- A sample of `{features}`, always of the same keys, which student and teacher of `{name}` score: what is
-- new, has changed, or was scored by another version.
{scored}

select * from {{{{ ref('{features}') }}}}
where substr({{{{ dbt.hash({hashed}) }}}}, 1, 2) < '{below}'
"""
TEACHER = """\
-- What the teacher of `{name}` says about the sample, as the truth that its student is measured by.
{view}select {keys}, {column} as teacher_says
from {{{{ ref('{name}_student_sample') }}}}
where model_alias = 'teacher' and row_status = 'scored'
"""
WIDER = 1.5  # of the gap at registration, where the watch alerts
PARTS = 256  # of which the sample takes some


@click.command("student")
@name_argument
@click.option("--features", required=True, help="dbt model with the features, one row per key.")
@key_option
@option("--share", type=Number(0.004, 1), default=0.1, help="Share of the rows in the sample.")
@option(
    "--period",
    type=Choice(("day", "week", "month")),
    default="week",
    help="Window of the gap's watch.",
)
@option("--folder", default="models/ml/student", help="Folder for the files.")
@write_options
def scaffold_student_command(
    name: str,
    features: str,
    keys: tuple[str, ...],
    share: float,
    period: str,
    folder: str,
    writing: Writing,
) -> None:
    """Write a sample that teacher and student of NAME score, its test, and the watch of their gap.

    The sample has the test teacher_agrees. Its gap is measured per window, and a sequential monitor of that
    alerts if it grows.

    \b
    Example:
      scorehouse scaffold student churn --features customer_features --key customer_id
    """
    project, call = writing.project, f"scaffold student {name}"
    versions = ModelSeeds(project, name).registered(call)
    version = resolve(versions, alias="student", version=None, call=call)
    if "teacher" not in version.provenance:
        raise ConfigurationError(
            call,
            f"{version.label} has the alias student, and no teacher",
            expected="a version that `scorehouse distil` registered",
            action=f"run `scorehouse distil {name} --target TARGET`",
        )
    check_target(project, call, TABLES)
    check_tables(project, call, {"--features": features})
    check_columns(project, call, features, {"--key": keys}, features=features_of(project, version))
    taken_over = column_descriptions(project, features, keys, ())
    changes = _planned(version, features, keys, share, period, folder, taken_over)
    if writing.carry_out(project, new_files(changes), NOTHING):
        echo(f"next: {build_command(name, f'+{name}_student_sample+')}")


def _planned(
    version: Version,
    features: str,
    keys: tuple[str, ...],
    share: float,
    period: str,
    folder: str,
    taken_over: dict[str, str],
) -> list[Change]:
    """The sample, the teacher's view of it, the gap by window, its watch, and their YAML."""
    name, gap = version.name, version.provenance["teacher"]["gap"]
    outputs = output_names(version)
    columns = [each for each in outputs if each.startswith("score")] or ["prediction"]
    settings = {"key": key_of(keys), "alias": ["student", "teacher"], "rescore": "changed"}
    sampled = SAMPLE.format(
        name=name,
        features=features,
        scored=scored(name, settings),
        hashed=" ~ \" || '|' || \" ~ ".join(map(_text, keys)),
        below="g" if (parts := round(share * PARTS)) >= PARTS else f"{parts:02x}",
    )
    judged = {
        "key": key_of(keys),
        "label": "teacher_says",
        "task": "regression",
        "period": period,
        "maturity": {"share": 0.5},
        "options": {"prediction": columns[0], "include_training": True},
    }
    relations = {"predictions": f"ref('{name}_student_sample')", "labels": f"ref('{name}_teacher_says')"}
    most = 1.0 if version.task == "classification" else _rounded(10 * gap["p95"])
    watch = {"limits": {"mae": _rounded(WIDER * gap["mean"])}, "options": {"bounds": {"mae": [0, most]}}}
    keyed = ", ".join(map(identifier, keys))
    files = {
        "student_sample": sampled,
        "teacher_says": TEACHER.format(name=name, view=VIEW, keys=keyed, column=identifier(columns[0])),
        "student_gap": TABLE + call_of("performance", relations, judged),
        "student_watch": TABLE
        + call_of("sequential_monitor", {"source": f"ref('{name}_student_gap')"}, watch),
    }
    agrees = package_test("teacher_agrees", key=key_of(keys), gap=_rounded(gap["p95"]), columns=columns)
    described = {
        **taken_over,
        **{output: describe_output(output, version) for output in outputs},
        **AUDIT,
        "model_alias": "student or teacher.",
        "is_live": "Whether this is the student's row.",
    }
    entries = [
        model_entry(
            f"{name}_student_sample",
            f"A sample that student and teacher of `{name}` score. At registration, 95 % of rows were within "
            "the gap that the test allows for 90 %.",
            described,
            [agrees],
        ),
        model_entry(
            f"{name}_teacher_says",
            f"The teacher's `{columns[0]}` of each row of the sample.",
            {key: taken_over[key] for key in keys} | {"teacher_says": "What the teacher says."},
        ),
        model_entry(f"{name}_student_gap", f"Gap between student and teacher of `{name}`, as `mae`.", {}),
        model_entry(
            f"{name}_student_watch",
            f"Alerts if that gap grows beyond {WIDER} x its mean at registration.",
            {},
            ["scorehouse.no_sequential_alert"],
        ),
    ]
    changes = [Change(f"{folder}/{name}_{ending}.sql", text) for ending, text in files.items()]
    return [*changes, Change(f"{folder}/_{name}_student.yml", dump_yaml({"version": 2, "models": entries}))]


def _text(key: str) -> str:
    """A Jinja expression of the SQL of a key's text."""
    quoted = identifier(key)
    if quoted == key:
        return f'"cast({key} as varchar)"'
    return f'"cast(" ~ {quoted.removeprefix("{{ ").removesuffix(" }}")} ~ " as varchar)"'


def _rounded(number: float) -> float:
    return float(f"{number:.2g}")
