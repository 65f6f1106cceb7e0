"""`scorehouse impact`: what a promotion changes, before it, and whether it came true, after it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from scorehouse.cli.common import (
    EXIT_DIFFERENT,
    FOLDER,
    answer,
    format_option,
    json_option,
    name_argument,
    option,
    this_call,
    waiting,
)
from scorehouse.cli.impact_sections import (
    Section,
    check_sections,
    first_sections,
    impact_sections,
    markdown,
    stays_sections,
    text,
)
from scorehouse.cli.project_nodes import node_files
from scorehouse.cli.target import Opened, Target, target_options
from scorehouse.errors import ConfigurationError
from scorehouse.registry.seeds import ModelSeeds

if TYPE_CHECKING:
    from scorehouse.impact.move import Move
    from scorehouse.impact.predict import Impact

KEPT = "target/impact"


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
@format_option(("text", "markdown"), "text", "Markdown, for the comment on a pull request, has no keys.")
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
    import duckdb

    from scorehouse.registration.module_paths import on_path

    on_path(target.project)
    if is_check and (version is not None or threshold is not None or segments or values or key):
        raise click.UsageError(
            "--check repeats a prediction: name only NAME, --alias, --table and the target"
        )
    seeds = ModelSeeds(target.project, name)
    options = {"target": target.target, "database": target.database, "folder": folder}
    folder = folder or seeds.project / KEPT
    has_keys = file_format != "markdown"  # `forget` does not reach a comment
    try:
        with target.opened(anywhere=True) as opened:
            if is_check:
                with waiting("comparing the run with its prediction"):
                    document, sections = _checked(opened, seeds, alias, node, folder, has_keys)
            else:
                with waiting("scoring with both versions"):
                    moved = {"number": version, "alias": alias, "table": node, "threshold": threshold}
                    move = _move(opened, seeds, **moved)
                    found = None
                    if move is not None and not move.is_none:
                        found, file = _predicted(opened, seeds, move, folder, segments, values, key)
                gates = _gates(target, name)
                if found is None:
                    shows = {"--segment": segments, "--values": values, "--key": key}
                    unused = [option for option, given in shows.items() if given]
                    document, sections = _unmoved(seeds, alias, move, options, unused)
                else:
                    document = {**found.to_dict(), "file": str(file)}
                    shown = found
                    if not has_keys:
                        unnamed = [replace(one, example=None) for one in found.changes]
                        shown = replace(found, changes=unnamed)
                    sections = list(impact_sections(shown, gates, file, options))
                document |= {"stays": found is None, "gates": gates}
    except (duckdb.Error, OSError) as error:
        raise ConfigurationError(
            f"{this_call()} {name}",
            f"tables or files cannot be read or written ({str(error).splitlines()[0]})",
            expected="the features and predictions as dbt made them, and a prediction that can be kept",
            action="build the tables again, correct --folder, or predict again",
        ) from error
    answer(as_json, document, markdown(sections) if file_format == "markdown" else text(sections))
    if is_check and not document["came_true"]:
        ctx.exit(EXIT_DIFFERENT)


def _move(opened: Opened, seeds: ModelSeeds, **moved: Any) -> Move | None:
    """The move that is asked for; None without a request for one where nothing was scored yet."""
    from scorehouse.impact.move import find_move, is_scored
    from scorehouse.registry.policy import load_policy

    call, policy = f"{this_call()} {seeds.name}", load_policy(seeds.project)
    asks = any(moved[name] is not None for name in ("number", "table", "threshold"))
    if not asks and not (opened.has_run_log and is_scored(opened.connection, opened.run_log, seeds.name)):
        return None
    opened.fetch(seeds.name, moved["table"])
    return find_move(opened.connection, opened.run_log, seeds, policy, call, **moved)


def _unmoved(
    seeds: ModelSeeds, alias: str, move: Move | None, options: dict[str, Any], unused: Sequence[str]
) -> tuple[dict[str, Any], list[Section]]:
    """What is said where the alias stays, or where nothing was scored yet."""
    from scorehouse.impact.move import first
    from scorehouse.impact.predict import nothing_moves

    header = move.header if move else first(seeds, alias, f"{this_call()} {seeds.name}")
    sections = stays_sections(move, options, unused) if move else first_sections(header, unused)
    return {**nothing_moves(header), "file": None}, list(sections)


def _predicted(
    opened: Opened,
    seeds: ModelSeeds,
    move: Move,
    folder: Path,
    segments: Sequence[str],
    values: str | None,
    key: Sequence[str],
) -> tuple[Impact, Path]:
    """What the move changes, and the file in which every key is kept."""
    from scorehouse.impact.predict import keep, predict
    from scorehouse.registry.policy import load_policy
    from scorehouse.scoring.request import Request

    call, log, policy = f"{this_call()} {seeds.name}", opened.run_log, load_policy(seeds.project)
    request = Request(
        run_id=str(move.run["run_id"]),
        invocation_id="",
        node="impact",
        relation=move.run["prediction_table"],
        run_log=log,
        project_root=seeds.project,
        load_policy=policy,
    )
    worth = None
    if values is not None:
        worth = Path(values) if Path(values).exists() else node_files(seeds.project).get(values, Path(values))
    found = predict(opened.monitoring, log, move, request, call, segments=segments, values=worth, key=key)
    file = _file(folder, seeds.name, move.alias, move.table)
    keep(opened.connection, file, found.header)
    return found, file


def _file(folder: Path, name: str, alias: str, node: str) -> Path:
    return folder / f"{name}.{alias}.{node}.parquet"


def _gates(target: Target, name: str) -> dict[str, str]:
    """What the gates said in the last dbt command, by name."""
    results = target.dbt_results()
    found = results.of(name, freshness=False) if results else []
    return {one.name: f"{one.level}, {one.text}" for one in found if one.challenger}


def _checked(
    opened: Opened, seeds: ModelSeeds, alias: str, node: str | None, folder: Path, has_keys: bool
) -> tuple[dict[str, Any], list[Section]]:
    from scorehouse.impact.alarms import realised
    from scorehouse.impact.changes import check
    from scorehouse.impact.move import moved, newest_runs_of, stored
    from scorehouse.impact.predict import Values, rows_of_changes, total

    call, connection, log = f"{this_call()} {seeds.name}", opened.connection, opened.run_log
    opened.fetch(seeds.name, node)
    newest, *_ = newest_runs_of(connection, log, seeds.name, node, alias, call)
    file = _file(folder, seeds.name, alias, str(newest["node"]).rpartition(".")[2])
    kept = stored(file, call, connection)
    found = check(connection, file, kept, moved(connection, log, seeds, kept, call), call)
    values = Values.from_dict(kept["values"]) if kept["values"] else None
    gaps = values.gaps(found.realised) if values else []
    sides = {"predicted": found.predicted, "realised": found.realised}
    document = {
        **kept,
        **asdict(found),
        **{side: rows_of_changes(moves, values) for side, moves in sides.items()},
        **{f"value_{side}": total(moves, values) for side, moves in sides.items()},
        "value_gaps": gaps,
        "limits": [asdict(one) for one in found.limits],
        "limits_predicted": kept["limits"],
        "alarms_realised": realised(
            opened.monitoring, kept["alarms"][1:], seeds.name, kept["after"]["version"]
        ),
        "came_true": found.came_true,
    }
    shown = found if has_keys else replace(found, examples=())
    return document, list(check_sections(kept, shown, document))
