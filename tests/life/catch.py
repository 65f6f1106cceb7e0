"""Put each bug back, live with it, and say after how many steps a life has caught it: a table in Markdown.

    python tests/life/catch.py
    python tests/life/catch.py --only "threshold" --events 30
    python tests/life/catch.py --engine postgres

A bug is caught by the first violation that no line of the ledger lists. A life without a bug, which has to
meet none, comes first.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from engines import ENGINES, Engine
from history import FIRST, drawn, named_events
from installation import REPOSITORY, archive, built_wheel, install
from invariants import Violation
from life import Life
from life_bugs import Bug, all_bugs


def caught(
    bug: Bug | None, seed: int, events: int, folder: Path, wheel: Path, engine: Engine
) -> tuple[Violation | None, int]:
    """The violation that catches a bug, and how many steps the life had until then."""
    installation = install(
        folder / "installation",
        wheel=wheel,
        bugs=[bug] if bug else [],
        lock=engine.lock,
        on_top=engine.on_top,
        extras=engine.extras,
    )
    life = Life(seed, folder, installation, engine, watch=lambda line: None, stop_at_first=True)
    chosen = [*FIRST, *named_events(bug.events)] if bug and bug.events else drawn(life, events)
    life.live(chosen)
    life.warehouse.close()
    first = life.unknown[0] if life.unknown else None
    return first, life.step


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seed", type=int, default=1, help="which history")
    parser.add_argument(
        "--events", type=int, default=30, help="how many events follow the first week, at most"
    )
    parser.add_argument("--engine", choices=sorted(ENGINES), default="duckdb", help="whose bugs")
    parser.add_argument("--only", default="", help="part of the names of the bugs to put back")
    parser.add_argument(
        "--share", default="1/1", help="which part of them, such as 1/2 in one of two processes"
    )
    options = parser.parse_args()
    bugs: list[Bug | None] = [None] if not options.only else []
    bugs += [bug for bug in all_bugs().values() if options.only in bug.name and bug.engine == options.engine]
    part, parts = map(int, options.share.split("/"))
    bugs = bugs[part - 1 :: parts]
    missed = 0
    print("| finding | bug | caught by | step |\n|---|---|---|--:|", flush=True)
    with tempfile.TemporaryDirectory(prefix="catch-") as temporary:
        archive(REPOSITORY, Path(temporary) / "tree")
        wheel = built_wheel(Path(temporary) / "tree", Path(temporary) / "wheel")
        for bug in bugs:
            folder = Path(temporary) / "life"
            violation, steps = caught(
                bug, options.seed, options.events, folder, wheel, ENGINES[options.engine]
            )
            shutil.rmtree(folder)
            missed += (violation is None) == (bug is not None)
            text = (
                f"{violation.invariant}: {violation.text}"[:110].replace("|", "/") if violation else "nothing"
            )
            print(
                f"| {bug.review if bug else ''} | {bug.name if bug else '(none)'} | {text} | {steps} |",
                flush=True,
            )
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
