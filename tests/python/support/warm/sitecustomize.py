"""Let a dbt command of the tests begin in a process that has imported dbt already, instead of its own.

Python imports this module at its start, where PYTHONPATH names this folder. Half of the time of a small dbt
command goes to dbt's imports, and the tests run hundreds. The command is the real one: its own process, made
by fork, with the words, folder, environment, limits and standard streams of this one, which waits for it,
passes signals on and ends as it does. `warm_dbt.py` is the other side. Any other program starts as always.

Lines are counted by the process that runs the command. So that the one that waits need not import coverage
before this module is reached, tests pass coverage's settings on by a name of their own.
"""

import contextlib
import os
import sys

# The program, the process of the test run, and the address of the process that has imported dbt.
PROGRAM, _, ELSEWHERE = os.environ.get("SCOREHOUSE_WARM_DBT", "").partition(os.pathsep)

if PROGRAM and sys.orig_argv[1:2] == [PROGRAM]:
    from warm_client import run_elsewhere

    run_elsewhere(*ELSEWHERE.split(os.pathsep, 1))

if settings := os.environ.pop("SCOREHOUSE_COVERAGE", None):
    os.environ["COVERAGE_PROCESS_CONFIG"] = settings
    with contextlib.suppress(ImportError):  # a fresh environment may have none
        import coverage

        coverage.process_startup()
