"""Let a command of the tests begin in a process that has imported dbt and more already, instead of its own.

Python imports this module at its start, where PYTHONPATH names this folder. Half of the time of a small
command, `dbt` or `scorehouse`, goes to the imports of libraries, and the tests run hundreds. The command is
the real one: its own process, made by fork, with the words, folder, environment, limits and standard streams
of this one, which waits for it, passes signals on and ends as it does. `warm_dbt.py` is the other side. So
begin the processes in which registration tries what it has written, and retraining trains, and scripts that
train, load or stand in for another database. Any other program starts as always.

Lines are counted by the process that runs the command. So that the one that waits need not import coverage
before this module is reached, tests pass coverage's settings on by a name of their own.
"""

import contextlib
import os
import sys

# The process of the test run, the address of the process that has imported, and the programs.
OWNER, *ELSEWHERE = os.environ.get("SCOREHOUSE_WARM_DBT", "").split(os.pathsep)
PROGRAMS = ELSEWHERE[1:]
OF_COMMANDS = [
    f"import scorehouse.{name} as _; _.serve()" for name in ("registration.fresh", "retraining.worker")
]
SCRIPTS = ("train", "register", "standin", "load_sources")  # how their names begin


def begins_warm(words: list[str]) -> bool:
    """Whether this Python was started as a program or script, or by `scorehouse` for a part of its work."""
    is_script = words[0].endswith(".py") and os.path.basename(words[0]).startswith(SCRIPTS)
    if is_script or (words[:2] == ["-P", "-c"] and words[2] in OF_COMMANDS):
        return os.path.join(os.path.dirname(sys.executable), "scorehouse") in PROGRAMS
    return words[0] in PROGRAMS


if PROGRAMS and sys.orig_argv[1:] and begins_warm(sys.orig_argv[1:]):
    from warm_client import run_elsewhere

    run_elsewhere(OWNER, *ELSEWHERE)

if settings := os.environ.pop("SCOREHOUSE_COVERAGE", None):
    os.environ["COVERAGE_PROCESS_CONFIG"] = settings
    with contextlib.suppress(ImportError):  # a fresh environment may have none
        import coverage

        coverage.process_startup()
