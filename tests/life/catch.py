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
from history import FIRST, drawn, named_events, possible
from installation import Installation, install
from life import Life
from life_bugs import Bug, all_bugs

WITHOUT_A_BUG = ("clean night", "clean night", "until the 24th")
LONGEST = 140  # characters of what catches a bug


def caught(
    bug: Bug | None, seed: int, events: int, folder: Path, installation: Installation, engine: Engine
) -> tuple[str, int]:
    """What catches a bug, or nothing, and how many steps the life had until then.

    An alarm on a clean night counts: a life without a bug has none.
    """
    before = installation.put_back(bug) if bug else {}
    try:
        life = Life(seed, folder, installation, engine, watch=lambda line: None, stop_at_first=True)
        named = bug.events if bug else WITHOUT_A_BUG
        life.live(possible(life, [*FIRST, *named_events(named)]) if named else drawn(life, events))
        life.close()
    finally:
        installation.write(before)
    if life.unknown:
        return f"{life.unknown[0].invariant}: {life.unknown[0].text}", life.step
    return (f"false alarm: {life.false_alarms[0]}" if life.false_alarms else ""), life.step


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
    parser.add_argument("--after", default="", help="part of the name of the last bug to leave out")
    options = parser.parse_args()
    bugs: list[Bug | None] = [None] if not options.only else []
    bugs += [bug for bug in all_bugs().values() if options.only in bug.name and bug.engine == options.engine]
    part, parts = map(int, options.share.split("/"))
    bugs = bugs[part - 1 :: parts]
    if options.after:
        (place,) = [i for i, bug in enumerate(bugs) if bug and options.after in bug.name]
        bugs = bugs[place + 1 :]
    missed = 0
    print("| finding | bug | caught by | step |\n|---|---|---|--:|", flush=True)
    with tempfile.TemporaryDirectory(prefix="catch-") as temporary:
        engine = ENGINES[options.engine]
        place = Path(temporary) / "installation"
        installation = install(place, lock=engine.lock, on_top=engine.on_top, extras=engine.extras)
        for bug in bugs:
            if bug and bug.test:
                print(f"| {bug.review} | {bug.name} | no life; {bug.test} | |", flush=True)
                continue
            folder = Path(temporary) / "life"
            by, steps = caught(bug, options.seed, options.events, folder, installation, engine)
            shutil.rmtree(folder)
            missed += bool(by) != (bug is not None)
            text = " ".join(by.split())[:LONGEST].replace("|", "/") or "nothing"
            finding, name = (bug.review, bug.name) if bug else ("", "(none)")
            print(f"| {finding} | {name} | {text} | {steps} |", flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
