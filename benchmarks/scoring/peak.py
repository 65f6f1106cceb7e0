"""Run a command, then print its peak memory in KiB (on macOS in bytes), as the last line.

A process counts the memory of its parent at its start, so the parent has to be small.
"""

import os
import sys

identifier = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ)
_, status, usage = os.wait4(identifier, 0)
print(usage.ru_maxrss)
sys.exit(os.waitstatus_to_exitcode(status) & 0xFF)
