"""Damaged artifacts are refused before anything in them is opened, and forbidden ones are never opened.

The artifact is a pickle that leaves a mark when it is loaded; an audit hook counts every class that any
unpickler looks up. `SCOREHOUSE_CORRUPTIONS` sets how many damaged files are tried (default 2,000).
"""

from __future__ import annotations

import io
import json
import os
import random
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from project import DbtProject
from scorehouse import Card, register
from scorehouse.errors import ArtifactError, LoadRefusedError
from scorehouse.registry import artifact
from scorehouse.registry.policy import LoadPolicy
from scorehouse.registry.storage import sha256
from scorehouse.registry.version import Version

CORRUPTIONS = int(os.environ.get("SCOREHOUSE_CORRUPTIONS", "2000"))
found_classes: list[str] = []
_listening: list[bool] = []  # an audit hook cannot be removed: it is told to be deaf


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if _listening and event == "pickle.find_class":
        found_classes.append(".".join(map(str, arguments)))


sys.addaudithook(_hook)


@pytest.fixture
def opened() -> Iterator[list[str]]:
    """The classes that unpicklers looked up during the test."""
    found_classes.clear()
    _listening.append(True)
    yield found_classes
    _listening.clear()


class Marking:
    """Pickles as an instruction to run a command."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"echo ran > '{self.mark}'",)


@pytest.fixture
def planted(tmp_path: Path) -> tuple[Path, Version, Path]:
    """A project with a version whose artifact was replaced by a marking pickle, honestly registered."""
    (tmp_path / "dbt_project.yml").write_text("name: house\n")
    X = np.random.default_rng(0).normal(size=(60, 2))
    estimator = LogisticRegression().fit(X, X[:, 0] > 0)
    version = register(
        estimator,
        "planted",
        X,
        task="classification",
        card=Card(feature_names=["a", "b"]),
        project_dir=tmp_path,
    )
    mark = tmp_path / "mark"
    stream = io.BytesIO()
    joblib.dump([Marking(mark), *[estimator] * 3], stream)
    data = stream.getvalue()
    (tmp_path / version.artifact).write_bytes(data)
    return tmp_path, replace(version, sha256=sha256(data), size_bytes=len(data)), mark


def damaged(data: bytes, draw: random.Random) -> bytes:
    """One byte changed, a part cut off, two parts swapped, or a byte put in or taken out."""
    first, second = sorted(draw.sample(range(len(data) + 1), 2))
    ways: list[Callable[[], bytes]] = [
        lambda: data[: first - 1] + bytes([data[first - 1] ^ draw.randrange(1, 256)]) + data[first:],
        lambda: data[:first],
        lambda: data[second:],
        lambda: data[:first] + data[second:],
        lambda: data[second:] + data[first:second] + data[:first],
        lambda: data[:first] + draw.randbytes(1) + data[first:],
        lambda: b"",
        lambda: data + draw.randbytes(draw.randrange(1, 9)),
    ]
    while (other := draw.choice(ways)()) == data:
        first, second = sorted(draw.sample(range(len(data) + 1), 2))
    return other


@pytest.mark.slow
def test_damaged_files_are_refused_unopened(planted: tuple[Path, Version, Path], opened: list[str]) -> None:
    project, version, mark = planted
    model = project / version.artifact
    files = [model, model.with_name(artifact.SIGNATURE_FILE)]
    contents = [file.read_bytes() for file in files]
    draw = random.Random(20_240_229)
    for number in range(CORRUPTIONS):
        which = number % 2
        swapped = number % 40 == 0  # the one in the place of the other
        changed = contents[1 - which] if swapped else damaged(contents[which], draw)
        assert changed != contents[which]
        files[which].write_bytes(changed)
        with pytest.raises(ArtifactError, match="registered sha256"):
            artifact.load(project, version, LoadPolicy(), "test")
        files[which].write_bytes(contents[which])
    assert not opened
    assert not mark.exists()


def test_the_proof_can_fail(planted: tuple[Path, Version, Path], opened: list[str]) -> None:
    project, version, mark = planted
    artifact.load(project, version, LoadPolicy(), "test")
    assert any("system" in name for name in opened)
    assert mark.read_text() == "ran\n"


@pytest.mark.parametrize(
    "policy", [LoadPolicy(formats=("skops",)), LoadPolicy(pickle="refuse")], ids=["skops only", "no pickle"]
)
def test_honestly_registered_command_is_refused(
    planted: tuple[Path, Version, Path], policy: LoadPolicy, opened: list[str]
) -> None:
    project, version, mark = planted
    with pytest.raises(LoadRefusedError, match="'joblib', which the load policy does not allow"):
        artifact.load(project, version, policy, "test")
    assert not opened and not mark.exists()


@pytest.mark.heavy
def test_a_pickle_that_says_it_is_skops_is_not_opened(
    planted: tuple[Path, Version, Path], opened: list[str]
) -> None:
    project, version, mark = planted
    lying = replace(version, artifact_format="skops")
    with pytest.raises(ArtifactError, match="does not load"):
        artifact.load(project, lying, LoadPolicy(formats=("skops",)), "test")
    assert not opened and not mark.exists()


@pytest.mark.heavy
@pytest.mark.parametrize("where", ["schema", "each node", "a file beside it"])
def test_skops_file_that_trusts_itself_is_refused(
    planted: tuple[Path, Version, Path], where: str, opened: list[str]
) -> None:
    import skops.io

    project, version, mark = planted
    with zipfile.ZipFile(io.BytesIO(skops.io.dumps([os.system, Marking(mark)]))) as archive:
        schema = json.loads(archive.read("schema.json"))
        rest = {name: archive.read(name) for name in archive.namelist() if name != "schema.json"}
    _vouch(schema, every_node=where == "each node")
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("schema.json", json.dumps(schema))
        archive.writestr("trusted.json", json.dumps(["posix.system", "os.system"]))
        for name, data in rest.items():
            archive.writestr(name, data)
    (project / version.artifact).write_bytes(stream.getvalue())
    digest = sha256(stream.getvalue())
    lying = replace(version, artifact_format="skops", sha256=digest)
    with pytest.raises(LoadRefusedError, match=r"types that are not trusted: .*system") as caught:
        artifact.load(project, lying, LoadPolicy(formats=("skops",)), "test")
    assert "trusted_types in the variable scorehouse_load_policy" in str(caught.value)
    assert not opened and not mark.exists()


def _vouch(node: Any, *, every_node: bool) -> None:
    if isinstance(node, dict):
        if "__loader__" in node:
            node |= {"trusted": ["posix.system", "os.system", "nt.system"], "__trusted__": True}
        for value in list(node.values()) if every_node else []:
            _vouch(value, every_node=True)
    elif isinstance(node, list):
        for value in node:
            _vouch(value, every_node=every_node)


@pytest.mark.slow
def test_refusal_is_logged_as_a_failed_run(project: DbtProject) -> None:
    X = np.random.default_rng(0).normal(size=(60, 2))
    estimator = LogisticRegression().fit(X, X[:, 0] > 0)
    project.register(estimator, "churn", X, task="classification", feature_names=["a", "b"])
    project.features("select i as id, i * 1e0 as a, 0e0 as b from range(5) t(i)")
    project.python_model("scores", "churn", key="id", backend="estimator")
    project.build().check()
    project.settings({"scorehouse_load_policy": {"formats": ["skops"]}})
    before = project.content("scores")
    assert not project.build().success
    *_, run = project.runs("scores")
    assert run["status"] == "failed"
    assert "which the load policy does not allow" in run["error"]
    assert project.content("scores") == before
