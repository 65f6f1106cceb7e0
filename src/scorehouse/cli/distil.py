"""`scorehouse distil`: let a slow version teach a student that has a program, and say if that is worth it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from scorehouse.cli.common import (
    Choice,
    WholeNumber,
    answer,
    find_version,
    heading,
    json_option,
    name_argument,
    option,
    table,
)
from scorehouse.cli.retrain import house_of
from scorehouse.cli.target import Target, dbt_target_options
from scorehouse.registry.seeds import ModelSeeds

NOT_WORTH_IT = 10
INTO = ("boosting", "linear", "tree")
NAMES = {"teacher": "teacher", "student": "student", "labels": "student without teacher"}
SHOWN = ("roc_auc", "log_loss", "accuracy", "rmse", "mae")


@click.command("distil")
@name_argument
@dbt_target_options
@option("--into", type=Choice(INTO), default="boosting", help="Kind of the student.")
@click.option("--version", help="Version that teaches; default: the champion.")
@click.option("--training", help="dbt model to learn from; default: that of the variable scorehouse_retrain.")
@click.option("--label", help="Its column of labels, with --training.")
@click.option("--time", help="Its column by which the newest rows are held out, with --training.")
@option(
    "--teacher-rows",
    type=WholeNumber(0),
    default=0,
    help="Rows that a clone of the teacher learns from at most; 0: all.",
)
@click.option("--force", is_flag=True, help="Register the student even if it is not worth it.")
@json_option
@click.pass_context
def distil_command(
    ctx: click.Context,
    name: str,
    target: Target,
    into: str,
    version: str | None,
    training: str | None,
    label: str | None,
    time: str | None,
    teacher_rows: int,
    force: bool,
    as_json: bool,
) -> None:
    """Let a slow version of NAME teach a student that has a program, and register it if that is worth it.

    Clones of the teacher score the rows of the training query that they have not seen, and rows mixed from
    these. The student learns from both, in the size whose held-out loss is lowest. Its intervals are
    calibrated on true labels. It is not worth it if it is not certain to be better than the same student on
    true labels, or does not score five times as many rows per second. The versions get the aliases teacher
    and student.

    Exit codes: 0 registered, 1 failed, 2 wrong usage, 10 not worth it: nothing is registered.

    \b
    Examples:
      scorehouse distil churn --target dev
      scorehouse distil churn --target dev --into tree --teacher-rows 2000 --json
      scorehouse distil churn --target dev --training churn_rows --label churned --time day
    """
    from scorehouse.retraining.run import Asked, distil
    from scorehouse.retraining.settings import Settings

    given = [training, label, time]
    if any(given) and not all(given):
        raise click.UsageError("--training, --label and --time go together")
    settings = Settings(training, "", label, time) if training and label and time else None
    house = house_of(name, target, None, as_json=as_json, settings=settings)
    teacher = find_version(house.seeds, version, house.call)
    house.report(f"teacher: {teacher.label}, {', '.join(teacher.aliases) or 'without an alias'}")
    found = distil(house, teacher, Asked(into, teacher_rows, force))
    code = 0 if found["version"] else NOT_WORTH_IT
    answer(as_json, {"name": name, **found, "exit_code": code}, _lines(name, found, house.seeds))
    ctx.exit(code)


def _lines(name: str, found: Mapping[str, Any], seeds: ModelSeeds) -> list[str]:
    metrics = found["metrics"]
    columns = [metric for metric in SHOWN if metric in metrics["teacher"]][:2]
    speed = found["rows_per_second"]
    rows = [
        [NAMES[who], *(values.get(column) for column in columns), speed.get(who)]
        for who, values in sorted(metrics.items(), key=lambda item: list(NAMES).index(item[0]))
    ]
    loss = "log loss" if "log_loss" in columns else "squared error"
    size = ", ".join(f"{key} {value}" for key, value in found["size"].items())
    shown = [
        "",
        *table(["", *columns, "rows per second"], rows),
        "",
        f"size of the student: {size}",
        f"less {loss} than without teacher: {found['gain']:.3g} ({found['gain_low']:.3g} to "
        f"{found['gain_high']:.3g})",
        f"gap to the teacher: mean {found['gap']['mean']:.3g}, for 95 % of rows at most "
        f"{found['gap']['p95']:.3g}",
        f"speed: {speed['student'] / speed['teacher']:,.0f} x the teacher's rows per second "
        f"({found['backends']['student']}, {found['backends']['teacher']})",
        "",
    ]
    if found["why_not"]:
        shown.append(f"not worth it: {found['why_not']}")
    if not found["version"]:
        return [*shown, "nothing was registered; --force registers the student all the same"]
    aliases = seeds.versions()[-1].aliases
    return [
        *shown,
        f"registered {name} version {found['version']}"
        + (
            ", student of version {teacher}".format(**found)
            if aliases
            else ", not signed: it has no alias yet"
        ),
        heading("next"),
        f"  dbt seed --full-refresh --select tag:ml_{name}",  # provenance may be a new column
        f"  scorehouse scaffold student {name} --features FEATURES --key KEY",
        f"  scorehouse promote {name} {found['version']}",
    ]
