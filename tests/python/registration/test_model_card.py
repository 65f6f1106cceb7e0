"""The model card: aliases, limits, importance, and its pictures, which follow what was measured."""

from __future__ import annotations

import re
import xml.etree.ElementTree as xml
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.calibration import calibration_curve
from sklearn.linear_model import LinearRegression, LogisticRegression

from scorehouse import promote, register
from scorehouse.registration.groups import grouped
from scorehouse.registration.pictures import bars, curve

PROJECT = "name: shop\nasset-paths: [pictures]\n"
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a folder for the pictures of its docs site."""
    (tmp_path / "dbt_project.yml").write_text(PROJECT)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def training(rows: int = 600) -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(3)
    X = pd.DataFrame(rng.normal(size=(rows, 2)), columns=["strong", "weak"])
    return X, (3 * X["strong"] + 0.5 * X["weak"] + rng.logistic(size=rows) > 0).to_numpy().astype(int)


def registered(strength: float = 1.0, **facts: Any) -> LogisticRegression:
    X, y = training()
    estimator = LogisticRegression(C=strength).fit(X, y)
    register(estimator, "churn", X, y, task="classification", **grouped(facts))
    return estimator


def card(project: Path) -> str:
    document = yaml.safe_load((project / "seeds/ml/churn/_ml_churn.yml").read_text())
    return document["seeds"][0]["description"]


def pictures(project: Path, kind: str) -> list[str]:
    return sorted(str(p.relative_to(project)) for p in project.glob(f"pictures/**/{kind}.svg"))


def numbers(text: str) -> list[float]:
    return [float(number) for number in re.findall(r"-?[\d.]+", text)]


def test_the_features_of_most_weight_come_first_and_in_the_picture(project: Path) -> None:
    registered()
    rows = re.findall(r"^\| `(\w+)` .* ([\d.]+)% \|$", card(project), re.M)
    assert [name for name, _ in rows] == ["strong", "weak"]
    assert sum(float(share) for _, share in rows) == pytest.approx(100, abs=0.1)
    assert "Importance: share of the total change in log loss" in card(project)
    picture = xml.parse(project / "pictures/ml/churn/1/importance.svg")
    texts = [element.text for element in picture.iter(f"{SVG}text")]
    for name, share in rows:
        assert texts[texts.index(name) + 1] == f"{share}%"
    lengths = [float(bar.get("width", "")) for bar in picture.iter(f"{SVG}rect")][1:]
    assert lengths[1] / lengths[0] == pytest.approx(float(rows[1][1]) / float(rows[0][1]), abs=0.02)


def test_calibration_is_that_of_scikit_learn(project: Path) -> None:
    X, y = training()
    estimator = registered()
    observed, predicted = calibration_curve(
        y, estimator.predict_proba(X)[:, 1], n_bins=10, strategy="quantile"
    )
    picture = xml.parse(project / "pictures/ml/churn/1/calibration.svg")
    (path,) = picture.iter(f"{SVG}polyline")
    points = np.array(numbers(path.get("points", ""))).reshape(-1, 2)
    # from pixels back to scores, by the diagonal from 0 to 1
    diagonal = next(line for line in picture.iter(f"{SVG}line") if line.get("stroke-dasharray"))
    left, bottom, right, top = (float(diagonal.get(name, "")) for name in ("x1", "y1", "x2", "y2"))
    assert (points[:, 0] - left) / (right - left) == pytest.approx(predicted, abs=0.01)
    assert (bottom - points[:, 1]) / (bottom - top) == pytest.approx(observed, abs=0.02)
    assert f"![calibration of churn version 1]({pictures(project, 'calibration')[0]})" in card(project)


def test_a_regression_is_judged_against_its_labels(project: Path) -> None:
    X, _ = training()
    y = X["strong"] * 10 + 100
    register(LinearRegression().fit(X, y), "churn", X, y, task="regression")
    picture = (project / "pictures/ml/churn/1/calibration.svg").read_text()
    assert ">mean prediction</text>" in picture and ">mean label</text>" in picture


def test_without_labels_or_asset_paths_there_is_no_picture(project: Path) -> None:
    X, y = training()
    register(LogisticRegression().fit(X, y), "churn", X, task="classification")
    assert pictures(project, "calibration") == [] and len(pictures(project, "importance")) == 1
    (project / "dbt_project.yml").write_text("name: shop\n")
    registered(0.1)
    assert len(pictures(project, "importance")) == 1
    assert "![" not in card(project)


def test_promotion_moves_the_alias_and_the_features_of_the_card(project: Path) -> None:
    registered(1.0, alias="champion", description="first", owner="crm")
    registered(0.01, description="second")
    before = card(project)
    assert re.search(r"^\| 1 \| champion \|", before, re.M) and "**Features of version 1**" in before
    assert before.splitlines()[2] == "first"
    promote("churn", 2)
    after = card(project)
    assert re.search(r"^\| 2 \| champion \|", after, re.M) and "**Features of version 2**" in after
    assert "pictures/ml/churn/2/importance.svg" in after and after.splitlines()[2] == "second"


def test_limits_name_what_is_rejected(project: Path) -> None:
    registered(trained_to="2025-06-30")
    assert "- a missing value in `strong`, `weak`" in card(project)
    assert "- an infinite value in `strong`, `weak`" in card(project)
    assert "The training data end on 2025-06-30." in card(project)


def test_the_same_facts_give_the_same_pictures(project: Path) -> None:
    registered()
    first = {
        p: (project / p).read_bytes()
        for kind in ("importance", "calibration")
        for p in pictures(project, kind)
    }
    for file in ("seeds", "pictures", "artifacts"):
        (project / file).rename(project / f"{file}_before")
    registered()
    assert {p: (project / p).read_bytes() for p in first} == first


def test_names_are_escaped_and_many_features_are_pooled(project: Path) -> None:
    assert "&lt;b&gt;" in bars("a", [("<b>", 0.5)])
    xml.fromstring(curve("a & b", [(1, 1), (1, 1)], "x", "y"))
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(300, 20)), columns=[f"feature_{i}" for i in range(20)])
    y = X.sum(axis=1)
    register(LinearRegression().fit(X, y), "churn", X, y, task="regression")
    assert ">5 others</text>" in (project / "pictures/ml/churn/1/importance.svg").read_text()
