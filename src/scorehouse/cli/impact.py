"""`scorehouse impact`: what a promotion changes, before it, and whether it came true, after it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from scorehouse.cli.common import (
    EXIT_DIFFERENT,
    FOLDER,
    answer,
    cell,
    count,
    format_option,
    heading,
    json_option,
    name_argument,
    option,
    table,
    this_call,
    waiting,
)
from scorehouse.cli.project_nodes import node_files
from scorehouse.cli.target import Opened, Target, target_options
from scorehouse.registry.seeds import ModelSeeds

if TYPE_CHECKING:
    from scorehouse.impact.changes import Change
    from scorehouse.impact.check import Checked
    from scorehouse.impact.move import Move
    from scorehouse.impact.predict import Impact
    from scorehouse.impact.value import Values

SHOWN = 10  # values of a segment, and lights
KEPT = "target/impact"


@dataclass(frozen=True)
class Section:
    """A table of the answer under its title, and what is said below it."""

    title: str
    columns: Sequence[str] = ()
    rows: Sequence[Sequence[Any]] = ()
    notes: Sequence[str] = ()


@click.command("impact")
@name_argument
@click.argument("version", type=int, required=False)
@option("--alias", default="champion", help="Alias that moves.")
@click.option(
    "--table", "node", help="Prediction table; default: the last scored one that the alias decides."
)
@click.option("--threshold", type=float, help="Score from which VERSION predicts the positive class.")
@click.option("--segment", "segments", multiple=True, metavar="COLUMN", help="Count by this column, too.")
@click.option("--values", metavar="FILE", help="CSV file or seed: what a change of outcome is worth.")
@click.option("--key", "key", multiple=True, help="Show one key: its value, or column=value for each column.")
@click.option("--check", "is_check", is_flag=True, help="Compare the run after the move with its prediction.")
@click.option("--folder", type=FOLDER, help=f"Where predictions are kept.  [default: {KEPT} in the project]")
@format_option(("text", "markdown"), "text", "Markdown is for the comment on a pull request.")
@target_options
@json_option
@click.pass_context
def impact_command(
    ctx: click.Context,
    name: str,
    version: int | None,
    alias: str,
    node: str | None,
    threshold: float | None,
    segments: tuple[str, ...],
    values: str | None,
    key: tuple[str, ...],
    is_check: bool,
    folder: Path | None,
    file_format: str,
    target: Target,
    as_json: bool,
) -> None:
    """Predict what moving an alias of NAME to VERSION changes: keys, limits, value, alarms, cost.

    Scores the features as they are now with both versions, and writes no table. VERSION is by default that
    of the alias in the project, as in a pull request that moves it. Every key is kept in a file, with which
    --check compares the run after the move: it exits with 3 if a key got another outcome.

    \b
    Examples:
      scorehouse impact churn 4 --target prod --segment country
      scorehouse impact churn --target prod --values worth.csv --format markdown
      scorehouse impact churn --check --target prod
    """
    from scorehouse.registration.module_paths import on_path

    on_path(target.project)
    if is_check and (version is not None or threshold is not None or segments or values or key):
        raise click.UsageError(
            "--check repeats a prediction: name only NAME, --alias, --table and the target"
        )
    seeds = ModelSeeds(target.project, name)
    folder = folder or seeds.project / KEPT
    with target.opened() as opened:
        if is_check:
            with waiting("comparing the run with its prediction"):
                document, sections = _checked(opened, seeds, alias, node, folder)
        else:
            with waiting("scoring with both versions"):
                move = _move(opened, seeds, version, alias, node, threshold)
                found = _predicted(opened, seeds, move, segments, values, key)
                file = _keep(opened, found, folder)
            gates = _gates(target, name)
            document = {**found.to_dict(), "gates": gates, "file": str(file)}
            sections = list(_impact(found, gates, file))
    answer(as_json, document, _markdown(sections) if file_format == "markdown" else _text(sections))
    if is_check and not document["came_true"]:
        ctx.exit(EXIT_DIFFERENT)


def _move(
    opened: Opened,
    seeds: ModelSeeds,
    number: int | None,
    alias: str,
    node: str | None,
    threshold: float | None,
) -> Move:
    from scorehouse.impact.move import find_move
    from scorehouse.registry.policy import load_policy

    call, policy = f"{this_call()} {seeds.name}", load_policy(seeds.project)
    return find_move(
        *(opened.connection, opened.run_log, seeds, policy, call),
        number=number,
        alias=alias,
        table=node,
        threshold=threshold,
    )


def _predicted(
    opened: Opened,
    seeds: ModelSeeds,
    move: Move,
    segments: Sequence[str],
    values: str | None,
    key: Sequence[str],
) -> Impact:
    from scorehouse.impact.predict import predict
    from scorehouse.registry.policy import load_policy
    from scorehouse.scoring.request import Request

    log = opened.run_log
    request = Request(
        run_id=str(move.run["run_id"]),
        invocation_id="",
        node="impact",
        relation=move.run["prediction_table"],
        run_log=log,
        project_root=seeds.project,
        load_policy=load_policy(seeds.project),
    )
    file = None
    if values is not None:
        file = Path(values) if Path(values).exists() else node_files(seeds.project).get(values, Path(values))
    call = f"{this_call()} {seeds.name}"
    return predict(opened.monitoring, log, move, request, call, segments=segments, values=file, key=key)


def _file(folder: Path, name: str, alias: str, node: str) -> Path:
    return folder / f"{name}.{alias}.{node}.parquet"


def _keep(opened: Opened, found: Impact, folder: Path) -> Path:
    from scorehouse.impact.predict import keep

    file = _file(folder, found.move.before.name, found.move.alias, found.move.table)
    keep(opened.connection, file, found.header)
    return file


def _gates(target: Target, name: str) -> dict[str, str]:
    """What the gates said in the last dbt command, by name."""
    results = target.dbt_results()
    found = results.of(name, freshness=False) if results else []
    return {one.name: f"{one.level}, {one.text}" for one in found if one.challenger}


def _checked(
    opened: Opened, seeds: ModelSeeds, alias: str, node: str | None, folder: Path
) -> tuple[dict[str, Any], list[Section]]:
    from scorehouse.impact.check import check
    from scorehouse.impact.move import moved, newest_runs_of, stored
    from scorehouse.impact.predict import rows_of_changes, total
    from scorehouse.impact.value import Values

    call, connection, log = f"{this_call()} {seeds.name}", opened.connection, opened.run_log
    newest, *_ = newest_runs_of(connection, log, seeds.name, node, alias, call)
    file = _file(folder, seeds.name, alias, str(newest["node"]).rpartition(".")[2])
    kept = stored(file, call, connection)
    found = check(connection, file, kept, moved(connection, log, seeds, kept, call))
    values = Values.from_dict(kept["values"]) if kept["values"] else None
    sides = {"predicted": found.predicted, "realised": found.realised}
    document = {
        **kept,
        **asdict(found),
        **{side: rows_of_changes(moves, values) for side, moves in sides.items()},
        **{f"value_{side}": total(moves, values) for side, moves in sides.items()},
        "came_true": found.came_true,
    }
    return document, list(_comparison(kept, found, document))


def _impact(found: Impact, gates: dict[str, str], file: Path) -> Iterator[Section]:
    from scorehouse.impact.changes import ALL
    from scorehouse.impact.predict import total

    move, values, rows = found.move, found.values, found.scan.rows
    was, now = (f"version {one.version}" for one in (move.before, move.after))
    if was == now:
        was, now = (f"threshold {one.threshold}" for one in (move.before, move.after))
    title = f"{move.before.name}: {move.alias} from {was} to {now}"
    notes = [f"{move.table}, {count(rows, 'key')} as the features are now"]
    if move.others:
        notes.append(f"{move.alias} also decides {', '.join(move.others)}: --table")
    yield Section(title, notes=notes)
    for outcome in dict.fromkeys(one.outcome for one in found.changes):
        own = [one for one in found.changes if one.outcome == outcome]
        yield _moves(outcome, [one for one in own if one.segment == ALL], rows, values)
        for segment in found.scan.segments:
            yield _by_segment(outcome, segment, [one for one in own if one.segment == segment], values)
    if values:
        yield Section("value", notes=[f"{_signed(total(found.changes, values))} in all, by {values.outcome}"])
    if found.limits:
        columns = ("limit", "groups", "binds before", "after", "keys cut before", "after")
        yield Section("limits", columns, [list(asdict(one).values()) for one in found.limits])
    if found.row is not None:
        yield Section("key", ("", "before", "after"), [[name, *pair] for name, pair in found.row.items()])
    yield _alarms(found, gates)
    cost = found.cost
    spent = "no run has told the seconds per row yet"
    if cost.seconds is not None:
        spent = f"about {cost.seconds:.2g} s, by {cost.of_rows:,} rows that version {cost.version} scored"
    runs = f" in {cost.runs} runs, by max_rows" if cost.runs > 1 else ""
    yield Section("cost", notes=[f"the next run scores {count(cost.rows, 'key')}{runs}: {spent}"])
    yield Section(
        "", notes=[f"every key: {file}", f"after the run: scorehouse impact {move.before.name} --check"]
    )


def _moves(outcome: str, changes: Sequence[Change], rows: int, values: Values | None) -> Section:
    moves = [one for one in changes if one.is_move]
    changed = sum(one.keys for one in moves)
    title = f"{outcome}: {count(changed, 'key')} of {rows:,} {'changes' if changed == 1 else 'change'}"
    worth = values is not None and any(values.of(one) is not None for one in moves)
    columns = ("before", "after", "keys", "share", *(["value"] if worth else []), "such as")
    return Section(
        title,
        columns if moves else (),
        [
            [
                *(one.before, one.after, one.keys, _share(one.keys, rows)),
                *([_signed(values.of(one))] if worth and values else []),
                one.example,
            ]
            for one in moves
        ],
    )


def _by_segment(outcome: str, segment: str, changes: Sequence[Change], values: Values | None) -> Section:
    """The values of a segment with the most changes, each with its most frequent one."""
    groups: dict[str, list[Change]] = {}
    for one in changes:
        groups.setdefault(one.segment_value, []).append(one)
    order = sorted(groups, key=lambda value: (-sum(one.changed for one in groups[value]), value))
    worth = values is not None and values.outcome == outcome
    rows = []
    for value in order[:SHOWN]:
        own, moves = groups[value], [one for one in groups[value] if one.is_move]
        keys, changed = sum(one.keys for one in own), sum(one.keys for one in moves)
        most = f"{moves[0].keys:,} {moves[0].before} -> {moves[0].after}" if moves else None
        total = [_signed(values.total(own))] if worth and values else []
        rows.append([value, keys, changed, _share(changed, keys), *total, most])
    columns = (segment, "keys", "changed", "share", *(["value"] if worth else []), "most often")
    more = len(groups) - SHOWN
    return Section(
        f"{outcome} by {segment}", columns, rows, [f"and {more:,} more: --json"] if more > 0 else []
    )


def _alarms(found: Impact, gates: dict[str, str]) -> Section:
    moving = [one for one in found.alarms if one.moves]
    rows = [[one.monitor, one.output, one.metric, one.before, one.after] for one in moving[:SHOWN]]
    notes = [f"{len(found.alarms) - len(moving)} of {count(len(found.alarms), 'light')} stay as they are"]
    if found.not_judged:
        notes.append(f"monitors not judged: {found.not_judged}")
    notes += [f"gate {name}: {said} in the last dbt command" for name, said in gates.items()]
    return Section("alarms", ("monitor", "output", "metric", "before", "after") if rows else (), rows, notes)


def _comparison(kept: dict[str, Any], found: Checked, document: dict[str, Any]) -> Iterator[Section]:
    from scorehouse.impact.changes import ALL

    sides = f"version {kept['before']['version']} to {kept['after']['version']}"
    notes = [
        f"predicted {kept['predicted_at']}; {kept['table']} was last scored by run {found.run_id[:8]}",
        f"same input: {'yes' if found.same_input else 'no, or other rows were scored'}",
        f"keys compared: {found.keys_compared:,} of {kept['keys']:,}",
        *(
            f"  not compared: {count(number, 'key')} {why}"
            for number, why in (
                (found.keys_moved, "with other features now"),
                (found.keys_gone, "not in the table any more"),
                (found.keys_new, "new since"),
                (found.keys_waiting, "still scored by another version"),
            )
            if number
        ),
        f"keys different: {found.keys_different:,}"
        + (f", such as {'; '.join(found.examples)}" if found.examples else ""),
    ]
    yield Section(f"{kept['name']}: {kept['alias']} from {sides}, predicted and realised", notes=notes)
    realised = {
        (one.outcome, one.before, one.after): one.keys
        for one in found.realised
        if one.segment == ALL and one.is_move
    }
    predicted = {
        (one.outcome, one.before, one.after): one.keys
        for one in found.predicted
        if one.segment == ALL and one.is_move
    }
    moves = dict.fromkeys([*predicted, *realised])
    rows = [[*one, predicted.get(one, 0), realised.get(one, 0)] for one in moves]
    yield Section("changes", ("outcome", "before", "after", "predicted", "realised"), rows)
    if document["value_predicted"] is not None:
        worth = (_signed(document[f"value_{side}"]) for side in ("predicted", "realised"))
        yield Section("value", ("predicted", "realised"), [list(worth)])
    yield Section("", notes=["came true" if found.came_true else "did not come true"])


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "-"


def _signed(value: float | None) -> str | None:
    return None if value is None else f"{value:+,.2f}"


def _text(sections: Sequence[Section]) -> Iterator[str]:
    for number, one in enumerate(sections):
        if number:
            yield ""
        if one.title:
            yield heading(one.title)
        if one.columns:
            yield from table(one.columns, one.rows)
        yield from one.notes


def _markdown(sections: Sequence[Section]) -> Iterator[str]:
    for number, one in enumerate(sections):
        if one.title:
            yield f"{'#### ' if number else '### '}{one.title}"
            yield ""
        if one.columns:
            yield f"| {' | '.join(one.columns)} |"
            yield f"|{' --- |' * len(one.columns)}"
            yield from (
                f"| {' | '.join(cell(value).replace('|', '&#124;') for value in row)} |" for row in one.rows
            )
            yield ""
        if one.notes:
            yield from (f"- {note.strip()}" for note in one.notes)
            yield ""
