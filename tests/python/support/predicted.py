"""A project with two versions of an ML model, and the commands that predict and make a promotion."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from click.testing import CliRunner, Result
from sklearn.linear_model import LogisticRegression

from project import DbtProject
from scorehouse.cli.main import main


def registered(folder: Path) -> DbtProject:
    """Version 1 is the champion; version 2 weighs other features."""
    project = DbtProject(folder)
    random = np.random.default_rng(0)
    frame = pd.DataFrame(random.uniform(0, 10, (500, 2)), columns=["a", "b"])
    for weight, facts in ((0.0, {}), (0.6, {"alias": None})):
        labels = (frame["a"] + weight * (frame["b"] - 5) + random.normal(0, 2, 500) > 5).astype(int)
        project.register(
            LogisticRegression().fit(frame, labels),
            "toy",
            frame,
            labels,
            task="classification",
            threshold=0.5,
            **facts,
        )
    return project


def scorehouse(project: DbtProject, *words: str) -> Result:
    return CliRunner(env=project.environment).invoke(main, [*words, "--project-dir", str(project.folder)])


def impact(project: DbtProject, *words: str, code: int = 0) -> dict[str, Any]:
    ended = scorehouse(project, "impact", "toy", *words, "--target", "dev", "--json")
    assert ended.exit_code == code, ended.output
    return dict(json.loads(ended.stdout))


def refused(project: DbtProject, *words: str) -> str:
    ended = scorehouse(project, "impact", "toy", *words, "--target", "dev")
    assert ended.exit_code == 1 and "Expected: " in ended.stderr and "What to do: " in ended.stderr
    return ended.stderr


def promoted(project: DbtProject, *words: str) -> None:
    assert scorehouse(project, "promote", "toy", *(words or ("2",))).exit_code == 0
    project.build().check()
