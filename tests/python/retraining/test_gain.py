"""`scorehouse retrain --measure`: whether a refit on newer rows helps, or that it cannot be known."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t
from sklearn.linear_model import LinearRegression, LogisticRegression

from project import DbtProject
from retrained import FEATURES, make_shop, retrain, said, scorehouse, versions, world
from scorehouse.registry.version import Version
from scorehouse.retraining import gain
from scorehouse.retraining.job import Frames, Job

FLIP = "2025-02-10"  # from which day on the world is another one


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> DbtProject:
    return make_shop(tmp_path_factory.mktemp("measured") / "shop")


def champion(project: DbtProject, after: str, until: str) -> None:
    """A champion of the days from `after` on, until `until`."""
    rows = world()
    rows = rows[(rows.day >= after) & (rows.day <= until)]
    fitted = LogisticRegression().fit(rows[FEATURES], rows.came_back)
    facts = {"task": "classification", "trained_to": until, "program": False, "alias": "champion"}
    project.register(fitted, "loyal", rows[FEATURES], rows.came_back, **facts)
    project.dbt("seed", "--full-refresh").check()


def refits(project: DbtProject) -> list[dict[str, str]]:
    with (project.folder / "seeds/ml/loyal/ml_loyal__refit.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def advice(project: DbtProject, version: int) -> dict[str, Any]:
    """The alert about retraining, of a table of signals that asks for it."""
    sql = (project.folder / "models/loyal_retraining.sql").read_text()
    project.write("models/loyal_retraining.sql", sql.replace("1 as version", f"{version} as version"))
    project.dbt("run", "--select", "loyal_retraining").check()
    told = scorehouse(project, "export", "alerts", "--target", "dev", "--output", "alerts.json")
    assert told.returncode == 0, told.stderr
    alerts = json.loads((project.folder / "alerts.json").read_text())["alerts"]
    (found,) = [alert for alert in alerts if alert["topic"] == "retraining"]
    return dict(found)


@pytest.mark.slow
def test_a_world_that_has_changed_is_worth_a_refit(shop: DbtProject, tmp_path: Path) -> None:
    project = shop.copy(tmp_path / "shop")
    unmeasured = advice(project, 1)
    assert (
        unmeasured["code"] == "retrain" and "is not measured: scorehouse retrain loyal" in unmeasured["text"]
    )
    champion(project, "2025-01-01", "2025-02-09")
    ended = retrain(project, "--measure", "--json")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    found = said(ended)
    assert (found["version"], found["metric"], found["not_measured"]) == (2, "roc_auc", "")
    assert found["newer_rows"] == (world().day >= FLIP).sum()
    assert 0.5 < found["gain_low"] < found["gain"] < found["gain_high"] < 1
    assert len(versions(project)) == 2, "nothing is registered"
    (row,) = refits(project)
    assert float(row["gain"]) == pytest.approx(found["gain"], abs=1e-6)
    assert scorehouse(project, "check", "loyal").returncode == 0

    assert found["verdict"] == row["verdict"] == "helps"
    project.dbt("seed", "--select", "ml_loyal__refit").check()
    told = advice(project, 2)
    assert told["code"] == "retrain" and told["action"] == "scorehouse retrain loyal --target dev"
    assert "a refit has ROC AUC better by 0." in told["text"], told["text"]


@pytest.mark.slow
def test_a_world_that_stays_is_not(shop: DbtProject, tmp_path: Path) -> None:
    """The advice says so; and why it cannot be known, where nobody recorded what the champion has seen."""
    project = shop.copy(tmp_path / "shop")
    unknown = retrain(project, "--measure")
    assert unknown.returncode == 11 and "until when loyal version 1 was trained" in unknown.stdout
    champion(project, FLIP, "2025-03-25")
    ended = retrain(project, "--measure")
    assert ended.returncode == 10, ended.stdout + ended.stderr
    assert [(row["version"], bool(row["gain"])) for row in refits(project)] == [("1", False), ("2", True)]
    project.dbt("seed", "--full-refresh", "--select", "ml_loyal__refit").check()
    told = advice(project, 2)
    assert (told["code"], told["action"]) == ("retrain_without_gain", "")
    assert "a refit has ROC AUC better by " in told["text"]
    champion(project, FLIP, "2025-04-25")
    few = retrain(project, "--measure", "--json")
    assert (
        few.returncode == 11
        and "200 are needed; the newest label is of 2025-04-30" in said(few)["not_measured"]
    )
    wrong = retrain(project, "--measure", "--force")
    assert wrong.returncode == 2 and "goes with none of the other options" in wrong.stderr


def test_the_gain_is_the_mean_over_blocks_that_no_refit_has_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the corrected interval of Nadeau and Bengio; rows of one day are one block."""
    random = np.random.default_rng(0)
    day = np.sort(random.integers(0, 60, 900))
    rows = pd.DataFrame({"x": random.normal(size=900), "day": pd.Timestamp("2025-01-01")})
    rows["day"] += pd.to_timedelta(day, "D")
    rows["y"] = rows.x * np.where(day < 20, 1, 2) + random.normal(size=900)
    is_newer = rows.day > "2025-01-20"
    before = LinearRegression().fit(rows.loc[~is_newer, ["x"]], rows.y[~is_newer])
    monkeypatch.setattr(gain, "opened", lambda *_: before)
    known = Version(name="price", version=1, task="regression", trained_to="2025-01-20")
    job = Job("measure", "c", ".", "price", "", "f:f", (), ("y",), "day", 0, ("x",), parent=known.to_row())
    job = replace(job, parent_features=("x",))
    monkeypatch.setattr(gain, "calibration_method", lambda *_: None)
    seen: list[Frames] = []

    def fit(frames: Frames) -> Any:
        seen.append(frames)
        return LinearRegression().fit(frames.training[["x"]], frames.training.y)

    found = gain.gain_of(Frames(rows[:800], rows[800:]), fit, job)
    assert sum(len(one.holdout) for one in seen) == is_newer.sum() == found.newer_rows
    differences = []
    for one in seen:
        assert len(one.training) + len(one.holdout) == 900 and one.training.day.is_monotonic_increasing
        assert not set(one.training.day) & set(one.holdout.day)
        refit = LinearRegression().fit(one.training[["x"]], one.training.y)
        errors = [np.abs(each.predict(one.holdout[["x"]]) - one.holdout.y).mean() for each in (before, refit)]
        differences.append(errors[0] - errors[1])
    share = np.mean([len(one.holdout) / len(one.training) for one in seen])
    half = t.ppf(0.975, 4) * np.sqrt(np.var(differences, ddof=1) * (1 / 5 + share))
    assert (found.metric, found.gain) == ("mae", pytest.approx(np.mean(differences)))
    expected = pytest.approx((np.mean(differences) - half, np.mean(differences) + half), rel=1e-6)
    assert (found.gain_low, found.gain_high) == expected and found.gain_low > 0


@pytest.mark.filterwarnings("ignore:X has feature names")
def test_the_champion_is_measured_on_its_own_features(monkeypatch: pytest.MonkeyPatch) -> None:
    """In its own order, which one that was fitted without names does not check itself."""
    random = np.random.default_rng(0)
    rows = pd.DataFrame({"a": random.normal(size=600), "b": random.normal(size=600)})
    rows["day"] = pd.Timestamp("2025-01-01") + pd.to_timedelta(np.arange(600) // 10, "D")
    rows["y"] = 5 * rows.a - rows.b
    before = LinearRegression().fit(rows[["a", "b"]].to_numpy(), rows.y)
    monkeypatch.setattr(gain, "opened", lambda *_: before)
    monkeypatch.setattr(gain, "calibration_method", lambda *_: None)
    known = Version(name="price", version=1, task="regression", trained_to="2025-01-20").to_row()
    job = Job("measure", "c", ".", "price", "", "f:f", (), ("y",), "day", 0, ("b", "a"), parent=known)

    def measured(*features: str, parent: Mapping[str, Any] = known) -> gain.Gain:
        frames = Frames(rows[:500], rows[500:])
        return gain.gain_of(
            frames,
            lambda some: LinearRegression().fit(some.training[["b", "a"]], some.training.y),
            replace(job, parent=parent, parent_features=features),
        )

    assert measured("a", "b").gain == pytest.approx(0, abs=1e-9)
    assert "price version 1 needs c, not among" in measured("a", "c").not_measured
    undated = measured("a", "b", parent={**known, "trained_to": ""}).not_measured
    assert undated == "nobody recorded until when price version 1 was trained (`trained_to`)"


# --- whether a gain can be known ---


def days(count: int, *, labels: int = 0, each: int = 120) -> tuple[Frames, Job]:
    """Rows of 100 older ones and `each` of some newer days, with numbers or classes to learn."""
    random = np.random.default_rng(0)
    size = 100 + each * count
    rows = pd.DataFrame({"x": random.normal(size=size)})
    number = np.r_[np.zeros(100, int), 1 + np.arange(each * count) // each]
    rows["day"] = pd.Timestamp("2025-01-01") + pd.to_timedelta(number, "D")
    y = rows.x * np.where(number, 2, 1) + random.normal(size=size)
    rows["y"] = y if not labels else np.digitize(y, np.linspace(-1, 1, labels + 1)[1:-1])
    task = "classification" if labels else "regression"
    known = Version(name="m", version=1, task=task, classes=tuple(range(labels)), trained_to="2025-01-01")
    job = Job("measure", "c", ".", "m", "", "f:f", (), ("y",), "day", 0, ("x",), parent=known.to_row())
    return Frames(rows[: size - 50], rows[size - 50 :]), replace(job, parent_features=("x",))


def measured(
    monkeypatch: pytest.MonkeyPatch,
    frames: Frames,
    job: Job,
    *,
    method: str | None = None,
    before: Any = None,
) -> tuple[gain.Gain, list[Any]]:
    """The gain, and for each refit how many of its rows are held out and trained on."""
    kind = LogisticRegression if job.parent["task"] == "classification" else LinearRegression
    older = frames.training[:100]
    champion = before or kind().fit(older[["x"]], older.y)
    monkeypatch.setattr(gain, "opened", lambda *_: champion)
    monkeypatch.setattr(gain, "calibration_method", lambda *_: method)
    made = []

    def fit(some: Frames) -> Any:
        refit = kind().fit(some.training[["x"]], some.training.y)
        made.append((some, champion, refit))
        return refit

    return gain.gain_of(frames, fit, job), made


@pytest.mark.parametrize("count", [3, 4])
def test_the_interval_of_few_blocks(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    found, made = measured(monkeypatch, *days(count))
    errors = [
        [np.abs(each.predict(some.holdout[["x"]]) - some.holdout.y).mean() for each in both]
        for some, *both in made
    ]
    better = np.subtract(*np.transpose(errors))
    shares = [len(some.holdout) / len(some.training) for some, *_ in made]
    half = t.ppf(0.975, count - 1) * np.sqrt(np.var(better, ddof=1) * (1 / count + np.mean(shares)))
    assert len(made) == count and found.gain_high == pytest.approx(better.mean() + half, rel=1e-6)
    assert found.verdict == ("helps" if better.mean() > half else "is not certain to help")


def test_a_calibration_spoils_what_depends_on_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not the order of scores; not a champion and a refit that are not calibrated."""
    two, three = days(5, labels=2), days(5, labels=3)
    for known, method, metric in (
        (two, "isotonic", "roc_auc"),
        (two, None, "roc_auc"),
        (three, None, "log_loss"),
    ):
        found, _ = measured(monkeypatch, *known, method=method)
        assert (found.metric, found.not_measured) == (metric, "") and found.newer_rows == 600
        # one feature gives one order of scores
        assert (found.gain or 0) > 0 if metric == "log_loss" else found.gain == 0
    found, _ = measured(monkeypatch, *three, method="isotonic")
    assert found.not_measured.startswith("log_loss depends on the calibration")


@pytest.mark.filterwarnings("ignore:X has feature names")
def test_why_a_gain_cannot_be_known(monkeypatch: pytest.MonkeyPatch) -> None:
    why = lambda frames, job, **of: measured(monkeypatch, frames, job, **of)[0].not_measured  # noqa: E731
    assert why(*days(2)) == "the newer rows have fewer than 3 blocks of time"
    frames, job = days(4, each=50)
    assert why(frames, job) == ""  # 200 newer rows are enough
    fewer = Frames(frames.training, frames.holdout[:-1])
    assert why(fewer, job).startswith(
        "199 labelled rows are newer than its training, until 2025-01-01, and 200"
    )
    assert "the newest label is of 2025-01-05: measure again" in why(fewer, job)
    ranking = replace(job, parent={**job.parent, "task": "ranking"})
    assert why(frames, ranking).endswith("for a classification or a regression, and this is a ranking")
    frames, job = days(5, labels=2)
    one = [
        frame.assign(y=frame.y.where(frame.day < "2025-01-05", 1))
        for frame in (frames.training, frames.holdout)
    ]
    assert measured(monkeypatch, Frames(*one), job)[0].not_measured == ""  # three blocks have both classes
    one = [
        frame.assign(y=frame.y.where(frame.day < "2025-01-04", 1))
        for frame in (frames.training, frames.holdout)
    ]
    assert why(Frames(*one), job) == "2 blocks of newer rows allow roc_auc, and 3 are needed"
    half: Any = SimpleNamespace(predict=lambda X: np.where(X.x > 0, X.x, np.nan))  # a champion per segment
    assert why(*days(5), before=half) == "some newer rows belong to a segment without an estimator"
    wide = LinearRegression().fit(np.zeros((9, 2)), np.zeros(9))
    assert why(*days(5), before=wide).startswith(
        "m version 1 fails on rows of the training query (ValueError: "
    )


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (0.1, 0.2, "helps"),
        (0.0, 0.2, "is not certain to help"),
        (-0.1, 0.1, "is not certain to help"),
        (-0.1, 0.0, "does not help"),
        (-0.2, -0.1, "does not help"),
    ],
)
def test_what_an_interval_says(low: float, high: float, said: str) -> None:
    assert gain._verdict(low, high) == said
