"""How often the parsers of boosters crash on altered files: the figures of a decision page.

    .venv-all/bin/python tests/soak/altered_files.py --count 80

Each altered file is opened, and predicts, in a process of its own. Prints for each library how many of these
processes were ended by a signal or ran without end, which no `except` catches.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import re
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"  # threads do not survive a fork

import catboost
import lightgbm
import numpy as np
import xgboost

PATIENCE = 20.0  # seconds
X = np.random.default_rng(0).normal(size=(200, 4))
Y = (X[:, 0] + X[:, 1] > 0).astype(int)
FORK = multiprocessing.get_context("fork")


def lightgbm_file(path: Path) -> None:
    estimator = lightgbm.LGBMClassifier(n_estimators=20, verbosity=-1, n_jobs=1).fit(X, Y)
    estimator.booster_.save_model(str(path))


def open_lightgbm(path: Path) -> None:
    text = path.read_bytes().decode()
    lightgbm.Booster(model_str=text, params={"verbosity": -1, "num_threads": 1}).predict(X)


def xgboost_file(path: Path) -> None:
    xgboost.XGBClassifier(n_estimators=20, n_jobs=1).fit(X, Y).save_model(path)


def open_xgboost(path: Path) -> None:
    booster = xgboost.Booster({"nthread": 1})
    booster.load_model(bytearray(path.read_bytes()))
    booster.predict(xgboost.DMatrix(X, nthread=1))


def catboost_file(path: Path) -> None:
    settings: dict[str, Any] = {
        "iterations": 20,
        "verbose": 0,
        "thread_count": 1,
        "allow_writing_files": False,
    }
    catboost.CatBoostClassifier(**settings).fit(X, Y).save_model(str(path))


def open_catboost(path: Path) -> None:
    catboost.CatBoostClassifier().load_model(blob=path.read_bytes()).predict(X, thread_count=1)


LIBRARIES = {
    "lightgbm": (".txt", lightgbm_file, open_lightgbm),
    "xgboost": (".ubj", xgboost_file, open_xgboost),
    "catboost": (".cbm", catboost_file, open_catboost),
}


def altered(data: bytes, draw: random.Random) -> bytes:
    """A number of a text file replaced, a few bytes replaced, a stretch doubled, or the end cut off."""
    numbers = [found.span() for found in re.finditer(rb"(?<![\w.])-?\d+(?![\w.])", data)]
    place = draw.randrange(len(data))
    match draw.randrange(4):
        case 0 if numbers:
            start, end = draw.choice(numbers)
            return data[:start] + str(draw.choice([-1, 0, 2**16, 2**31 - 1, -(2**31)])).encode() + data[end:]
        case 1:
            return data[:place] + data[place : place + 64] * 2 + data[place + 64 :]
        case 2:
            return data[:place]
    changed = bytearray(data)
    for _ in range(draw.randint(1, 4)):
        changed[draw.randrange(len(changed))] = draw.randrange(256)
    return bytes(changed)


def ending(opener: Callable[[Path], None], path: Path) -> str:
    """How a process that opens the file ends: by itself, by a signal, or not in time."""

    def tried() -> None:
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, 1)
        os.dup2(silence, 2)
        try:
            opener(path)
        except Exception:
            os._exit(1)
        os._exit(0)

    process = FORK.Process(target=tried)
    process.start()
    process.join(PATIENCE)
    if process.exitcode is None:
        process.kill()
        process.join()
        return "no end"
    names = {0: "accepted", 1: "refused"}
    code = process.exitcode
    return names.get(code) or (signal.Signals(-code).name if code < 0 else f"exit {code}")


def main() -> int:
    """Print one line per library."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--count", type=int, default=80)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for name, (suffix, make, opener) in LIBRARIES.items():
            whole, path = Path(folder) / f"whole{suffix}", Path(folder) / f"altered{suffix}"
            maker = FORK.Process(target=make, args=(whole,))  # so that this process has no threads to lose
            maker.start()
            maker.join()
            if ending(opener, whole) != "accepted":
                print(f"{name}: the whole file is not accepted", file=sys.stderr)
                return 1
            draw, endings = random.Random(asked.seed), Counter[str]()
            for _ in range(asked.count):
                path.write_bytes(altered(whole.read_bytes(), draw))
                endings[ending(opener, path)] += 1
            crashed = asked.count - endings["accepted"] - endings["refused"]
            print(f"{name}: {crashed} of {asked.count} altered files ended the process: {dict(endings)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
