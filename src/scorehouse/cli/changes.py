"""Files that a command wants to write: first shown as a diff, then written."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from scorehouse.cli.common import echo, print_json
from scorehouse.registry.seeds import replace_file

COLOURS = {"+": "green", "-": "red", "@": "cyan"}
LINES = 150  # of new files that are shown before a question


@dataclass(frozen=True)
class Change:
    """The new text of one file of the project; `path` is relative to its folder."""

    path: str
    text: str

    def before(self, project: Path) -> str | None:
        file = project / self.path
        return file.read_text(encoding="utf-8") if file.exists() else None

    def diff(self, project: Path) -> list[str]:
        """The lines of a unified diff; none if the file already has this text."""
        before = self.before(project)
        old = [] if before is None else before.splitlines()
        origin = "/dev/null" if before is None else f"a/{self.path}"
        lines = difflib.unified_diff(old, self.text.splitlines(), origin, f"b/{self.path}", lineterm="")
        return list(lines)


def pending(project: Path, changes: Sequence[Change]) -> list[Change]:
    """The changes that have an effect."""
    return [change for change in changes if change.before(project) != change.text]


def show(project: Path, changes: Sequence[Change], *, whole: bool) -> None:
    """Print the diffs, in colour on a terminal; unless `whole`, of new files no more than LINES."""
    room, left_out = LINES, list[str]()
    for change in changes:
        lines = change.diff(project)
        if change.before(project) is None and not whole:
            if len(lines) > room:
                left_out.append(change.path)
                continue
            room -= len(lines)
        for line in lines:
            bold = line.startswith(("+++", "---"))
            echo(click.style(line, bold=True) if bold else click.style(line, fg=COLOURS.get(line[:1])))
        echo()
    for path in left_out:
        echo(click.style(f"+++ b/{path}", bold=True))
    if left_out:
        echo("\nOf new files beyond the first lines only the names are shown; --dry-run shows everything.")


def confirm_and_write(project: Path, changes: Sequence[Change], *, yes: bool, dry_run: bool) -> bool:
    """Show the changes, ask unless told not to, write them, and return whether they were written."""
    show(project, changes, whole=dry_run)
    if dry_run:
        echo("nothing was written (--dry-run)")
        return False
    if not yes and not _confirmed(f"write {len(changes)} files?"):
        echo("nothing was written")
        return False
    for change in changes:
        replace_file(project / change.path, change.text.encode())
    return True


def _confirmed(question: str) -> bool:
    """The answer of the user; an error where nobody can answer, such as in CI."""
    try:
        return click.confirm(question, default=True)
    except click.Abort:
        echo()
        if sys.stdin.isatty():  # Ctrl-C
            raise
        raise click.UsageError("nobody answered, so nothing was written; add --yes or --dry-run") from None


def as_documents(project: Path, changes: Sequence[Change]) -> list[dict[str, str]]:
    """The changes for --json."""
    return [
        {
            "path": change.path,
            "change": "create" if change.before(project) is None else "edit",
            "diff": "\n".join(change.diff(project)),
        }
        for change in changes
    ]


def carry_out(
    project: Path, changes: Sequence[Change], *, yes: bool, dry_run: bool, as_json: bool, nothing: str
) -> bool:
    """Show the changes as text or JSON, write them, and return whether the project now has them."""
    if as_json:
        if not dry_run and not yes:
            raise click.UsageError("--json does not ask: add --yes or --dry-run")
        print_json(as_documents(project, changes))
        for change in () if dry_run else changes:
            replace_file(project / change.path, change.text.encode())
        return False
    if not changes:
        echo(nothing)
        return True
    return confirm_and_write(project, changes, yes=yes, dry_run=dry_run)
