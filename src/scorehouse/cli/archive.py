"""`scorehouse archive`: old versions leave the text of the project, and come back as they were."""

from __future__ import annotations

from pathlib import Path

import click

from scorehouse.cli.changes import dry_run_option
from scorehouse.cli.common import answer, json_option, name_argument, project_option, table
from scorehouse.registration.archive import archive, bring_back
from scorehouse.registry.seeds import build_command


@click.command("archive")
@name_argument
@click.argument("versions", metavar="[VERSION]...", type=int, nargs=-1)
@click.option("--undo", is_flag=True, help="Bring these versions back.")
@dry_run_option
@json_option
@project_option
def archive_command(
    name: str, versions: tuple[int, ...], undo: bool, dry_run: bool, as_json: bool, project_dir: Path | None
) -> None:
    """Put old versions of NAME to rest: their reference and SQL leave the project's text.

    By default all but the newest that have no alias and that no file of the project names (version=3). They
    move into archived.json.gz beside the artifact; replay and check still work.

    \b
    Examples:
      scorehouse archive churn
      scorehouse archive churn 3 --undo
    """
    if undo and (dry_run or not versions):
        raise click.UsageError("--undo needs the VERSION to bring back, and has no --dry-run")
    if undo:
        done = bring_back(name, versions, project_dir=project_dir)
    else:
        done = archive(name, versions, dry_run=dry_run, project_dir=project_dir)
    rows = [(one.version.version, one.text_bytes) for one in done]
    lines = table(["version", "bytes of text"], rows) if rows else ["nothing to do"]
    if rows:
        lines.append("nothing was written (--dry-run)" if dry_run else f"next: {build_command(name)}")
    document = [{"name": name, "version": number, "text_bytes": size} for number, size in rows]
    answer(as_json, document, lines)
