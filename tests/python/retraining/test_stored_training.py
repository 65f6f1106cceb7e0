"""What becomes of a trained estimator, without dbt or a process: checks, calibration, digests, metrics."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from scorehouse.errors import ConfigurationError, EstimatorError
from scorehouse.registration.groups import grouped
from scorehouse.registration.register import register
from scorehouse.registry.seeds import ModelSeeds
from scorehouse.registry.version import Version
from scorehouse.retraining import worker
from scorehouse.retraining.fitted import _check_classes, fitted
from scorehouse.retraining.job import Frames, Job
from scorehouse.retraining.proof import ARTIFACT, NOTHING, PREDICTIONS, _compared
from scorehouse.retraining.rows import Rows
from scorehouse.retraining.store import background_of_parent, calibration_method, store

pytestmark = pytest.mark.slow
FEATURES = ["a", "b"]


def rows(count: int, seed: int = 0) -> pd.DataFrame:
    draw = np.random.default_rng(seed)
    frame = pd.DataFrame({"a": draw.normal(size=count), "b": draw.uniform(1, 9, count)})
    frame["day"] = pd.Timestamp("2025-01-01") + pd.to_timedelta(np.arange(count) * 60 // count, unit="D")
    frame["y"] = (frame.a + draw.normal(size=count) > 0).astype(int)
    return frame


FRAMES = Frames(rows(400), rows(101, 1))
Z = FRAMES.training[FEATURES]


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Job:
    """A project whose first version is a calibrated classifier."""
    project = tmp_path_factory.mktemp("stored")
    (project / "dbt_project.yml").write_text("name: house\n")
    parent = CalibratedClassifierCV(LogisticRegression(), method="isotonic", cv=3).fit(Z, FRAMES.training.y)
    facts = {"task": "classification", "format": "joblib", "threshold": 0.5}
    given = grouped({**facts, "y": FRAMES.training.y, "program": False})
    version = register(parent, "loyal", Z, project_dir=project, **given)
    return Job(
        *("train", "retrain loyal", str(project), "loyal", "", "own:train", (), ("y",), "day", 7),
        features=FEATURES,
        facts={**facts, "program": False, "store": "artifacts", "alias": None},
        parent=version.to_row(),
    )


def plain(frame: pd.DataFrame = FRAMES.training) -> Any:
    return make_pipeline(StandardScaler(), LogisticRegression()).fit(frame[FEATURES], frame.y)


def test_a_training_is_calibrated_as_its_parent_and_measured_on_other_rows(job: Job) -> None:
    methods = {None: "isotonic", "sigmoid": "sigmoid", "none": None}
    assert {name: calibration_method(plain(), replace(job, calibrate=name)) for name in methods} == methods
    assert calibration_method(CalibratedClassifierCV(plain()).fit(Z, FRAMES.training.y), job) is None
    stored = store(plain(), FRAMES, replace(job, store="register", provenance={"seed": 7}))
    (version,) = [one for one in ModelSeeds(Path(job.project), "loyal").versions() if one.version == 2]
    assert (stored["version"], stored["artifact_sha256"]) == (2, version.sha256)
    assert version.provenance == {"calibrate": "isotonic", "seed": 7} and stored["compared_sha256"] is None
    earlier, later = FRAMES.holdout[:50], FRAMES.holdout[50:]
    from sklearn.frozen import FrozenEstimator

    calibrated = CalibratedClassifierCV(FrozenEstimator(plain()), method="isotonic")
    scores = calibrated.fit(earlier[FEATURES], earlier.y).predict_proba(later[FEATURES])
    assert stored["metrics"] == version.metrics
    assert version.metrics["log_loss"] == round(log_loss(later.y, scores), 6)
    assert version.metrics["roc_auc"] == round(roc_auc_score(later.y, scores[:, 1]), 6)
    # the same training beside the registered one, and one of other rows
    again = store(plain(), FRAMES, replace(job, compared=version.to_row()))
    assert (again["version"], again["artifact_sha256"]) == (None, version.sha256)
    assert again["predictions_sha256"] == again["compared_sha256"] == stored["predictions_sha256"]
    other = store(plain(FRAMES.training[:300]), FRAMES, replace(job, calibrate="none"))
    assert other["predictions_sha256"] != again["predictions_sha256"] and other["version"] is None
    assert len(ModelSeeds(Path(job.project), "loyal").versions()) == 2


def test_a_background_is_drawn_as_for_the_parent(job: Job) -> None:
    assert background_of_parent(job, 100) is None
    parent = Version.from_row(job.parent)
    drawn = replace(parent, program={"reasons": {"background": {"drawn": True, "rows": 70}}})
    found = [background_of_parent(replace(job, parent=drawn.to_row()), count) for count in (100, 50)]
    assert found in ([70, 50], [None, None])


def test_the_rows_of_a_background_that_was_given_are_taken_again(tmp_path: Path, job: Job) -> None:
    (tmp_path / "dbt_project.yml").write_text("name: house\n")
    given = grouped({"task": "classification", "y": FRAMES.training.y, "background": Z[:7]})
    parent = register(plain(), "loyal", Z, project_dir=tmp_path, **given)
    found = background_of_parent(replace(job, project=str(tmp_path), parent=parent.to_row()), 100)
    pd.testing.assert_frame_equal(found, Z[:7], check_dtype=False)


class Odd(LogisticRegression):
    def predict(self, X: Any) -> Any:
        if len(X) == len(FRAMES.holdout):
            raise ValueError("a gap\nand more")
        return super().predict(X)


def of(names: list[str], kind: Any = LogisticRegression) -> Any:
    wide = FRAMES.training.assign(**{name: 1.0 for name in names if name not in FRAMES.training})
    return kind().fit(wide[names], wide.y)


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (lambda: LogisticRegression, "returned the class LogisticRegression"),
        (lambda: "x" * 200, "own:train returned 'xxx"),
        (lambda: LogisticRegression(), "returned an estimator that does not score"),
        (lambda: of(["a"]), r"than it should: without 'b'\."),
        (lambda: of(["a", "b", "y"]), r"with 'y'\.(.|\n)*fit without the column 'y', which is no feature"),
        (lambda: of(["a", "b", "c"]), r"with 'c'\.(.|\n)*fit on these columns, or name others"),
        (lambda: of(["a", *"cdefgh"]), r"with 'c', 'd', 'e', 'f', 'g' and others; without 'b'\."),
        (lambda: LogisticRegression().fit(Z[["a"]].to_numpy(), FRAMES.training.y), r"should: 1 features\."),
        (
            lambda: LogisticRegression().fit(Z, FRAMES.training.y + 1),
            r"\[1, 2\], but the label y is also 0\.",
        ),
        (lambda: of(FEATURES, Odd), r"fails on the 101 rows held out \(ValueError: a gap\)\."),
    ],
)
def test_what_a_function_must_not_return(made: Any, said: str, job: Job) -> None:
    with pytest.raises(EstimatorError, match=said):
        fitted(made(), FRAMES, job)


def test_classes_that_are_not_known_are_not_compared(job: Job) -> None:
    _check_classes(LinearRegression(), FRAMES, job)
    odd = LogisticRegression().fit(Z, FRAMES.training.y + 1)
    _check_classes(odd, FRAMES, replace(job, parent={**job.parent, "task": "ranking"}))
    with pytest.raises(EstimatorError, match="but the label y is also 0"):
        _check_classes(odd, FRAMES, job)


def test_what_a_function_may_return(job: Job) -> None:
    assert fitted(estimator := plain(), FRAMES, job) is estimator
    bare = LogisticRegression().fit(Z.to_numpy(), FRAMES.training.y)
    assert fitted(bare, FRAMES, job) is bare
    gaps = Frames(FRAMES.training, FRAMES.holdout.assign(b=np.nan))
    with pytest.raises(EstimatorError, match=r"; values are missing in 'b'\."):
        fitted(plain(), gaps, job)
    outputs = {"prediction_one": "one", "prediction_two": "two"}
    parent = replace(Version.from_row(job.parent), task="multioutput_regression", outputs=outputs, classes=())
    several = replace(job, parent=parent.to_row(), labels=("a", "b"))
    Y = FRAMES.training[["a", "b"]]
    assert fitted(lines := LinearRegression().fit(Z, Y), FRAMES, several) is lines
    for estimator, given in (
        (LinearRegression().fit(Z, Y.a), "1 output per row"),
        (MultiOutputRegressor(LinearRegression()).fit(Z, Y.assign(c=1.0)), "3 outputs per row"),
    ):
        with pytest.raises(EstimatorError, match=f"an estimator with {given}"):
            fitted(estimator, FRAMES, several)


def test_a_function_gets_what_its_parameters_name(job: Job) -> None:
    frame = FRAMES.training
    known = {"seed": 7, "label": "y", "time": "day", "features": FEATURES}
    called: Any = worker._called
    assert called(lambda frame: len(frame), frame, known, job) == len(frame)
    assert called(lambda frame, seed, label: (seed, label), frame, known, job) == (7, "y")
    assert called(lambda frame, **rest: rest, frame, known, job) == known
    with pytest.raises(EstimatorError, match=r"own:train failed \(KeyError: 'no'\)"):
        called(lambda frame: frame["no"], frame, known, job)
    own = ConfigurationError("x", "a", expected="b", action="c")

    def raises(_: Any) -> None:
        raise own

    with pytest.raises(ConfigurationError) as raised:
        called(raises, frame, known, job)
    assert raised.value is own
    drawn: list[Any] = []
    for _ in range(2):  # by the seed of the job
        worker._fit(plain, FRAMES, job)
        drawn.append((random.random(), np.random.random()))
    assert drawn[0] == drawn[1] != (random.random(), np.random.random())


def test_trainings_are_compared_by_bytes_then_by_predictions() -> None:
    some = Rows("digest", 3, 2, 0, 0, "", "", "")
    found = [_compared(("x", y), ("p", q), some) for y, q in (("x", "p"), ("x", "q"), ("y", "p"), ("y", "q"))]
    assert [proof.equal for proof in found] == [ARTIFACT, ARTIFACT, PREDICTIONS, NOTHING]
    assert {(proof.rows, proof.rows_sha256, proof.version) for proof in found} == {(5, "digest", None)}
