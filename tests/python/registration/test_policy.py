"""The load policy: what it admits, what it refuses, and what it says."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sklearn
from sklearn.linear_model import LogisticRegression

from scorehouse import Card, register
from scorehouse.errors import ConfigurationError, LoadRefusedError
from scorehouse.registry import artifact
from scorehouse.registry.policy import LoadPolicy
from scorehouse.registry.storage import locate
from scorehouse.registry.version import Version

INSTALLED = sklearn.__version__


@pytest.fixture
def registered(tmp_path: Path) -> tuple[Path, Version]:
    project = tmp_path / "house"
    project.mkdir()
    (project / "dbt_project.yml").write_text("name: house\n")
    X = np.random.default_rng(0).normal(size=(60, 2))
    estimator = LogisticRegression().fit(X, X[:, 0] > 0)
    version = register(
        estimator, "churn", X, task="classification", card=Card(feature_names=["a", "b"]), project_dir=project
    )
    return project, version


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"format": ["joblib"]}, r"unknown settings format"),
        ({"formats": ["pickle"]}, r"formats has pickle"),
        ({"formats": {"joblib": True}}, "a list of strings"),
        ({"roots": 5}, "a list of strings"),
        ({"trusted_types": [1]}, "a list of strings"),
        ({"pickle": "always"}, "pickle is 'always'"),
        ({"cache": ""}, "a folder in the project"),
        ({"library_versions": "allow"}, "versions such as '>=1.7,<1.10'"),
        ({"library_versions": 1.7}, "versions such as '>=1.7,<1.10'"),
        ({"library_versions": {"lightgbm": "maybe"}}, "library_versions has 'maybe'"),
        ("joblib", "a mapping of settings"),
    ],
)
def test_unknown_settings_are_an_error(settings: Any, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message) as caught:
        LoadPolicy.from_variable(settings)
    assert "variable scorehouse_load_policy" in str(caught.value)


def test_defaults() -> None:
    policy = LoadPolicy.from_variable(None)
    assert policy == LoadPolicy.from_variable({}) == LoadPolicy()
    assert "joblib" in policy.formats and not policy.roots and not policy.trusted_types
    assert LoadPolicy.from_variable({"formats": "skops"}).formats == ("skops",)


@pytest.mark.parametrize(
    ("rule", "saved", "outcome"),
    [
        ("refuse", INSTALLED, "loads"),
        ("refuse", "1.5.0", "refused"),
        ("warn", "1.5.0", "warns"),
        (">=1.5,<99", "1.5.0", "loads"),
        (">=1.6,<99", "1.5.0", "refused"),
        (f"<{INSTALLED}", "1.5.0", "refused"),
        ({"scikit-learn": "warn"}, "1.5.0", "warns"),
        ({"lightgbm": "warn"}, "1.5.0", "refused"),
    ],
)
def test_library_versions(registered: tuple[Path, Version], rule: Any, saved: str, outcome: str) -> None:
    project, version = registered
    version = replace(version, sklearn_version=saved)
    policy = LoadPolicy.from_variable({"library_versions": rule})
    if outcome == "refused":
        with pytest.raises(LoadRefusedError, match=f"saved by scikit-learn {saved}, but {INSTALLED} is"):
            artifact.load(project, version, policy, "test")
        return
    _, _, warnings = artifact.load(project, version, policy, "test")
    assert len(warnings) == (outcome == "warns")
    assert all(f"saved by scikit-learn {saved}" in warning for warning in warnings)


def test_a_booster_inside_a_pickle_counts_too(registered: tuple[Path, Version]) -> None:
    project, version = registered
    version = replace(version, libraries={"lightgbm": "0.1"})
    with pytest.raises(LoadRefusedError, match=r"saved by lightgbm 0\.1"):
        artifact.load(project, version, LoadPolicy(), "test")


@pytest.mark.parametrize(
    "text",
    [
        "../model.joblib",
        "artifacts/../../model.joblib",
        "../house2/model.joblib",
        "/etc/passwd",
        "file:///etc/passwd",
        "file:///etc/../etc/passwd",
        "s3://bucket/model.joblib",
        "https://example.org/model.joblib",
        "memory://allowed-not/model.joblib",
        "memory://allowed/../other/model.joblib",
        "memory://allowed/%2e%2e/model.joblib",
        "simplecache::memory://allowed/model.joblib",
        "memory://allowed/a?b",
        "memory://allowed",
        "leads_out/model.joblib",
    ],
)
def test_paths_that_lead_out_are_refused(registered: tuple[Path, Version], text: str, tmp_path: Path) -> None:
    project, version = registered
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "model.joblib").write_bytes((project / version.artifact).read_bytes())
    (project / "leads_out").symlink_to(outside)
    policy = LoadPolicy(roots=("memory://allowed",))
    with pytest.raises(LoadRefusedError, match="the artifact path"):
        artifact.load(project, replace(version, artifact=text), policy, "test")


def test_a_root_admits_what_lies_below_it(registered: tuple[Path, Version], tmp_path: Path) -> None:
    project, version = registered
    outside = tmp_path / "models"
    os.replace((project / version.artifact).parent, outside)
    (project / "linked").symlink_to(outside)
    policy = LoadPolicy.from_variable({"roots": [str(outside)]})
    for text in (str(outside), outside.as_uri(), "linked"):
        artifact.load(project, replace(version, artifact=f"{text}/model.joblib"), policy, "test")
    with pytest.raises(LoadRefusedError):
        locate(project, str(tmp_path / "models2" / "model.joblib"), policy, "test")
    assert str(locate(project, "artifacts/../artifacts/x", policy, "test")).endswith("artifacts/x")
