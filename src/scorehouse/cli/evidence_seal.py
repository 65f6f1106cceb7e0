"""`scorehouse evidence seal`: extend and check the hash chain over the run log of a target."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from scorehouse.cli.common import EXIT_DIFFERENT, FILE, answer, count, echo, json_option, this_call
from scorehouse.cli.target import Target, target_options
from scorehouse.evidence.canonical import to_lines
from scorehouse.evidence.seal import (
    RUN,
    Finding,
    Line,
    findings,
    head,
    head_finding,
    read_seal,
    rows_forgotten,
    sealed,
)
from scorehouse.project.run_log_place import rows_of
from scorehouse.registry.seeds import replace_file

Row = dict[str, Any]


def seal_file(target: Target) -> Path:
    """Where the seal of a target is by default: in the project, to be committed."""
    name = target.target or (target.database.stem if target.database else "warehouse")
    return target.project / "evidence" / f"run_log.{name}.jsonl"


def read_log(target: Target) -> list[Row]:
    """All rows of the run log of a target on any engine: read by DuckDB, or by dbt with its adapter."""
    target.require_name()
    if target.adapter != "duckdb":
        return target.by_dbt.log_rows()
    with target.opened() as opened:
        return rows_of(opened.connection.execute(f"select * from {opened.run_log}"))


def extended(
    lines: list[Line], rows: list[Row], pruned: str = "", late: str = ""
) -> tuple[list[Line], list[Finding]]:
    """The lines with the runs that are new, and what was altered since the last seal."""
    added = sealed(lines, rows, datetime.now(UTC), pruned=pruned, late=late)
    return [*lines, *added], findings([*lines, *added], rows)


@click.command("seal")
@click.option(
    "--file",
    type=FILE,
    help="The seal, to be kept in version control; default: evidence/run_log.TARGET.jsonl in the project.",
)
@click.option("--check", is_flag=True, help="Only compare; write nothing.")
@click.option("--head", "known_head", help="A head that was kept elsewhere; it has to be in the chain.")
@click.option("--pruned", metavar="REASON", default="", help="Accept that sealed runs are gone, and say why.")
@click.option(
    "--late",
    metavar="REASON",
    default="",
    help="Accept runs from before the last seal that it lacked, and say why.",
)
@target_options
@json_option
@click.pass_context
def evidence_seal_command(
    ctx: click.Context,
    file: Path | None,
    check: bool,
    known_head: str | None,
    pruned: str,
    late: str,
    target: Target,
    as_json: bool,
) -> None:
    """Seal the finished runs of a target in a hash chain, and say which rows were altered since.

    Commit the file that it writes. Exits with 3, and writes nothing, if a sealed row was changed, dropped
    or inserted, or if the file was altered.

    \b
    Examples:
      scorehouse evidence seal --target prod
      scorehouse evidence seal --target prod --check
      scorehouse evidence seal --target prod --pruned "prune_run_log, 400 days"
    """
    file = file or seal_file(target)
    rows = read_log(target)
    before = read_seal(file, this_call())
    lines, found = extended(before, rows, pruned, late)
    if known_head is not None:
        found += head_finding(before, known_head)
    new = sum(line["kind"] == RUN for line in lines[len(before) :])
    if is_left := bool(check or found):
        lines = before
    elif lines != before:
        replace_file(file, to_lines(lines))
    runs = sum(line["kind"] == RUN for line in lines)
    facts = {"file": str(file), "runs": runs, "head": head(lines), "added": 0 if is_left else new}
    facts["not_sealed"] = new if is_left else 0
    facts["rows_forgotten"] = rows_forgotten(lines)
    wrong = [{"kind": each.kind, "run_id": each.run_id or None, "text": each.text} for each in found]
    said = [f"{each.kind}: {each.text}" for each in found]
    told = f", {new:,} of them new"
    if check:
        told = f"; {count(new, 'run')} {'is' if new == 1 else 'are'} not sealed yet" if new else ""
    said = said or [f"sealed: {count(runs, 'run')}{told} ({file})", f"head: {head(lines)}"]
    if facts["rows_forgotten"]:
        said.append(f"rows forgotten since they were scored: {facts['rows_forgotten']:,}")
    answer(as_json, {**facts, "findings": wrong}, said)
    if found:
        if not as_json:
            echo(f"{len(found)} findings; nothing was written", err=True)
        ctx.exit(EXIT_DIFFERENT)
