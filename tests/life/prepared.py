"""Lives that go on from the same first days: an installed project, watched, its retraining prepared."""

from __future__ import annotations

import copy
import shutil
from pathlib import Path

import numpy as np
from engines import Engine
from history import BEGINNING, drawn
from installation import Installation
from life import Life

LIVES_PER_WORLD = 10


class Prepared:
    """A life that has lived its first days, and a copy of its folder, from which others go on in its place.

    The tables of a server are copied there.
    """

    def __init__(self, world: int, folder: Path, installation: Installation, engine: Engine) -> None:
        self.world = world
        self.life = Life(world, folder / "life", installation, engine)
        self.life.live(drawn(self.life, 0)[:BEGINNING])
        self.copy = folder / "copy"
        shutil.copytree(self.life.folder, self.copy, symlinks=True)
        self.life.warehouse.keep()
        self.morning = self.life.clock.now()

    def another(self, seed: int) -> Life:
        """A life whose chances from here on are of this seed; the one before it has ended."""
        shutil.rmtree(self.life.folder)
        shutil.copytree(self.copy, self.life.folder, symlinks=True)
        self.life.warehouse.restore()
        shared = (self.life.engine, self.life.installation, self.life.warehouse)
        life = copy.deepcopy(self.life, {id(each): each for each in shared})
        life.seed = seed
        life.random, life.world.random = (np.random.default_rng([seed, which]) for which in (1, 3))
        life.clock.set(self.morning)
        return life

    def close(self) -> None:
        self.life.close()


class BegunAnew:
    """Lives that each live their own first days: the tables of Spark cannot be copied."""

    def __init__(self, world: int, folder: Path, installation: Installation, engine: Engine) -> None:
        self.folder, self.installation, self.engine = folder, installation, engine
        self.life: Life | None = None

    def another(self, seed: int) -> Life:
        """A life of this seed after its first days; the one before it has ended."""
        self.close()
        self.life = Life(seed, self.folder / str(seed), self.installation, self.engine)
        self.life.live(drawn(self.life, 0)[:BEGINNING])
        return self.life

    def close(self) -> None:
        if self.life:
            self.life.close()
