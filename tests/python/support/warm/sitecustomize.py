"""Let a dbt command of the tests begin in a process that has imported dbt already, instead of its own.

Python imports this module at its start, where PYTHONPATH names this folder. Half of the time of a small dbt
command goes to dbt's imports, and the tests run hundreds. The command is the real one: its own process, made
by fork, with the words, folder, environment, limits and standard streams of this one, which waits for it,
passes signals on and ends as it does. `warm_dbt.py` is the other side. Any other program starts as always.
"""

import os
import sys

# The program, the process of the test run, and the address of the process that has imported dbt.
PROGRAM, _, ELSEWHERE = os.environ.get("SCOREHOUSE_WARM_DBT", "").partition(os.pathsep)

if PROGRAM and sys.orig_argv[1:2] == [PROGRAM]:
    from warm_client import run_elsewhere

    run_elsewhere(*ELSEWHERE.split(os.pathsep, 1))
