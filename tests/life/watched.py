"""Live a life that can be watched: a line per event, and what is violated.

python tests/life/watched.py --seed 3 --events 60
python tests/life/watched.py --only "clean night" --only "fault: * of 'distance'"
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from engines import ENGINES
from events.environments import upgraded_to
from events.nights import clean_night
from history import FIRST, drawn, named_events, possible
from installation import Installation, install, tree_of
from life import Life
from life_bugs import all_bugs


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--seed", type=int, default=1, help="which history; the same seed lives the same life"
    )
    parser.add_argument("--events", type=int, default=20, help="how many events follow the first week")
    parser.add_argument("--engine", choices=sorted(ENGINES), default="duckdb", help="where its tables are")
    parser.add_argument("--bug", action="append", default=[], help="a bug to put back, by its name in bugs/")
    parser.add_argument(
        "--installation", type=Path, help="a folder with an installation, made where there is none"
    )
    parser.add_argument("--commands", action="store_true", help="show each command and what it takes")
    parser.add_argument(
        "--only", action="append", help="an event instead of a random history; may be repeated"
    )
    parser.add_argument("--folder", type=Path, help="where to live; default: a temporary folder")
    parser.add_argument(
        "--before", help="a commit whose tree the project begins with, upgraded in its first days"
    )
    options = parser.parse_args(words)
    with tempfile.TemporaryDirectory(prefix="life-") as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        engine = ENGINES[options.engine]
        place = options.installation or folder / "installation"
        installation = Installation(place)
        if not installation.python.exists():
            print("installing a wheel and an archive of this tree ...", flush=True)
            installation = install(place, lock=engine.lock, on_top=engine.on_top, extras=engine.extras)
        bugs = all_bugs()
        for name in options.bug:
            installation.put_back(bugs[name])
        life = Life(
            options.seed,
            folder,
            installation,
            engine,
            watch=lambda line: print(line, flush=True),
            show_commands=options.commands,
        )
        only = [*FIRST, *possible(life, named_events(options.only or []))]
        events = only if options.only else drawn(life, options.events)
        if options.before:
            tree = tree_of(options.before, folder / "tree-before")
            before = install(folder / "before", tree=tree, on_top=engine.on_top, extras=engine.extras)
            life.house.installation = life.installation = before
            events[len(FIRST) : len(FIRST)] = [
                ("clean night", clean_night),
                ("upgraded", upgraded_to(installation)),
            ]
        try:
            life.live(events)
        finally:
            life.close()
        print(life.summary())
        for alarm in life.false_alarms:
            print(f"  false alarm: {alarm}")
        return 1 if life.unknown else 0


if __name__ == "__main__":
    sys.exit(main())
