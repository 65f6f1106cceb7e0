"""`scorehouse retrain` of ML models with several outputs, several labels, and an estimator per segment."""

from __future__ import annotations

from pathlib import Path

import pytest

from project import DbtProject
from retrained import retrain, said
from retrained_outputs import configure, gates, make_house
from scorehouse.registration.check_project import check_project
from scorehouse.registry.seeds import ModelSeeds
from scorehouse.registry.version import Version

pytestmark = [pytest.mark.slow, pytest.mark.soak]
PROMOTED = {"promote": "when_gate_passes"}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> DbtProject:
    return make_house(tmp_path_factory.mktemp("outputs") / "house")


@pytest.fixture
def own_house(house: DbtProject, tmp_path: Path) -> DbtProject:
    return house.copy(tmp_path / "house")


def newest(project: DbtProject, name: str) -> Version:
    return ModelSeeds(project.folder, name).versions()[-1]


def test_an_output_that_gets_worse_is_named_and_stops_the_promotion(own_house: DbtProject) -> None:
    """The mean of both weeks gains, and one of them loses more than its margin."""
    project = own_house
    wrong = {"function": "learning.house:second_week_wrong", **PROMOTED}
    configure(project, weeks=wrong)
    ended = retrain(project, "--force", "--json", name="weeks")
    assert ended.returncode == 30, ended.stdout + ended.stderr
    told = said(ended)
    assert told["gate"].endswith(": week_2 worse") and "Traceback" not in ended.stderr
    parts = {row["output"]: row for row in told["comparison"]}
    assert list(parts) == ["Week_1", "week_2", "(mean)"]
    assert {name: row["problem"] for name, row in parts.items()} == {
        "Week_1": None,
        "week_2": "worse",
        "(mean)": None,
    }
    assert "without all 2 labels left out (56 of them have some)" in ended.stderr
    assert f"mae {parts['week_2']['challenger_value']:.4g}, champion" in ended.stderr
    version = newest(project, "weeks")
    assert version.aliases == ("challenger",) and list(version.outputs.values()) == ["Week 1", "week_2"]
    assert set(version.metrics) == {"mae_week_1", "mae_week_2", "rmse_week_1", "rmse_week_2"}
    assert version.provenance["label"] == {"Week 1": "units_1", "week_2": "units 2"}


def test_several_outputs_are_promoted_found_again_and_proven(own_house: DbtProject) -> None:
    configure(own_house, weeks={"function": "learning.house:one_week_alone"})
    refused = retrain(own_house, "--force", name="weeks")
    assert refused.returncode == 1 and "an estimator with 1 output per row" in refused.stderr
    configure(own_house, weeks={"label": "units_1"})
    refused = retrain(own_house, "--force", name="weeks")
    assert refused.returncode == 1 and "weeks version 1 has several outputs" in refused.stderr
    configure(own_house, weeks=PROMOTED)
    ended = retrain(own_house, "--force", "--json", name="weeks")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert all(row["difference"] > 0 for row in said(ended)["comparison"])
    proven = retrain(own_house, "--prove", "--version", "2", name="weeks")
    assert proven.returncode == 0 and "give the same bytes" in proven.stdout, proven.stdout + proven.stderr
    again = retrain(own_house, "--force", "--json", name="weeks")
    assert (again.returncode, said(again)["version"], said(again)["found"]) == (0, 2, True)
    assert [item.faults for item in check_project(own_house.folder) if item.faults] == []


def test_several_labels_are_judged_each_and_in_the_mean(own_house: DbtProject) -> None:
    configure(own_house, troubles=PROMOTED)
    gates(own_house, troubles={"gain": 5})
    ended = retrain(own_house, "--force", "--json", name="troubles")
    assert ended.returncode == 30 and said(ended)["gate"].endswith(": mean of the outputs no_gain")
    gates(own_house, troubles={"gain": 0.1})
    ended = retrain(own_house, "--force", "--json", name="troubles")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert {f"roc_auc_{label}" for label in ("late", "damaged")} <= set(said(ended)["metrics"])
    configure(own_house, troubles={"calibrate": "sigmoid"})
    refused = retrain(own_house, "--force", name="troubles")
    assert refused.returncode == 1 and "MultiOutputClassifier(CalibratedClassifierCV(...))" in refused.stderr


def test_a_segment_that_gets_worse_and_new_ones_are_named(own_house: DbtProject) -> None:
    configure(own_house, sales={"function": "learning.house:south_wrong", **PROMOTED})
    ended = retrain(own_house, "--force", "--json", name="sales")
    assert ended.returncode == 30, ended.stdout + ended.stderr
    told = said(ended)
    assert told["gate"].endswith(": shop=south segment_worse")
    segments = {name: told["segments"][name] for name in ("by", "own", "too_few_rows", "new", "gone")}
    assert segments == {"by": "shop", "own": 4, "too_few_rows": 1, "new": ["new"], "gone": []}
    assert "1 has too few rows for one, and that of all rows scores it; new: 'new'" in ended.stderr
    small = next(row for row in told["comparison"] if row["segment_value"] == "(small groups)")
    assert small["is_judged"] is False
    assert "1 value of shop with few rows" in ended.stderr and "not judged, too few rows" in ended.stderr
    configure(own_house, sales=PROMOTED)
    ended = retrain(own_house, "--force", "--json", name="sales")
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_segments_without_a_fallback_and_of_numbers(own_house: DbtProject) -> None:
    configure(own_house, sales={"function": "learning.house:without_fallback"})
    ended = retrain(own_house, "--force", name="sales")
    assert ended.returncode in (20, 30), ended.stdout + ended.stderr
    assert "of a segment that has no estimator; sha256" in ended.stdout
    assert newest(own_house, "sales").provenance["unscored"] > 0
    ended = retrain(own_house, "--force", "--json", name="returned")
    assert ended.returncode == 20 and said(ended)["segments"]["new"] == [40], ended.stdout + ended.stderr
    configure(own_house, returned={"calibrate": "sigmoid"})
    refused = retrain(own_house, "--force", name="returned")
    assert refused.returncode == 1 and "is not calibrated as a whole" in refused.stderr
