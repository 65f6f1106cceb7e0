"""Kill retrainings by SIGKILL at random moments, and count half versions: there have to be none.

python benchmarks/retraining_kills.py [--kills 50] [--seed 0]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "python" / "support"))

from retrained import make_shop
from retraining_kills import killed


def main() -> None:
    """Make the shop of the tests, kill its retrainings, and exit with 1 if one left half a version."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        shop = make_shop(Path(folder) / "shop")
        found = killed(shop, Path(folder), kills=options.kills, seed=options.seed, told=print)
    print(
        f"{found.kills} kills within {found.seconds:.1f} s each: {found.registered} after the version was "
        f"registered, {found.completed} started again to the end, {len(found.half)} half versions"
    )
    for line in found.half:
        print(line)
    sys.exit(bool(found.half))


if __name__ == "__main__":
    main()
