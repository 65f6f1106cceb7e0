"""`scorehouse rehearse`: the monitoring of an ML model, tried on the project's own past."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import click

from scorehouse.cli.changes import Change
from scorehouse.cli.common import (
    Number,
    WholeNumber,
    answer,
    count,
    find_version,
    json_option,
    name_argument,
    option,
    table,
    this_call,
    waiting,
)
from scorehouse.cli.target import Target, dbt_target_options
from scorehouse.dialect import DUCKDB
from scorehouse.errors import ConfigurationError
from scorehouse.registry.seeds import ModelSeeds, replace_file

if TYPE_CHECKING:
    from scorehouse.rehearsal.rehearse import Rehearsal

SOON = 3  # days
WIDTH = 80
SHOWN = 30  # unseen faults, and faults that were not planted, in the terminal


@click.command("rehearse")
@name_argument
@dbt_target_options
@option(
    "--alarms",
    "allowed",
    type=Number(0, 1, max_open=True),
    default=0.02,
    help="Share of windows in which a light may come on without a fault.",
)
@click.option(
    "--hold-out",
    "days",
    type=WholeNumber(1),
    metavar="DAYS",
    help="Also predict the alarms of the last DAYS from those before, and compare.",
)
@click.option("--write", is_flag=True, help="Write the proposed thresholds.")
@json_option
def rehearse_command(
    name: str, target: Target, allowed: float, days: int | None, write: bool, as_json: bool
) -> None:
    """Try the monitors of NAME on the past: which planted faults they find, how often they cry wolf.

    Faults are planted into copies of the features, one feature at a time, and judged by the project's own
    monitors; what none finds comes first. A light that comes on too often gets a larger threshold, as a
    diff. The database is only read; the seed ml_NAME__rehearsal keeps the findings, for the report.

    \b
    Example:
      scorehouse rehearse churn --target dev --hold-out 90
    """
    from scorehouse.registration.renew import write_measured
    from scorehouse.rehearsal.monitors import compile_monitors
    from scorehouse.rehearsal.rehearse import recorded, rehearse
    from scorehouse.retraining.dbt import Dbt, dbt_options

    call, project = f"{this_call()} {name}", target.project
    live = find_version(ModelSeeds(project, name), None, call)
    if target.adapter != "duckdb":
        raise ConfigurationError(
            call,
            f"the target {target.target!r} is of type {target.adapter!r}",
            expected="a DuckDB target, where monitors give the same verdicts",
            action="copy features, labels and predictions into a DuckDB file, build the monitors there by a "
            "target such as `dev`, and rehearse in it",
        )
    target.place()  # which exists
    dbt = Dbt(project, dbt_options(str(target.target), target.profile, target.profiles_dir), call)
    with waiting("compiling the monitors"):
        nodes = compile_monitors(dbt, name)
    with target.opened() as opened:  # relative paths in views are those of dbt, which runs in the project
        opened.connection.execute(f"set file_search_path = {DUCKDB.literal(str(project))}")
        result = rehearse(opened.monitoring, nodes, live, call, waiting, allowed=allowed, days=days)
    changes = [Change(one.file, text) for one in result.proposals if (text := one.text(project))]
    lines = list(_lines(result, project, changes, write=write))
    if write:
        for change in changes:
            replace_file(project / change.path, change.text.encode())
    rows = map(recorded, [*result.monitors, *result.lights])
    write_measured(name, "rehearsal", live, rows, project_dir=project)
    lines.append(f"written to ml_{name}__rehearsal; next: dbt seed --select ml_{name}__rehearsal")
    if write and changes:
        lines.append(f"with the thresholds before; build the monitors, and rehearse {name} again")
    answer(as_json, _document(result), lines)


def _document(result: Rehearsal) -> dict[str, Any]:
    """The result for --json: all faults, features and lights, without the values behind them."""
    document = asdict(result)
    for light in document["monitors"] + document["lights"]:
        del light["values"]
    for line, found in zip(document["faults"], result.faults, strict=True):
        line["seen"] = found.seen
    for line, compared in zip(document["hold_outs"], result.hold_outs, strict=True):
        line["inside"] = compared.inside
    return document


def _lines(result: Rehearsal, project: Path, changes: list[Change], *, write: bool) -> Iterator[str]:
    """Unseen faults, lights that came on, proposals; and the summary, which stays in sight."""
    unseen = [line for line in result.faults if not line.seen]
    if unseen:
        yield from table(
            ("unseen fault", "feature", "rows", "found in", "by"),
            [
                (line.fault, line.feature, f"{line.changed:.0%}", _of(*line.windows[line.best]), line.best)
                for line in unseen[:SHOWN]
            ],
        )
        yield f"and {len(unseen) - SHOWN} more; --json has all\n" if len(unseen) > SHOWN else ""
    if on := [light for light in result.lights if light.alarms and light.metric]:
        on.sort(key=lambda light: -light.low)
        yield from table(
            ("light that came on", "metric", "in", "95 %", "of"),
            [
                (
                    one.feature,
                    one.metric,
                    _of(one.alarms, one.windows),
                    f"{one.low:.0%} to {one.high:.0%}",
                    one.monitor,
                )
                for one in on
            ],
        )
        yield ""
    files = {change.path: change for change in changes}
    for one in result.proposals:
        if (change := files.get(one.file)) is None:
            yield f"{one.file}: add to its call of drift by hand: thresholds={one.thresholds}"
        else:
            yield from change.diff(project)
        yield from (f"would hide: {each}" for each in one.hides)
        yield "written" if write and change else ""
    for sentence in _summary(result):
        yield from wrap(sentence, WIDTH, subsequent_indent="  ")


def _summary(result: Rehearsal) -> Iterator[str]:
    for held in result.hold_outs:
        (was, before), (came, after) = held.before, held.after
        yield (
            f"{held.monitor}: {was} of {before} windows predict {held.low} to {held.high} alarms in the next "
            f"{after}; {came} came: {'inside' if held.inside else 'outside'}"
        )
    if result.not_planted:
        some = ", ".join(result.not_planted[:SHOWN])
        some += "; --json has all" if len(result.not_planted) > SHOWN else ""
        yield (
            "not planted (a key or a day, rows that are gone, a light that is on anyway, windows that are "
            f"compared with each other): {some}"
        )
    seen = [line for line in result.faults if line.seen]
    soon = sum(line.days is not None and line.days <= SOON for line in seen)
    yield f"{len(seen)} of {count(len(result.faults), 'fault')} are found, {soon} of them within {SOON} days"
    for one in result.monitors:
        yield f"{one.monitor}: {_of(one.alarms, one.windows)} windows had an alarm without a fault"


def _of(part: int, whole: int) -> str:
    return f"{part} of {whole}"
