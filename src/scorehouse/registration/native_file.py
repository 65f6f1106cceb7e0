"""Open a native file from elsewhere first in a process of its own, which may crash.

The parsers of boosters are native code and trust their files: an altered file can end the process. This is
not a sandbox; it turns a crash, or a parse without end, into an error of the registration.
"""

from __future__ import annotations

import pickle
import subprocess
import sys
from typing import Any

from scorehouse.errors import ArtifactError
from scorehouse.kernel.tasks import outputs_of
from scorehouse.registry.artifact import open_estimator
from scorehouse.registry.policy import LoadPolicy
from scorehouse.registry.version import Version

PATIENCE = 300.0  # seconds
ROWS = 200


def try_native(data: bytes, version: Version, policy: LoadPolicy, features: Any, call: str) -> None:
    """Open the bytes and score a few rows of `features` in another process; ArtifactError if it dies.

    Ordinary errors of the other process are ignored: this process will meet them too.
    """
    policy.check_format(version, call)
    given = pickle.dumps((data, version, policy, features[:ROWS], call))
    # `-P`: like the command line, it imports nothing from the working folder
    command = [sys.executable, "-P", "-m", "scorehouse.registration.native_file"]
    try:
        ended = subprocess.run(command, input=given, capture_output=True, timeout=PATIENCE)
        died = f"killed that process by signal {-ended.returncode}" if ended.returncode < 0 else ""
    except subprocess.TimeoutExpired:
        died = f"kept that process busy for {PATIENCE:.0f} s"
    if died:
        raise ArtifactError(
            call,
            f"the {version.artifact_format} file was opened in a separate process, and {died}",
            expected=f"the file as {version.artifact_format} wrote it",
            action="save the estimator again; a file that was altered or truncated cannot be trusted",
        )


def main() -> None:
    """The other process; it gets its input through a pipe from the process that started it."""
    data, version, policy, features, call = pickle.load(sys.stdin.buffer)
    outputs_of(version).predict(open_estimator(data, version, policy, call), features)


if __name__ == "__main__":
    main()
