"""Files that a command wants to write: first shown as a diff, then written."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import click

from scorehouse.cli.common import Function, echo, json_option, packed, print_json, project_option
from scorehouse.project.folder import find_project
from scorehouse.registry.seeds import replace_file

COLOURS = {"+": "green", "-": "red", "@": "cyan"}
LINES = 150  # of new files that are shown before a question


@dataclass(frozen=True)
class Change:
    """The new text of one file of the project; `path` is relative to its folder.

    One that only `creates` leaves a file that is there as it is, which belongs to its author.
    """

    path: str
    text: str
    creates: bool = False

    def before(self, project: Path) -> str | None:
        """What is there; of bytes that are not UTF-8, something that no new text equals."""
        file = project / self.path
        return file.read_text(encoding="utf-8", errors="replace") if file.exists() else None

    def diff(self, project: Path) -> list[str]:
        """The lines of a unified diff; none if the file already has this text."""
        before = self.before(project)
        old = [] if before is None else before.splitlines()
        origin = "/dev/null" if before is None else f"a/{self.path}"
        return list(difflib.unified_diff(old, self.text.splitlines(), origin, f"b/{self.path}", lineterm=""))


def new_files(changes: Sequence[Change]) -> list[Change]:
    """The changes as files that are only written where there is none."""
    return [replace(change, creates=True) for change in changes]


@dataclass(frozen=True)
class Writing:
    """How a command writes into a project, as its options say."""

    project_dir: Path | None
    yes: bool
    dry_run: bool
    as_json: bool

    @property
    def project(self) -> Path:
        return find_project(self.project_dir)

    def carry_out(self, project: Path, changes: Sequence[Change], nothing: str) -> bool:
        """Show the changes that have an effect, write them, and return whether the project now has them.

        With --json, documents are shown, and the result is False: nothing else may be printed.
        """
        if self.as_json and not (self.dry_run or self.yes):
            raise click.UsageError("--json does not ask: add --yes or --dry-run")
        changes = [change for change in changes if change.before(project) != change.text]
        left = [change for change in changes if change.creates and change.before(project) is not None]
        for change in left:
            echo(f"left as it is: {change.path}, which is not what these options would write", err=True)
        changes = [change for change in changes if change not in left]
        if self.as_json:
            print_json([_document(change, project) for change in changes])
        elif changes:
            _show(project, changes, whole=self.dry_run)
        else:
            echo(nothing)
            return True
        if not self._is_agreed(f"write {len(changes)} files?"):
            return False
        for change in changes:
            replace_file(project / change.path, change.text.encode())
        return not self.as_json

    def _is_agreed(self, question: str) -> bool:
        """Whether to write; an error where nobody can answer, such as in CI."""
        if self.dry_run and not self.as_json:
            echo("nothing was written (--dry-run)")
        if self.dry_run or self.yes:
            return not self.dry_run
        try:
            agreed = click.confirm(question, default=True)
        except click.Abort:
            echo()
            if sys.stdin.isatty():  # Ctrl-C
                raise
            raise click.UsageError(
                "nobody answered, so nothing was written; add --yes or --dry-run"
            ) from None
        if not agreed:
            echo("nothing was written")
        return agreed


def write_options(function: Function) -> Function:
    """The options of a command that shows what it will write; passed as one argument `writing`."""

    return yes_option(dry_run_option(json_option(project_option(packed(Writing, "writing", function)))))


yes_option = click.option("--yes", "-y", is_flag=True, help="Write without asking.")
dry_run_option = click.option("--dry-run", is_flag=True, help="Show the changes without writing them.")


def _show(project: Path, changes: Sequence[Change], *, whole: bool) -> None:
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


def _document(change: Change, project: Path) -> dict[str, str]:
    """A change for --json."""
    kind = "create" if change.before(project) is None else "edit"
    return {"path": change.path, "change": kind, "diff": "\n".join(change.diff(project))}
