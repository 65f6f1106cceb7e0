"""The page on evidence, followed in a copy of this project: its outputs are those of the example churn."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from followed_page import follow
from keys import make_key
from project import REPOSITORY

PAGE = REPOSITORY / "docs/how-to/evidence.md"
PLACE = "/home/us/scorehouse"
PARTS = ("dbt_project.yml", "profiles.yml", "macros", "example_macros", "models", "python_models", "seeds")
MORE = ("artifacts", "assets", "data", "tests/dbt")
# what a reader has installed already, and a program of others
LEFT_OUT = {'pip install "scorehouse[evidence]"': "true", "model_signing verify": "true"}

pytestmark = [pytest.mark.heavy, pytest.mark.slow]


def test_the_page_prints_what_it_says(tmp_path: Path) -> None:
    pytest.importorskip("cryptography", reason="needs the extra evidence")
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl")
    house = tmp_path / "house"
    house.mkdir()
    for part in (*PARTS, *MORE):
        source, place = REPOSITORY / part, house / part
        place.parent.mkdir(exist_ok=True)
        (shutil.copytree if source.is_dir() else shutil.copy)(source, place)
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    variables = {"DBT_PROFILES_DIR": str(house), "PATH": path}
    kept = {name: value for name, value in os.environ.items() if name != "SCOREHOUSE_DATABASE"}
    selected = ("--select", "+churn_predictions", "tag:ml_churn", "--indirect-selection", "cautious")
    build = ["dbt", "--quiet", "build", *selected]
    subprocess.run(build, cwd=house, env={**kept, **variables}, check=True)
    make_key(house)
    followed = follow(PAGE, house, {PLACE: str(house), **LEFT_OUT}, **variables)
    assert followed.differences() == ""
