"""The record of what a version was trained from, in the registry."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from scorehouse import promote
from scorehouse.errors import ConfigurationError
from scorehouse.registry.seeds import ModelSeeds
from small_churn import churn

RECORD = {"training": "model.shop.churn_training", "rows": 40, "seed": 7, "key": "abc", "parent": 1}


def header(project: Path) -> list[str]:
    return ModelSeeds(project, "churn").registry_file.read_text().splitlines()[0].split(",")


def documented(project: Path) -> list[str]:
    document = yaml.safe_load(ModelSeeds(project, "churn").yaml_file.read_text())
    return [column["name"] for column in document["seeds"][0]["columns"]]


def test_the_column_is_written_once_a_version_has_a_provenance(empty_project: Path) -> None:
    churn(program=False)
    assert "provenance" not in header(empty_project) + documented(empty_project)
    assert churn(0.1, program=False, provenance=RECORD).provenance == RECORD
    promote("churn", 1, alias="champion")
    assert header(empty_project)[-1] == documented(empty_project)[-1] == "provenance"
    first, second = ModelSeeds(empty_project, "churn").versions()
    assert (dict(first.provenance), dict(second.provenance)) == ({}, RECORD)


def test_a_provenance_that_json_cannot_hold_is_refused(empty_project: Path) -> None:
    with pytest.raises(ConfigurationError, match="that JSON can hold"):
        churn(program=False, provenance={"frame": object()})
