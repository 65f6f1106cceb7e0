"""Commands of the command line, one module a command; `attach` gives them to the command `scorehouse`.

Exit codes, the same for all: 0 done, 1 a fault that the message explains, 2 wrong usage, 3 something
differs (only where a command was asked to tell by its exit code).
"""

from __future__ import annotations

import click

from scorehouse.commands.completion import completion_command
from scorehouse.commands.diff import diff_command
from scorehouse.commands.importance import importance_command
from scorehouse.commands.init import init_command
from scorehouse.commands.mlflow import export_group, import_group, sync_group
from scorehouse.commands.monitoring import export_alerts_command, export_monitoring_command
from scorehouse.commands.prove import prove_command
from scorehouse.commands.report import report_command
from scorehouse.commands.runs import runs_command
from scorehouse.commands.scaffold import scaffold_group
from scorehouse.commands.scaffold_mart import exposure_command, mart_command
from scorehouse.commands.scaffold_monitors import monitors_command
from scorehouse.commands.scaffold_tests import scaffold_tests_command
from scorehouse.commands.show import show_command

for part in (scaffold_tests_command, mart_command, monitors_command, exposure_command):
    scaffold_group.add_command(part)

COMMANDS: tuple[click.Command, ...] = (
    init_command,
    scaffold_group,
    show_command,
    diff_command,
    importance_command,
    prove_command,
    report_command,
    runs_command,
    import_group,
    sync_group,
    export_group,
    completion_command,
)

for export in (export_monitoring_command, export_alerts_command):
    export_group.add_command(export)

__all__ = ["COMMANDS", "attach"]


def attach(main: click.Group) -> None:
    """Give `main` every command of this package."""
    for command in COMMANDS:
        main.add_command(command)
