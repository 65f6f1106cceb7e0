"""Signatures by key: what they cover, what they refuse, and the policy `require_signed_by`."""

from __future__ import annotations

import base64
import json
import shutil
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import scorehouse
from keys import make_key
from project import SUPPORT
from scorehouse.cli.main import main
from scorehouse.errors import ConfigurationError, LoadRefusedError
from scorehouse.registry.artifact import check_key
from scorehouse.registry.key_signature import (
    KEY_SIGNATURE,
    _algorithm,
    _encoded,
    _root,
    belong_together,
    check_covers,
    read_key,
    sign_files,
    signed_files,
)
from scorehouse.registry.policy import LoadPolicy
from scorehouse.registry.seeds import ModelSeeds
from small_churn import churn

pytest.importorskip("cryptography", reason="needs the extra evidence")

FILES = {"model.joblib": "ab" * 32, "deep/signature.json": "cd" * 32}
THEIRS = SUPPORT / "evidence"  # a folder that OpenSSF model-signing 1.1.1 has signed, with its public key


@pytest.mark.parametrize("curve", ["SECP256R1", "SECP384R1", "SECP521R1"])
def test_what_is_signed_is_what_is_read(curve: str, tmp_path: Path) -> None:
    private, public = make_key(tmp_path, curve=curve)
    assert signed_files(sign_files("churn", FILES, private, "x"), public, "it", "x") == FILES


def test_a_signature_by_model_signing_is_accepted() -> None:
    """The other way round, made by `pip install model-signing==1.1.1 pyopenssl` and then
    `python -m model_signing sign key signed --private_key k.pem --signature signed/model.sig`.
    """
    found = signed_files((THEIRS / KEY_SIGNATURE).read_bytes(), THEIRS / "key.pub.pem", "it", "x")
    assert found == json.loads((THEIRS / "digests.json").read_text())


def statement_in(data: bytes) -> dict[str, Any]:
    return dict(json.loads(base64.b64decode(json.loads(data)["dsseEnvelope"]["payload"])))


def test_a_signature_says_what_one_by_model_signing_says(tmp_path: Path) -> None:
    """All but whose key it is and what they sign, so that `model_signing verify key` accepts it."""
    private, _ = make_key(tmp_path)
    theirs = (THEIRS / KEY_SIGNATURE).read_bytes()
    data = sign_files("signed", json.loads((THEIRS / "digests.json").read_text()), private, "x")
    ours, known = statement_in(data), statement_in(theirs)
    for one in (ours, known):
        one["predicate"]["serialization"]["ignore_paths"].sort()
    assert ours == known
    ours, known = json.loads(data), json.loads(theirs)
    signature = {"payload": "", "signatures": [{"sig": "", "keyid": ""}]}
    assert ours["dsseEnvelope"] | signature == known["dsseEnvelope"] | signature
    for one, public in ((ours, tmp_path / "release.pub.pem"), (known, THEIRS / "key.pub.pem")):
        hint = one["verificationMaterial"]["publicKey"].pop("hint")
        assert hint == sha256(public.read_bytes()).hexdigest() and one.pop("dsseEnvelope")
    assert ours == known


def hashed_by_md5(statement: dict[str, Any]) -> None:
    for each in statement["predicate"]["resources"]:
        each["algorithm"] = "md5"


def twice(statement: dict[str, Any]) -> None:
    resources = statement["predicate"]["resources"] * 2
    statement["predicate"]["resources"] = resources
    statement["subject"][0]["digest"]["sha256"] = _root(resources)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda statement: statement.update(_type="other"), "ValueError: its type is"),
        (lambda statement: statement.update(predicateType="other"), "its type is 'other'"),
        (lambda statement: statement["predicate"]["resources"].pop(), "the digest of the whole is not"),
        (hashed_by_md5, r"files are hashed by \['md5'\]"),
        (lambda statement: statement["subject"].clear(), "IndexError"),
        (twice, "a file is listed twice"),
    ],
)
def test_a_list_that_is_signed_and_cannot_be_used(change: Any, problem: str, tmp_path: Path) -> None:
    """By the right key, but by another tool, or for something else."""
    private, public = make_key(tmp_path)
    data = sign_files("churn", FILES, private, "x")
    statement, key = statement_in(data), read_key(private, "private", "x")
    change(statement)
    payload = json.dumps(statement).encode()
    signature = key.sign(_encoded(payload), _algorithm(key))

    def signed(envelope: dict[str, Any]) -> None:
        envelope["payload"] = base64.b64encode(payload).decode()
        envelope["signatures"][0]["sig"] = base64.b64encode(signature).decode()

    with pytest.raises(LoadRefusedError, match=f"covers a list of files that cannot be used .*{problem}"):
        signed_files(altered(data, signed), public, "it", "x")


def test_what_a_signature_has_to_cover() -> None:
    pinned = {**FILES, "decision.json": "ef" * 32}
    check_covers({**pinned, "more": "00"}, pinned, "it", Path("key"), "x")
    for signed, problem in (
        (FILES, "the file 'decision.json' of it is not signed, and registered with the sha256 efef"),
        ({**pinned, "decision.json": "00"}, "decides otherwise than the decision.json"),
        (dict.fromkeys(pinned, "00"), "'deep/signature.json' of it is signed with the sha256 00, and"),
    ):
        with pytest.raises(LoadRefusedError, match=problem):
            check_covers(signed, pinned, "it", Path("key"), "x")


def altered(data: bytes, change: Any) -> bytes:
    bundle = json.loads(data)
    change(bundle["dsseEnvelope"])
    return json.dumps(bundle).encode()


def replace_payload(envelope: dict[str, Any]) -> None:
    statement = json.loads(base64.b64decode(envelope["payload"]))
    statement["predicate"]["resources"][0]["digest"] = "00" * 32
    envelope["payload"] = base64.b64encode(json.dumps(statement).encode()).decode()


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (replace_payload, "is not valid for this key"),
        (lambda envelope: envelope.update(payloadType="text/plain"), "is not valid for this key"),
        (lambda envelope: envelope["signatures"].clear(), "cannot be read"),
        (lambda envelope: envelope.update(payload="?"), "cannot be read"),
        (lambda envelope: envelope["signatures"][0].update(sig="?AAAA"), r"cannot be read \(Error: "),
    ],
)
def test_an_altered_signature_is_refused(change: Any, problem: str, tmp_path: Path) -> None:
    private, public = make_key(tmp_path)
    data = sign_files("churn", FILES, private, "x")
    with pytest.raises(LoadRefusedError, match=problem):
        signed_files(altered(data, change), public, "it", "x")


def test_a_key_that_the_project_does_not_accept(tmp_path: Path) -> None:
    own, _ = make_key(tmp_path)
    other, _ = make_key(tmp_path, "other")
    for accepted in ((), ("release.pub.pem",), ("other.pub.pem", "release.pub.pem")):
        check_key(tmp_path, own, LoadPolicy(require_signed_by=accepted), "x")
    with pytest.raises(ConfigurationError, match="is none of those whose signature this project accepts"):
        check_key(tmp_path, other, LoadPolicy(require_signed_by=("release.pub.pem",)), "x")


def test_keys_that_cannot_be_used(tmp_path: Path) -> None:
    private, public = make_key(tmp_path)
    other = make_key(tmp_path, "other")[1]
    data = sign_files("churn", FILES, private, "x")
    with pytest.raises(LoadRefusedError, match="another key signed, or it was altered"):
        signed_files(data, other, "it", "x")
    with pytest.raises(LoadRefusedError, match="cannot be read"):
        signed_files(b"not json", public, "it", "x")
    (tmp_path / "odd.pem").write_text("odd")
    for name in ("release", "other"):  # in both orders
        key = read_key(tmp_path / f"{name}.pem", "private", "x")
        found = [belong_together(key, tmp_path / f"{one}.pub.pem", "x") for one in ("release", "other")]
        assert found == [name == "release", name == "other"]
    for file, problem in ((tmp_path / "none.pem", "cannot be read"), (tmp_path / "odd.pem", "holds no")):
        with pytest.raises(ConfigurationError, match=f"{problem}"):
            sign_files("churn", FILES, file, "x")
        with pytest.raises(ConfigurationError, match=f"{problem}") as raised:
            signed_files(data, file, "it", "x")
        assert "the public key belongs in version control" in raised.value.action or problem == "holds no"
    with pytest.raises(ConfigurationError, match="holds no private key"):
        sign_files("churn", FILES, public, "x")


@pytest.fixture
def house(empty_project: Path) -> Path:
    """A project with one version, a key pair, and the policy to load signed versions only."""
    churn(alias="champion", program=False)
    make_key(empty_project)
    policy = "{require_signed_by: release.pub.pem}"
    (empty_project / "dbt_project.yml").write_text(
        f"name: house\nvars:\n  scorehouse_load_policy: {policy}\n"
    )
    return empty_project


def run(*words: str) -> Result:
    return CliRunner().invoke(main, list(words))


def test_only_a_signed_version_is_loaded(house: Path) -> None:
    with pytest.raises(LoadRefusedError, match=r"has no key signature: 'artifacts/churn/1/model\.sig'"):
        scorehouse.load("churn", house)
    refused = run("check")
    assert refused.exit_code == 1 and refused.output.count("has no key signature") == 1
    assert "has no key signature" in run("promote", "churn", "1", "--alias", "second").output
    signed = run("evidence", "sign", "churn", "--key", "release.pem")
    assert signed.exit_code == 0, signed.output
    assert scorehouse.load("churn", house).predict({"age": 30.0, "visits": 3})["row_status"] == "scored"
    assert run("check").exit_code == 0


def test_a_signature_of_another_key_or_of_other_files_is_refused(house: Path) -> None:
    """Registry and artifact are exchanged together, as only who can write to version control could."""
    make_key(house, "other")
    assert run("evidence", "sign", "churn/1", "--key", "other.pem").exit_code == 0
    with pytest.raises(LoadRefusedError, match="another key signed"):
        scorehouse.load("churn", house)
    assert run("evidence", "sign", "churn/1", "--key", "release.pem").exit_code == 0
    with pytest.raises(LoadRefusedError, match="not signed yet cannot have an alias"):
        churn(strength=0.01, alias="champion", program=False)
    churn(strength=0.01, program=False)
    one, two = house / "artifacts/churn/1", house / "artifacts/churn/2"
    shutil.copy(one / KEY_SIGNATURE, two)
    with pytest.raises(LoadRefusedError, match="is signed with the sha256"):
        scorehouse.load("churn/2", house)
    assert [version.version for version in ModelSeeds(house, "churn").versions()] == [1, 2]
    scorehouse.load("churn/1", house)


@pytest.mark.parametrize(
    "edit",
    [
        {"threshold": 0.05},
        {"classes": (1, 0)},
        {"name": "other"},
        {"version": 2},
        {"task": "anomaly"},
        {"score_method": "decision_function"},
        {"program": {"sql": "another"}},
        {"class_columns": {"score": 0}},
    ],
    ids=lambda edit: next(iter(edit)),
)
def test_a_signature_is_of_one_decision(house: Path, edit: dict[str, Any]) -> None:
    """Moved to another version, or with another threshold: what was signed is not what is registered."""
    from scorehouse.registry import artifact
    from scorehouse.registry.policy import load_policy

    assert run("evidence", "sign", "churn/1", "--key", "release.pem").exit_code == 0
    (version,) = ModelSeeds(house, "churn").versions()
    policy = load_policy(house)
    promoted = replace(version, aliases=("challenger",), description="told otherwise")
    artifact.require_signed(house, promoted, policy, "x")
    assert json.loads((house / "artifacts/churn/1/decision.json").read_text())["name"] == "churn"
    with pytest.raises(LoadRefusedError, match="decides otherwise than the decision"):
        artifact.require_signed(house, replace(version, **edit), policy, "x")


def test_a_signed_threshold_is_promoted_signed_again_and_the_old_run_still_read(house: Path) -> None:
    from scorehouse.registry import artifact
    from scorehouse.registry.policy import load_policy
    from scorehouse.replay.logged_run import logged_policy, logged_version

    assert run("evidence", "sign", "churn/1", "--key", "release.pem").exit_code == 0
    (before,) = ModelSeeds(house, "churn").versions()
    promoted = run("promote", "churn", "1", "--threshold", "0.6")
    assert promoted.exit_code == 0 and "next: scorehouse evidence sign churn/1" in promoted.output
    with pytest.raises(LoadRefusedError, match="decides otherwise"):
        scorehouse.load("churn", house)
    assert run("evidence", "sign", "churn/1", "--key", "release.pem").exit_code == 0
    scorehouse.load("churn", house)
    versions, policy = ModelSeeds(house, "churn").versions(), load_policy(house)
    decided = {name: before.to_row()[name] for name in ("classes", "class_columns", "threshold")}
    logged = {
        "model_version": 1,
        "model_digest": before.sha256,
        "model_name": "churn",
        "configuration": json.dumps({"registry": decided}),
    }
    then = logged_version(logged, versions, "x")
    assert (then.threshold, versions[0].threshold) == (before.threshold, 0.6)
    artifact.load(house, then, logged_policy(logged, versions, house, policy, "x"), "x")
    (house / "artifacts/churn/1" / KEY_SIGNATURE).unlink()
    with pytest.raises(LoadRefusedError, match="has no key signature"):
        logged_policy(logged, versions, house, policy, "x")


def test_nothing_is_opened_before_the_signature_was_checked(
    house: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The registered files are not even hashed."""
    from scorehouse.registry import artifact

    def never(*_: object) -> bytes:
        raise AssertionError("a file was read")

    monkeypatch.setattr(artifact, "read_verified", never)
    with pytest.raises(LoadRefusedError, match="has no key signature"):
        scorehouse.load("churn", house, backend="estimator")


def test_sign_refuses_files_that_are_not_the_registered_ones(house: Path) -> None:
    (house / "artifacts/churn/1/model.joblib").write_bytes(b"other")
    ended = run("evidence", "sign", "churn", "--key", "release.pem")
    assert ended.exit_code == 1 and "has the sha256" in ended.output
    assert not (house / "artifacts/churn/1" / KEY_SIGNATURE).exists()
    ended = run("evidence", "sign", "churn", "--key", "nowhere.pem")
    assert ended.exit_code == 1 and "What to do: " in ended.output


def test_a_key_of_another_rotation_counts(house: Path) -> None:
    make_key(house, "next")
    policy = "{require_signed_by: [next.pub.pem, release.pub.pem]}"
    (house / "dbt_project.yml").write_text(f"name: house\nvars:\n  scorehouse_load_policy: {policy}\n")
    run("evidence", "sign", "churn", "--key", "release.pem")
    assert scorehouse.load("churn", house) is not None
