"""A process that loads many registered versions at once, as a program: FOLDER THREADS SEED [unlocked].

It prints a line per version that did not load or score. `unlocked` takes the lock of loading away.
"""

from __future__ import annotations

import contextlib
import random
import sys
import threading
from pathlib import Path

from scorehouse import load_lock

ROW = {"a": 1.0, "b": 0.5, "c": 0.1}
SWITCH_SECONDS = 1e-5  # threads then meet inside imports, as they do on a busy machine


class NoLock(contextlib.nullcontext[None]):
    """A lock that excludes nobody."""

    def acquire(self, timeout: float) -> bool:
        return True

    def release(self) -> None:
        """Nobody waits."""


def main(folder: Path, threads: int, seed: int, *, unlocked: bool) -> int:
    if unlocked:
        load_lock._lock = NoLock()
    sys.setswitchinterval(SWITCH_SECONDS)
    names = sorted(file.parent.name for file in folder.glob("artifacts/*/1"))
    random.Random(seed).shuffle(names)
    barrier, problems = threading.Barrier(threads), list[str]()

    def work(name: str) -> None:
        barrier.wait()
        try:
            from scorehouse import load

            status = load(name, folder).predict(ROW)["row_status"]
            if status != "scored":
                problems.append(f"{name}: {status}")
        except BaseException as error:
            cause = error.__cause__ or error
            problems.append(f"{name}: {type(cause).__name__}: {cause}")

    started = [threading.Thread(target=work, args=(names[n % len(names)],)) for n in range(threads)]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join()
    print("\n".join(problems))
    return len(problems)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), unlocked="unlocked" in sys.argv))
