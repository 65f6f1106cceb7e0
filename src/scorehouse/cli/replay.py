"""`scorehouse replay`: score a logged run again and compare the result row by row."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from scorehouse.cli.common import (
    EXIT_DIFFERENT,
    Choice,
    WholeNumber,
    answer,
    json_option,
    option,
    this_call,
    waiting,
)
from scorehouse.cli.target import Target, target_options
from scorehouse.errors import ConfigurationError
from scorehouse.registry.seeds import ModelSeeds

if TYPE_CHECKING:
    from scorehouse.replay.backend_check import BackendChecked
    from scorehouse.replay.replay import Replayed


@click.command("replay")
@click.argument("run_id")
@target_options
@click.option("--sample", type=WholeNumber(1), help="Score this many rows instead of all.")
@option(
    "--against",
    type=Choice(["table", "estimator"]),
    default="table",
    help="Compare with the prediction table; or the run's backend with the estimator, on the rows that "
    "are in the feature table now.",
)
@json_option
@click.pass_context
def replay_command(
    ctx: click.Context,
    run_id: str,
    target: Target,
    sample: int | None,
    against: str,
    as_json: bool,
) -> None:
    """Score the input of a run again, and compare the result with the prediction table.

    RUN_ID is a scoring_run_id, or its first characters. Rows whose features have changed since the run are
    counted and left out. Exits with 3 if a row gets another result, or none could be compared.

    \b
    Examples:
      scorehouse replay 13eaa69f --target prod
      scorehouse replay 13eaa69f --database target/warehouse.duckdb --sample 1000
      scorehouse replay 13eaa69f --target prod --against estimator --sample 1000
    """
    with waiting("scoring the input of the run again"):
        found = compared(run_id, target, sample, by_estimator=against == "estimator")
    answer(as_json, found.to_dict(), _lines(found, sample))
    if found.rows_different or found.shows_nothing:
        ctx.exit(EXIT_DIFFERENT)


def compared(
    run_id: str, target: Target, sample: int | None, *, by_estimator: bool
) -> Replayed | BackendChecked:
    import duckdb

    from scorehouse.registration.module_paths import on_path
    from scorehouse.registry.policy import load_policy
    from scorehouse.replay.backend_check import check_backend
    from scorehouse.replay.logged_run import run_row
    from scorehouse.replay.replay import replay
    from scorehouse.scoring.request import Request

    project = target.project
    on_path(project)
    with target.opened() as opened:
        connection, log = opened.connection, opened.run_log
        run = run_row(connection, log, run_id)
        request = Request(
            run_id=str(run["run_id"]),
            invocation_id="",
            node="replay",
            relation=run["prediction_table"],
            run_log=log,
            project_root=project,
            load_policy=load_policy(project),
        )
        versions = ModelSeeds(project, run["model_name"]).registered(this_call())
        try:
            # checks that the feature query can be read
            connection.execute(f"describe {run['feature_query']}").fetchall()
            if by_estimator:
                call = f"{this_call()} {run_id}"
                return check_backend(connection, run, versions, request, call, rows=sample)
            return replay(connection, run, versions, request, sample=sample)
        except duckdb.Error as error:
            raise ConfigurationError(
                f"{this_call()} {run_id}",
                f"the tables of this run cannot be read ({str(error).splitlines()[0]})",
                expected="the feature table and the prediction table of the run, as dbt made them",
                action="build them again; if they read from another DuckDB file, name the --target that "
                "attaches it; if they read a lake or server, replay in a dbt model by replay_sample()",
            ) from error


def _lines(found: Replayed | BackendChecked, sample: int | None) -> Iterator[str]:
    from scorehouse.replay.backend_check import BackendChecked

    yield f"run {found.run_id}"
    of = ""
    if isinstance(found, BackendChecked):
        yield f"  scored by: {found.backend} ({found.backend_reason})"
        if found.backend == "estimator":
            yield "  nothing to compare: the estimator itself scored this run"
            return
        yield f"  largest difference from the estimator: {found.largest_difference}"
    else:
        of = f" of {found.rows_in_table:,}"
        if sample is None:
            changed = "no, rows were changed, added or removed"
            yield f"  input unchanged: {'yes' if found.same_input else changed}"
        if found.rows_forgotten:
            yield f"  rows forgotten: {found.rows_forgotten:,}, which are in nothing that is compared"
    yield f"  same library versions: {'yes' if found.same_libraries else 'no'}"
    yield f"  rows compared: {found.rows_compared:,}{of}"
    if not isinstance(found, BackendChecked) and not found.rows_in_table:
        yield f"  the {'table' if sample is None else 'sample'} has no row of this run"
        if found.shows_nothing:
            yield "  nothing was shown: later runs have scored its rows again"
    elif found.shows_nothing:
        gone = "has the feature hash of this run any more" if of else "is in the feature table"
        yield f"  nothing was shown: no row {gone}"
    such = f", such as {found.examples}" if found.examples else ""
    yield f"  rows different: {found.rows_different:,}{such}"
