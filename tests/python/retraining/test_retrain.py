"""`scorehouse retrain` as a scheduler calls it: exit codes, provenance, the gate, proof, and kills."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.linear_model import LogisticRegression

from keys import make_key
from project import DbtProject
from retrained import (
    FEATURES,
    TESTS,
    TRAIN,
    configure,
    make_shop,
    retrain,
    said,
    scorehouse,
    signals,
    variables,
    versions,
    world,
)
from retraining_kills import killed
from scorehouse.project.forgotten import SECRET_FILE
from scorehouse.registration.check_project import check_project
from scorehouse.retraining.run import UNSIGNED

pytestmark = pytest.mark.slow
KILLS = [2, pytest.param(12, marks=pytest.mark.soak)]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> DbtProject:
    return make_shop(tmp_path_factory.mktemp("retrained") / "shop")


@pytest.fixture
def own_shop(shop: DbtProject, tmp_path: Path) -> DbtProject:
    return shop.copy(tmp_path / "shop")


def aliases(project: DbtProject) -> list[tuple[str, ...]]:
    return [version.aliases for version in versions(project)]


def test_the_loop_from_no_reason_to_a_promotion(own_shop: DbtProject) -> None:
    """Nothing is done unasked, a person decides by default, and the same training is found, not repeated."""
    signals(own_shop, asks=False)
    own_shop.dbt("run", "--select", "loyal_retraining").check()
    quiet = retrain(own_shop, "--json")
    assert (quiet.returncode, said(quiet)["outcome"], len(versions(own_shop))) == (10, "not_asked", 1)

    signals(own_shop, asks=True)
    own_shop.dbt("run", "--select", "loyal_retraining").check()
    first = retrain(own_shop)
    assert first.returncode == 20, first.stdout + first.stderr
    assert "asks to train loyal version 1 again: drift of amount" in first.stdout
    assert "scorehouse promote loyal 2" in first.stdout and "training on" not in first.stdout
    assert aliases(own_shop) == [("champion",), ("challenger",)]
    record = versions(own_shop)[1].provenance
    assert (record["parent"], record["seed"], record["commit"]) == (1, 7, None)
    assert record["training"] == "model.house.loyal_training_set"
    assert versions(own_shop)[1].metrics["roc_auc"] > 0.85
    counts = "select model_version, model_version__challenger, count(*) from loyal_scores group by all"
    assert own_shop.query(counts) == [(1, 2, 1200)]

    configure(own_shop, promote="when_gate_passes")
    second = retrain(own_shop, "--json")
    assert (second.returncode, said(second)["found"], said(second)["version"]) == (0, True, 2), second.stderr
    assert aliases(own_shop) == [(), ("challenger", "champion")]
    assert [item.faults for item in check_project(own_shop.folder) if item.faults] == []

    stale = retrain(own_shop)
    assert stale.returncode == 1 and "judges version 1, but the champion is loyal version 2" in stale.stderr
    forced = retrain(own_shop, "--force", "--json")
    assert (forced.returncode, said(forced)["outcome"]) == (0, "unchanged")
    assert "is the champion already" in said(forced)["gate"]


def test_the_gate_refuses_and_says_what_it_found(own_shop: DbtProject) -> None:
    own_shop.write("models/_tests.yml", TESTS.replace("min_rows: 100", "min_rows: 100000"))
    configure(own_shop, promote="when_gate_passes", holdout="20 days")
    ended = retrain(own_shop)
    assert ended.returncode == 30, ended.stdout + ended.stderr
    assert "gate: loyal_not_worse ended with 'fail'" in ended.stdout
    assert "the gate waits for more labels of loyal version 2" in ended.stdout
    assert aliases(own_shop) == [("champion",), ("challenger",)]

    build = ["build", "--select", "tag:ml_loyal+", "--target", "dev"]
    assert not own_shop.dbt(*build).success, "the gate fails as long as the challenger is one"
    command = ended.stdout.rpartition("scorehouse ")[2].splitlines()[0].split()
    assert command == ["promote", "loyal", "--remove", "challenger"]
    removed = scorehouse(own_shop, *command)
    assert "-loyal,2,challenger,...\n+loyal,2,,...\n" in removed.stdout, removed.stderr
    assert aliases(own_shop) == [("champion",), ()]
    own_shop.dbt(*build).check()


def test_a_forgotten_key_is_not_learned_again(own_shop: DbtProject) -> None:
    """Its rows are still in the training query, as they are when the source was not cleaned yet."""
    assert retrain(own_shop).returncode == 20
    forgotten = scorehouse(own_shop, "forget", "--key", "id=700", "--target", "dev", "--also", "visitors")
    assert forgotten.returncode == 3, forgotten.stderr
    ended = retrain(own_shop, "--force")
    assert ", 1 of forgotten keys left out; digest " in ended.stdout, ended.stdout + ended.stderr
    assert own_shop.query("select count(*) from loyal_training_set where id = 700") == [(1,)]
    assert own_shop.query("select count(*) from loyal_scores where id = 700") == [(0,)]
    before, after = (versions(own_shop)[place].provenance for place in (1, 2))
    assert after["rows"] == before["rows"] - 1 and after["rows_sha256"] != before["rows_sha256"]
    (own_shop.folder / SECRET_FILE).unlink()
    refused = retrain(own_shop, "--force")
    assert refused.returncode == 1 and "forgotten persons would return" in refused.stderr


def test_a_training_query_that_fails_registers_nothing(own_shop: DbtProject) -> None:
    own_shop.features("select * from nowhere", name="loyal_training_set")
    ended = retrain(own_shop)
    assert ended.returncode == 1 and "Traceback" not in ended.stderr
    assert "`dbt build --select loyal_training_set` failed" in ended.stderr and "nowhere" in ended.stderr
    assert len(versions(own_shop)) == 1


def test_a_function_that_waits_for_a_person_is_told_that_nobody_answers(own_shop: DbtProject) -> None:
    own_shop.write(
        "learning/loyal.py", TRAIN.replace("    X = frame", "    input('how many rows? ')\n    X = frame")
    )
    ended = retrain(own_shop)
    assert ended.returncode == 1 and "Traceback" not in ended.stderr, ended.stderr
    assert "EOFError" in ended.stderr and len(versions(own_shop)) == 1


def test_a_shadow_that_does_not_exist_is_named_before_the_training(own_shop: DbtProject) -> None:
    configure(own_shop, shadow=["loyal_score"])
    ended = retrain(own_shop)
    assert ended.returncode == 1 and "registered" not in ended.stdout
    assert "`shadow` names 'loyal_score'" in ended.stderr and "did you mean 'loyal_scores'?" in ended.stderr
    assert len(versions(own_shop)) == 1


@pytest.mark.parametrize(
    ("after", "code", "told"),
    [
        ("", 0, "reproducible: both trainings give the same bytes"),
        pytest.param(
            "    model.made_at_ = __import__('time').time_ns()\n",
            0,
            "reproducible in its predictions: both",
            marks=pytest.mark.soak,
        ),
        (
            "    model[-1].coef_ *= __import__('random').SystemRandom().random()\n",
            3,
            "not reproducible: both",
        ),
    ],
)
def test_training_is_reproducible_or_said_not_to_be(
    own_shop: DbtProject, after: str, code: int, told: str
) -> None:
    text = TRAIN.replace("return make_pipeline", "model = make_pipeline") + after + "    return model\n"
    own_shop.write("learning/loyal.py", text)
    ended = retrain(own_shop, "--prove")
    assert ended.returncode == code, ended.stdout + ended.stderr
    assert told in ended.stdout and len(versions(own_shop)) == 1


def test_a_registered_training_is_proven_and_what_has_changed_is_named(own_shop: DbtProject) -> None:
    assert retrain(own_shop).returncode == 20
    own_shop.query("update raw_visits set visits = visits + 1 where day > date '2025-02-20'")
    own_shop.write("learning/loyal.py", TRAIN + "\n# another day\n")
    ended = retrain(own_shop, "--prove", "--version", "2")
    assert ended.returncode == 3, ended.stdout + ended.stderr
    lines = ended.stdout.splitlines()
    assert any(line.startswith("rows: ") and " then, " in line for line in lines)
    assert any(line.startswith("code: ") for line in lines)
    assert not any(line.startswith(("seed: ", "environment: ", "training query: ")) for line in lines)
    unknown = retrain(own_shop, "--prove", "--version", "1")
    assert unknown.returncode == 1 and "version 1 has no provenance" in unknown.stderr


def test_a_challenger_is_calibrated_as_its_parent_was(own_shop: DbtProject) -> None:
    early = world().query("day < '2025-02-10'")
    parent = CalibratedClassifierCV(LogisticRegression(), method="isotonic", cv=3)
    parent.fit(early[FEATURES], early.came_back)
    facts = {"task": "classification", "program": False}
    own_shop.register(parent, "loyal", early[FEATURES], early.came_back, **facts)
    configure(own_shop, gate=None)
    ended = retrain(own_shop, "--force", "--json")
    assert ended.returncode == 20, ended.stdout + ended.stderr
    assert said(ended)["provenance"]["calibrate"] == "isotonic"
    assert said(ended)["gate"] == "no gate is set"


def require_signatures(project: DbtProject, **changed: Any) -> None:
    """Load signed versions only, by a key of the project; the champion is signed."""
    pytest.importorskip("cryptography", reason="needs the extra evidence")
    configure(project, **changed)
    make_key(project.folder)
    policy = {"require_signed_by": ["release.pub.pem"]}
    project.settings({**variables(project), "scorehouse_load_policy": policy})
    assert scorehouse(project, "evidence", "sign", "loyal/1", "--key", "release.pem").returncode == 0


def test_an_unsigned_challenger_waits_for_its_signature(own_shop: DbtProject) -> None:
    """New rows arrive before somebody signs: what is signed goes on all the same."""
    require_signatures(own_shop, promote="when_gate_passes")
    first = retrain(own_shop)
    assert first.returncode == 20, first.stdout + first.stderr
    asked = first.stdout.splitlines()[-3:]
    assert asked[0] == "loyal version 2 is not signed, and has no alias yet. Sign it, and go on:"
    assert aliases(own_shop) == [("champion",), ()] and "shadow" not in first.stdout
    again = retrain(own_shop, "--json")
    assert again.stdout, again.stderr
    assert (again.returncode, said(again)["outcome"], said(again)["found"]) == (20, UNSIGNED, True)
    assert len(versions(own_shop)) == 2

    own_shop.query("update raw_visits set visits = visits + 1 where day > date '2025-04-20'")
    sign, go_on = (shlex.split(line.replace("KEY.pem", "release.pem"))[1:] for line in asked[1:])
    assert scorehouse(own_shop, *sign).returncode == 0
    second = scorehouse(own_shop, *go_on)
    assert second.returncode == 0, second.stdout + second.stderr
    assert "loyal version 2 was trained before, after version 1" in second.stdout
    assert aliases(own_shop) == [(), ("challenger", "champion")]
    assert [item.faults for item in check_project(own_shop.folder) if item.faults] == []
    unknown = retrain(own_shop, "--version", "1")
    assert unknown.returncode == 1 and "version 1 has no provenance" in unknown.stderr


def test_a_key_signs_within_the_run(own_shop: DbtProject) -> None:
    require_signatures(own_shop)
    ended = retrain(own_shop, "--key", "release.pem")
    assert ended.returncode == 20, ended.stdout + ended.stderr
    assert "signed: loyal version 2 (artifacts/loyal/2/model.sig)" in ended.stdout
    assert "gate: loyal_not_worse passed" in ended.stdout and "promote loyal 2" in ended.stdout
    assert aliases(own_shop) == [("champion",), ("challenger",)]
    proven = retrain(own_shop, "--prove", "--version", "2")
    assert proven.returncode == 0, proven.stdout + proven.stderr


def test_what_a_signature_would_stop_afterwards_stops_the_run_before_it_trains(own_shop: DbtProject) -> None:
    require_signatures(own_shop)
    make_key(own_shop.folder, "other")
    for key, problem in (
        ("other.pem", "the key 'other.pem' is none of those whose signature this project accepts"),
        ("nowhere.pem", "the private key 'nowhere.pem' cannot be read"),
        ("release.pub.pem", "'release.pub.pem' holds no private key"),
    ):
        ended = retrain(own_shop, "--key", key)
        assert ended.returncode == 1 and problem in ended.stderr, ended.stderr
        assert "What to do" in ended.stderr and "training on" not in ended.stderr
    (own_shop.folder / "artifacts/loyal/1/model.sig").unlink()
    ended = retrain(own_shop, "--key", "release.pem")
    assert ended.returncode == 1 and "loyal version 1 has no key signature" in ended.stderr
    assert "rows:" not in ended.stdout and len(versions(own_shop)) == 1


def test_an_invalid_signature_is_an_error_and_no_reason_to_wait(own_shop: DbtProject) -> None:
    require_signatures(own_shop)
    assert retrain(own_shop).returncode == 20
    make_key(own_shop.folder, "other")
    assert scorehouse(own_shop, "evidence", "sign", "loyal/2", "--key", "other.pem").returncode == 0
    ended = retrain(own_shop, "--version", "2", "--key", "release.pem")
    assert ended.returncode == 1 and "another key signed, or it was altered" in ended.stderr
    assert aliases(own_shop) == [("champion",), ()]


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("--prove", "--key", "release.pem"), "--key signs a version that is registered"),
        (("--force", "--version", "2"), "--force trains, and --version names what was trained before"),
    ],
)
def test_options_that_contradict_each_other(
    own_shop: DbtProject, words: tuple[str, ...], problem: str
) -> None:
    ended = retrain(own_shop, *words)
    assert ended.returncode == 2 and problem in ended.stderr


@pytest.mark.parametrize("kills", KILLS)
def test_a_kill_at_any_moment_leaves_no_half_version(
    kills: int, own_shop: DbtProject, tmp_path: Path
) -> None:
    """`python benchmarks/retraining_kills.py` does it fifty times, also while challengers are scored."""
    configure(own_shop, shadow=None, gate=None)
    found = killed(own_shop, tmp_path, kills=kills, seed=0, completed_every=kills)
    assert found.half == [] and found.kills == kills
