"""`scorehouse evidence seal`: extend and check the hash chain over the run log of a target."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from scorehouse.cli.common import EXIT_DIFFERENT, count, echo, json_option, print_json
from scorehouse.cli.evidence_rows import Row, read_log
from scorehouse.cli.target import target_options, this_call
from scorehouse.evidence.canonical import to_lines
from scorehouse.evidence.seal import (
    RUN,
    Finding,
    Line,
    findings,
    head,
    head_finding,
    read_seal,
    sealed,
)
from scorehouse.project.folder import find_project
from scorehouse.registry.seeds import replace_file

FOLDER = "evidence"


def seal_file(project_dir: Path | None, target: str | None, database: Path | None) -> Path:
    """Where the seal of a target is by default: in the project, to be committed."""
    name = target or (database.stem if database else "warehouse")
    return find_project(project_dir) / FOLDER / f"run_log.{name}.jsonl"


def extended(
    lines: list[Line], rows: list[Row], pruned: str = "", late: str = ""
) -> tuple[list[Line], list[Finding]]:
    """The lines with the runs that are new, and what was altered since the last seal."""
    added = sealed(lines, rows, datetime.now(UTC), pruned=pruned, late=late)
    return [*lines, *added], findings([*lines, *added], rows)


@click.command("seal")
@click.option(
    "--file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The seal, to be kept in version control; default: evidence/run_log.TARGET.jsonl in the project.",
)
@click.option("--check", is_flag=True, help="Only compare; write nothing.")
@click.option("--head", "known_head", help="A head that was kept elsewhere; it has to be in the chain.")
@click.option("--pruned", metavar="REASON", default="", help="Accept that sealed runs are gone, and say why.")
@click.option(
    "--late",
    metavar="REASON",
    default="",
    help="Accept runs from before the last seal that were not in the log then, and say why.",
)
@target_options
@json_option
@click.pass_context
def seal_command(
    ctx: click.Context,
    /,
    file: Path | None,
    check: bool,
    known_head: str | None,
    pruned: str,
    late: str,
    schema: str | None,
    as_json: bool,
    **place: Any,
) -> None:
    """Seal the finished runs of a target in a hash chain, and say which rows were altered since.

    Commit the file that it writes. Exits with 3, and writes nothing, if a sealed row was changed or dropped,
    if a row was inserted into the past, or if the file itself is no whole chain.

    \b
    Examples:
      scorehouse evidence seal --target prod
      scorehouse evidence seal --target prod --check
      scorehouse evidence seal --target prod --pruned "prune_run_log, 400 days"
    """
    file = file or seal_file(place["project_dir"], place["target"], place["database"])
    rows = read_log(schema, **place)
    before = read_seal(file, this_call())
    lines, found = extended(before, rows, pruned, late)
    if known_head is not None:
        found += head_finding(before, known_head)
    if check:
        lines = before
    elif not found and lines != before:
        replace_file(file, to_lines(lines))
    _tell(file, before, lines, found, as_json, check)
    if found:
        ctx.exit(EXIT_DIFFERENT)


def _tell(
    file: Path, before: list[Line], lines: list[Line], found: list[Finding], as_json: bool, check: bool
) -> None:
    runs = [sum(line["kind"] == RUN for line in each) for each in (before, lines)]
    written = not found and not check
    kept = lines if written else before
    if as_json:
        wrong = [{"kind": each.kind, "run_id": each.run_id or None, "text": each.text} for each in found]
        facts = {"file": str(file), "runs": runs[1] if written else runs[0], "head": head(kept)}
        print_json({**facts, "added": runs[1] - runs[0] if written else 0, "findings": wrong})
        return
    for each in found:
        echo(f"{each.kind}: {each.text}")
    if found:
        echo(f"{len(found)} findings; nothing was written", err=True)
        return
    echo(f"sealed: {count(runs[1], 'run')}, {runs[1] - runs[0]:,} of them new ({file})")
    echo(f"head: {head(kept)}")
