"""Kill retrainings at random moments by SIGKILL, and look at what they leave."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from project import DbtProject
from retrained import SCOREHOUSE, retrain, versions
from scorehouse.registration.check_project import check_project

COMPLETED_EVERY = 5  # after each fifth kill, the retraining is started again and has to end as if undisturbed
PATIENCE = 120
# Only dbt begins as a fork of another process (`warm/`): the others are of the group that is killed.
ONE_GROUP = os.pathsep.join(os.environ.get("SCOREHOUSE_WARM_DBT", "").split(os.pathsep)[:3])


@dataclass
class Kills:
    """How many runs were killed, how many of them had registered a version, and what was wrong after them."""

    seconds: float
    kills: int = 0
    registered: int = 0
    completed: int = 0
    half: list[str] = field(default_factory=list)


def killed(
    shop: DbtProject,
    folder: Path,
    *,
    kills: int,
    seed: int,
    completed_every: int = COMPLETED_EVERY,
    told: Callable[[str], object] = lambda text: None,
) -> Kills:
    """Kill as many retrainings of copies of `shop`, each at a random moment of its duration.

    Every other kill takes only the command, the others all of its processes, as a container is stopped.
    """
    chance = random.Random(seed)
    began = time.monotonic()
    undisturbed = shop.copy(folder / "undisturbed")
    ended = retrain(undisturbed, SCOREHOUSE_WARM_DBT=ONE_GROUP)
    assert ended.returncode == 20, ended.stdout + ended.stderr
    expected = versions(undisturbed)[1].sha256
    found = Kills(time.monotonic() - began)
    while found.kills < kills:
        copy = shop.copy(folder / f"killed_{found.kills}")
        after = chance.uniform(0, found.seconds)
        if not _killed(copy, after, whole_group=bool(found.kills % 2)):
            shutil.rmtree(copy.folder)
            continue  # it had ended by itself
        found.kills += 1
        found.registered += len(versions(copy)) > 1
        wrong = _faults(copy, expected)
        if not wrong and found.kills % completed_every == 0:
            found.completed += 1
            wrong = _not_resumed(copy, expected)
        found.half += [f"after {after:.2f} s: {text}" for text in wrong]
        count = len(versions(copy))
        told(f"kill {found.kills} of {kills} after {after:5.2f} s: {count} versions, {wrong or 'sound'}")
        shutil.rmtree(copy.folder)
    return found


def _killed(shop: DbtProject, after: float, *, whole_group: bool) -> bool:
    """Start a retraining and kill it after some seconds; False if it ended before."""
    process = subprocess.Popen(
        [SCOREHOUSE, "retrain", "loyal", "--target", "dev"],
        cwd=shop.folder,
        env={**os.environ, "DBT_PROFILES_DIR": str(shop.folder), "SCOREHOUSE_WARM_DBT": ONE_GROUP},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        process.wait(after)
        return False
    except subprocess.TimeoutExpired:
        pass
    if whole_group:
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()
    deadline = time.monotonic() + PATIENCE
    with contextlib.suppress(ProcessLookupError):  # what the command had started comes to its end
        while time.monotonic() < deadline:
            os.killpg(process.pid, 0)
            time.sleep(0.05)
    return True


def _faults(shop: DbtProject, expected: str) -> list[str]:
    """What is wrong with the registry: a version that could not score, or another one than was expected."""
    wrong = [str(item.faults) for item in check_project(shop.folder) if item.faults]
    known = versions(shop)
    if [version.version for version in known] not in ([1], [1, 2]):
        wrong.append(f"versions {[version.version for version in known]}")
    if known[0].aliases != ("champion",):
        wrong.append(f"aliases of version 1: {known[0].aliases}")
    if len(known) == 2 and (known[1].sha256 != expected or not known[1].provenance):
        wrong.append("version 2 is another one than that of an undisturbed run")
    return wrong


def _not_resumed(shop: DbtProject, expected: str) -> list[str]:
    """What is wrong after the retraining was started again: it ends as if nothing had happened."""
    ended = retrain(shop)
    wrong = _faults(shop, expected)
    if ended.returncode != 20 or len(versions(shop)) != 2 or versions(shop)[1].aliases != ("challenger",):
        wrong.append(f"started again, it exits with {ended.returncode}: {ended.stdout} {ended.stderr}")
    return wrong
