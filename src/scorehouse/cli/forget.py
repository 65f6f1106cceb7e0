"""`scorehouse forget`: the rows of persons leave the tables and files of a target, and do not return."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING

import click

from scorehouse.cli.changes import dry_run_option
from scorehouse.cli.common import EXIT_DIFFERENT, FILE, answer, count, json_option, table, this_call, waiting
from scorehouse.cli.duckdb_file import LAKE, connect
from scorehouse.cli.evidence_seal import seal_file
from scorehouse.cli.target import Target, target_options
from scorehouse.errors import ConfigurationError
from scorehouse.project.forgotten import SECRET_FILE, SECRET_VARIABLE, Secret
from scorehouse.project.run_log_place import Place

if TYPE_CHECKING:
    from scorehouse.forgetting.forget import Certificate, Job

WIDTH = 80
SHOWN = 20  # names of what was not searched; the certificate has all


@click.command("forget")
@click.option(
    "--key",
    "keys",
    multiple=True,
    help="The person's value of the key, or column=value for each of its columns.",
)
@click.option("--keys", "file", type=FILE, help="CSV of many persons: names of the columns, then values.")
@click.option(
    "--also",
    multiple=True,
    metavar="TABLE|PATH",
    help="A table that is none of ours, a file or a folder outside of the project whose rows go too.",
)
@click.option("--seal", type=FILE, help="Seal of the run log; default: evidence/run_log.TARGET.jsonl.")
@dry_run_option
@target_options
@json_option
@click.pass_context
def forget_command(
    ctx: click.Context,
    keys: tuple[str, ...],
    file: Path | None,
    also: tuple[str, ...],
    seal: Path | None,
    dry_run: bool,
    target: Target,
    as_json: bool,
) -> None:
    """Forget persons: their rows leave tables and files, which a certificate names.

    They leave prediction tables, what dbt makes from them, exports, reports, logs and undelivered alerts. The
    DuckDB file is written anew. Later runs leave these keys out, and seal and replay stay valid for all
    others. Exits with 3 if a place still has a person: one that is not ours is only named.

    \b
    Examples:
      scorehouse forget --key 15098 --target prod --dry-run
      scorehouse forget --key customer_id=15098 --target prod
      scorehouse forget --keys persons.csv --target prod --also raw_customers
    """
    from scorehouse.forgetting.forget import forget, to_text
    from scorehouse.registry.seeds import replace_file

    if bool(keys) == (file is not None):
        raise click.UsageError("name one person with --key, or a file of many with --keys")
    target.require_name()
    call = this_call()
    _check_duckdb(target.adapter, call)
    place = target.place()
    _check_writable(place, call)
    with waiting("searching"):
        job = _job(target, place, keys, file, also, seal or seal_file(target))
        is_new = Secret.read(job.project) is None
        done = forget(partial(connect, place, write=not dry_run), job, dry_run=dry_run)
    written = None
    if not dry_run:
        moment = done.made_at[:19].replace(":", "").replace("-", "")
        written = seal_file(target).with_name(f"forgotten.{place.target or place.file.stem}.{moment}.json")
        replace_file(written, to_text(done))
    document = {**done.to_dict(), "written": str(written) if written else None}
    answer(as_json, document, _lines(done, written, is_new=is_new and not dry_run))
    if done.left:
        ctx.exit(EXIT_DIFFERENT)


def _check_duckdb(adapter: str, call: str) -> None:
    """Refuse other databases, whose rows these commands do not read, with what to do there by hand."""
    if adapter == "duckdb":
        return
    raise ConfigurationError(
        call,
        f"persons are forgotten in DuckDB files only, and the target is of type {adapter!r}",
        expected="a target of `type: duckdb`; nothing was changed",
        action=f"on {adapter}, delete the rows by SQL: first from the features and their sources, or the "
        "next run scores them again, then from prediction tables and what dbt makes from them; free the "
        "space (such as `vacuum full`), and delete exports and letters. A replay of these runs then differs",
    )


def _check_writable(place: Place, call: str) -> None:
    """Refuse a lake, whose snapshots keep deleted rows, a file that cannot be written, a log elsewhere."""
    path = str(place.file)
    is_lake = path.startswith(LAKE)
    if (place.log_database or "").lower() in map(str.lower, place.attached):
        raise ConfigurationError(
            call,
            f"the run log is in another database, {place.log_database!r}, than the target's {path!r}",
            expected="both in one, since one transaction changes predictions and runs; nothing was changed",
            action="move the run log there, or name the target whose database has it",
        )
    if not is_lake and os.access(path, os.W_OK) and os.access(place.file.resolve().parent, os.W_OK):
        return
    raise ConfigurationError(
        call,
        f"the target is the lake {path!r}, whose snapshots keep deleted rows"
        if is_lake
        else f"{path!r}, or its folder, may not be written by this user",
        expected="a DuckDB file that can be written anew; nothing was changed",
        action="delete the rows there, and expire the older snapshots"
        if is_lake
        else "call this as the user that dbt runs as, or correct the permissions",
    )


def _job(
    target: Target, place: Place, keys: tuple[str, ...], file: Path | None, also: tuple[str, ...], seal: Path
) -> Job:
    """What to search for, and where: in the project's folder, and in what `also` names."""
    from scorehouse.forgetting.forget import Job
    from scorehouse.forgetting.people import people_of
    from scorehouse.report.dbt_results import nodes_of

    with target.opened() as opened:
        log = opened.run_log
        rows = opened.connection.execute(
            f"select distinct key_columns from {log} where status = 'success' and key_columns is not null"
        ).fetchall()
    known = sorted({tuple(name for name in json.loads(row[0]) if name != "model_alias") for row in rows})
    paths = [Path(each).resolve() for each in also if Path(each).exists()]
    project = target.project
    return Job(
        people=people_of(keys, file, known, this_call()),
        project=project,
        databases=(place.file,),
        log=log,
        roots=(project, *paths),
        also=tuple(each for each in also if not Path(each).exists()),
        nodes=nodes_of(target.dbt_target or project / "target"),
        seal=seal,
        call=this_call(),
    )


def _lines(done: Certificate, written: Path | None, *, is_new: bool) -> Iterator[str]:
    """What was found and done, what is left, and what cannot be reached from here."""
    there = [place for place in done.places if place.found]
    if there and written:
        shown = [(_short(each.place), each.found, each.done, each.remaining) for each in there]
        yield from table(["place", "found", "done", "left"], shown)
    elif there:
        plan = [(_short(each.place), each.found, "left" if each.why else "forgotten") for each in there]
        yield from table(["place", "found", "would be"], plan)
    persons = count(done.persons, "person")
    if written:
        rows = count(sum(done.runs.values()), "row")
        yield f"forgotten: {persons}, {rows} of {count(len(done.runs), 'run')}"
    else:
        yield f"would forget: {persons}"
    if done.listed_before:
        rows = count(sum(done.runs_before.values()), "row")
        yield (
            f"forgotten before: {done.listed_before:,} of {persons}, by the list; "
            f"calls until now, for all persons: {rows} of {count(len(done.runs_before), 'run')}"
        )
    unread = sum(place.searched.startswith("not") for place in done.places)
    yield f"searched: {len(done.places) - unread:,} tables and files; {unread:,} have nothing to search by"
    unknown: dict[str, list[str]] = {}
    for place in done.places:
        if place.searched.startswith("not: ") and not place.place.startswith("artifacts/"):
            unknown.setdefault(place.searched.removeprefix("not: "), []).append(place.place)
    for why, names in unknown.items():
        more = f" and {len(names) - SHOWN:,} more: --json" if len(names) > SHOWN else ""
        text = f"not searched, {why}: {', '.join(names[:SHOWN])}{more}"
        yield from wrap(text, WIDTH, subsequent_indent="  ")
    reasons: dict[str, list[str]] = {}
    for place in there:
        if place.why and (place.remaining or not written):
            reasons.setdefault(place.why, []).append(place.place)
    for why, names in reasons.items():
        yield from wrap(f"left, {why}: {', '.join(names)}", WIDTH, subsequent_indent="  ")
    for note in done.notes:
        yield from wrap(note, WIDTH, subsequent_indent="  ")
    yield "not reached from here:"
    for each in done.beyond:
        yield from wrap(each, WIDTH, initial_indent="  - ", subsequent_indent="    ")
    if is_new:
        text = (
            f"keep {SECRET_FILE} (or its text in {SECRET_VARIABLE}) where dbt runs: without it, a run refuses"
        )
        yield from wrap(f"{text} to score while the list of forgotten keys is there", WIDTH)
    yield f"written: {written}" if written else "nothing was written (--dry-run)"


def _short(place: str, room: int = 44) -> str:
    return place if len(place) <= room else f"...{place[3 - room :]}"
