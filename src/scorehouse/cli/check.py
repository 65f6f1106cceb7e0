"""`scorehouse check`: whether every registered version could score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from scorehouse.cli.common import (
    EXIT_FAULT,
    NOTHING_REGISTERED,
    answer,
    complete_name,
    count,
    json_option,
    project_option,
    state,
    table,
    waiting,
)
from scorehouse.errors import ConfigurationError
from scorehouse.project.folder import find_project

if TYPE_CHECKING:
    from scorehouse.registration.check_project import Checked


@click.command("check")
@click.argument("names", nargs=-1, shell_complete=complete_name)
@click.option(
    "--certify", is_flag=True, help="Also say which parts of a program equal its estimator for every input."
)
@click.option("--no-load", is_flag=True, help="Hash and compare only; open no artifact.")
@json_option
@project_option
def check_command(
    names: tuple[str, ...], certify: bool, no_load: bool, as_json: bool, project_dir: Path | None
) -> None:
    """Verify every registered version, or those of NAMES; exits with 1 if one cannot score.

    Each artifact exists, has the registered digest and loads under the load policy; the signature file is
    the registered one and equals its seed; the reference has rows; version numbers and aliases are unique.

    \b
    Examples:
      scorehouse check
      scorehouse check --no-load --json
      scorehouse check churn --certify
    """
    from scorehouse.registration.check_project import check_project

    if certify and no_load:
        raise ConfigurationError(
            "check",
            "--certify and --no-load are both given",
            expected="one of them: a program is compared with its estimator, which has to be opened",
            action="leave one of them out",
        )
    with waiting("verifying the registered versions"):
        found = check_project(find_project(project_dir), load=not no_load, certify=certify, names=names)
    answer(as_json, [asdict(item) for item in found], _lines(found))
    if any(item.faults for item in found):
        click.get_current_context().exit(EXIT_FAULT)


def _lines(found: Sequence[Checked]) -> list[str]:
    """A table with a line per version, below each line what is wrong with it, and the counts."""
    if not found:
        return [NOTHING_REGISTERED]
    rows = [(item.name, item.version, ", ".join(item.aliases), state(_state(item))) for item in found]
    head, *body = table(("ML model", "version", "aliases", "state"), rows)
    lines = [head]
    for line, item in zip(body, found, strict=True):
        lines += [line, *(f"    {text}" for text in (*item.faults, *item.warnings, *_certified(item)))]
    versions = [item for item in found if item.version is not None]
    faults, warnings = (sum(_state(item) == kind for item in found) for kind in ("FAULT", "warning"))
    ended = [f"{count(len(versions), 'version')} of {count(len({item.name for item in found}), 'ML model')}"]
    ended += [count(faults, "fault") if faults else "no fault"]
    ended += [count(warnings, "warning")] if warnings else []
    return [*lines, "", ", ".join(ended)]


def _certified(item: Checked) -> list[str]:
    """Which parts are certified for every input, and why others are not."""
    if item.certificate is None:
        return []
    sure = ", ".join(item.certificate.names(certified=True)) or "nothing"
    others = [part for part in item.certificate.parts if not part.certified]
    return [
        f"certified for every input: {sure}",
        *(f"proven on rows only: {part.name} ({part.reason})" for part in others),
    ]


def _state(item: Checked) -> str:
    return "FAULT" if item.faults else "warning" if item.warnings else "ok"
