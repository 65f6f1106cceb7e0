"""The pages for people who have an estimator, literally, in a project that has what they ask for."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from followed_page import Followed, blocks, follow
from project import REPOSITORY

HOW_TO = REPOSITORY / "docs/how-to"
ESTIMATOR, HAND_WRITTEN = HOW_TO / "existing_estimator.md", HOW_TO / "from_python_model.md"
REPLACED = {"/path/to/scorehouse": str(REPOSITORY)}
PROFILE = "shop: {target: dev, outputs: {dev: {type: duckdb, path: shop.duckdb}}}\n"
FEATURES = """
{{ config(materialized='table') }}
select
    i as customer_id,
    18 + i * 37 % 60 as age,
    i * 11 % 24 as orders,
    (i * 7919 % 1000) / 4e0 as spend
from range(2000) as numbers(i)
"""
TRAIN = """
import joblib
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier

i = pd.Series(range(1000))
X = pd.DataFrame({"age": 18 + i * 31 % 60, "orders": i * 13 % 24, "spend": i * 7907 % 1000 / 4.0})
X.to_parquet("train.parquet")
y = (X.orders * 10 + X.spend < 160).astype(int)
joblib.dump(HistGradientBoostingClassifier(max_iter=20, random_state=0).fit(X, y), "model.joblib")
"""


def test_the_model_is_shorter_than_the_one_by_hand() -> None:
    before, after = (block.text.splitlines() for block in blocks(HAND_WRITTEN) if block.language == "python")
    assert len(after) < len(before)


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> list[Followed]:
    """Both pages as they were followed, one after the other, in a project like the reader's."""
    folder = tmp_path_factory.mktemp("own") / "shop"
    (folder / "models").mkdir(parents=True)
    (folder / "dbt_project.yml").write_text("name: shop\nprofile: shop\n")
    (folder / "profiles.yml").write_text(PROFILE)
    (folder / "models/customer_features.sql").write_text(FEATURES)
    subprocess.run([sys.executable, "-c", TRAIN], cwd=folder, check=True)
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    dbt = Path(sys.executable).with_name("dbt")
    places = ["--project-dir", ".", "--profiles-dir", "."]
    subprocess.run([dbt, "--quiet", "build", *places], cwd=folder, check=True)
    settings = {"PATH": path, "DBT_PROJECT_DIR": str(folder), "DBT_PROFILES_DIR": str(folder)}
    return [follow(page, folder, REPLACED, **settings) for page in (ESTIMATOR, HAND_WRITTEN)]


@pytest.mark.foreign
def test_the_pages_print_what_they_say(followed: list[Followed]) -> None:
    assert [page.differences() for page in followed] == ["", ""]


@pytest.mark.foreign
def test_a_reader_with_an_estimator_writes_no_code(followed: list[Followed]) -> None:
    assert [block.file for block in blocks(ESTIMATOR) if block.file] == ["packages.yml"]
    written = (followed[0].folder / "models/ml/churn_predictions.sql").read_text()
    assert re.search(r"scorehouse\.scored\('churn'", written)
