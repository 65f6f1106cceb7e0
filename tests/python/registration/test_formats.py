"""Each format of artifacts: what is written scores as the estimator did, and where it lies."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import KMeans
from sklearn.compose import make_column_transformer
from sklearn.ensemble import IsolationForest, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import LinearSVC

from project import batch_of
from scorehouse import Storage, register
from scorehouse.errors import ArtifactError, ConfigurationError, EstimatorError, LoadRefusedError
from scorehouse.kernel.scorer import Kernel
from scorehouse.registration.groups import grouped
from scorehouse.registry import artifact
from scorehouse.registry.formats import FORMATS
from scorehouse.registry.policy import LoadPolicy
from scorehouse.registry.seeds import ModelSeeds
from scorehouse.registry.storage import locate, sha256, write
from scorehouse.registry.version import Version

TRUSTED = ("numpy.dtype", "sklearn.tree._tree.Tree")
random = np.random.default_rng(3)
ROWS = 400
X = pd.DataFrame(
    {
        "amount": np.round(random.uniform(0, 100, ROWS), 2),
        "visits": np.where(random.random(ROWS) < 0.1, np.nan, random.integers(0, 13, ROWS)),
        "plan": random.choice(["basic", "plus"], ROWS),
    }
)
N = X[["amount", "visits"]]
LABEL = np.where(X["amount"] + random.normal(0, 20, ROWS) > 50, "yes", "no")
CLASS = pd.cut(X["amount"], 3, labels=False).to_numpy()


def added(estimator: Any, name: str, X: Any, **facts: Any) -> Version:
    """Register with arguments by their own names."""
    return register(estimator, name, X, **grouped(facts))


def prepared(final: Any) -> Any:
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    columns = make_column_transformer((numbers, ["amount", "visits"]), (OneHotEncoder(), ["plan"]))
    return make_pipeline(columns, final)


CASES: dict[str, tuple[Any, pd.DataFrame, Any, str]] = {
    "logistic": (prepared(LogisticRegression()), X, LABEL, "classification"),
    "svc of three": (make_pipeline(SimpleImputer(), LinearSVC()), N, CLASS, "classification"),
    "forest": (make_pipeline(SimpleImputer(), RandomForestClassifier(10)), N, CLASS, "classification"),
    "ridge": (prepared(Ridge()), X, X["amount"] / 50, "regression"),
    "segments": (
        make_pipeline(SimpleImputer(), StandardScaler(), KMeans(3, random_state=0)),
        N,
        None,
        "clustering",
    ),
    "anomaly": (make_pipeline(SimpleImputer(), IsolationForest(n_estimators=10)), N, None, "anomaly"),
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return project_with(tmp_path / "house", trusted_types=list(TRUSTED))


def project_with(folder: Path, **policy: Any) -> Path:
    import yaml

    folder.mkdir(exist_ok=True)
    text = yaml.safe_dump({"name": "house", "vars": {"scorehouse_load_policy": policy}})
    (folder / "dbt_project.yml").write_text(text)
    return folder


def kernel_of(project: Path, version: Version, policy: LoadPolicy) -> Kernel:
    estimator, signature, _ = artifact.load(project, version, policy, "test")
    return Kernel(estimator, version, signature, strict=frozenset(), call="test")


@pytest.mark.heavy
@pytest.mark.parametrize("artifact_format", ["skops", "onnx"])
@pytest.mark.parametrize("case", CASES)
def test_scores_like_joblib(case: str, artifact_format: str, project: Path) -> None:
    estimator, frame, y, task = CASES[case]
    estimator = estimator.fit(frame) if y is None else estimator.fit(frame, y)
    policy = LoadPolicy(trusted_types=TRUSTED)
    add = partial(added, estimator, X=frame, task=task, project_dir=project)
    plain, other = add(name="plain"), add(name="other", format=artifact_format)
    assert (other.artifact_format, plain.parity) == (artifact_format, {})
    assert other.parity["rows"] == ROWS and other.parity["label_flips"] == 0
    assert other.parity["max_difference"] <= (0 if artifact_format == "skops" else 1e-5)
    assert ModelSeeds(project, "other").versions() == [other]  # parity stands in the registry
    first = kernel_of(project, plain, policy)(batch_of(frame))
    second = kernel_of(project, other, policy)(batch_of(frame))
    if artifact_format == "skops":
        assert first.equals(second)
        return
    assert first.schema == second.schema
    one, two = first.to_pandas(), second.to_pandas()
    pd.testing.assert_frame_equal(one, two, check_exact=False, rtol=0, atol=2e-5)
    # the same estimator again is the same version: what is written does not vary
    assert add(name="other", format=artifact_format) == other


@pytest.mark.heavy
def test_the_same_estimator_has_the_same_skops_bytes() -> None:
    from scorehouse.registry.formats import skops

    first, again = (
        skops.dump(prepared(LogisticRegression()).fit(X, LABEL), None, None, "test")  # type: ignore[arg-type]
        for _ in range(2)
    )
    assert sha256(first) == sha256(again)


@pytest.mark.heavy
def test_onnx_that_differs_is_not_registered(project: Path) -> None:
    estimator = prepared(Ridge()).fit(X, X["amount"] * 1e4)
    add = partial(added, estimator, "demand", X, task="regression", format="onnx", project_dir=project)
    with pytest.raises(EstimatorError, match="onnx file of Pipeline differs from it on training rows"):
        add()
    assert not (project / "seeds").exists() and not (project / "artifacts").exists()
    assert 1e-5 < add(parity_tolerance=1e-2).parity["max_difference"] < 1e-2


@pytest.mark.heavy
def test_given_onnx_file_is_measured_against_the_estimator(project: Path, tmp_path: Path) -> None:
    frame = N.fillna(0.0)
    one, other = (LogisticRegression(C=c).fit(frame, LABEL) for c in (1.0, 1e-6))
    version = register(
        one, "source", frame, task="classification", storage=Storage(format="onnx"), project_dir=project
    )
    file = tmp_path / "given.onnx"
    file.write_bytes((project / version.artifact).read_bytes())
    add = partial(added, X=frame, task="classification", format="onnx", artifact=file, project_dir=project)
    assert add(one, "given").sha256 == version.sha256
    with pytest.raises(EstimatorError, match="differs from it on training rows"):
        add(other, "given")
    file.write_bytes(b"not onnx")
    with pytest.raises(ArtifactError, match="does not load"):
        add(one, "given")


def test_no_memory_is_not_called_a_missing_library(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = N.fillna(0.0)
    fitted = LogisticRegression().fit(frame, LABEL)
    version = added(fitted, "big", frame, task="classification", project_dir=project)

    def load(file: object) -> None:
        raise MemoryError("Unable to allocate 9 GiB")

    monkeypatch.setattr("joblib.load", load)
    with pytest.raises(ArtifactError) as caught:
        FORMATS["joblib"].open(b"", version, (), "check")
    said = str(caught.value)
    assert "Unable to allocate 9 GiB" in said and "more memory" in said and "install" not in said


@pytest.mark.heavy
def test_skops_types_are_trusted_by_the_project_only(tmp_path: Path) -> None:
    estimator = make_pipeline(SimpleImputer(), RandomForestClassifier(5)).fit(N, CLASS)
    bare = project_with(tmp_path / "bare")
    with pytest.raises(LoadRefusedError, match=r"sklearn\.tree\._tree\.Tree") as caught:
        register(
            estimator, "churn", N, task="classification", storage=Storage(format="skops"), project_dir=bare
        )
    assert "trusted_types in the variable scorehouse_load_policy" in str(caught.value)
    trusting = project_with(tmp_path / "trusting", trusted_types=list(TRUSTED))
    version = register(
        estimator, "churn", N, task="classification", storage=Storage(format="skops"), project_dir=trusting
    )
    artifact.load(trusting, version, LoadPolicy(trusted_types=TRUSTED), "test")
    with pytest.raises(LoadRefusedError):
        artifact.load(trusting, version, LoadPolicy(trusted_types=("numpy.dtype",)), "test")


def test_native_needs_an_estimator_of_a_booster_library(project: Path) -> None:
    estimator = LogisticRegression().fit(N.fillna(0), LABEL)
    add = partial(added, estimator, "churn", N.fillna(0), task="classification", project_dir=project)
    with pytest.raises(ConfigurationError, match=r"only estimators of lightgbm, xgboost, catboost"):
        add(format="native")
    with pytest.raises(
        ConfigurationError, match=r"format is 'pickle'[\s\S]*one of joblib, skops, onnx, native"
    ):
        add(format="pickle")


BOOSTERS = ("lightgbm", "xgboost", "catboost")
MISSING = {"skops": "skops", "onnx": "onnx", **dict.fromkeys(BOOSTERS, "boosters")}


@pytest.mark.parametrize(("artifact_format", "extra"), MISSING.items())
def test_missing_extra_is_named(
    artifact_format: str, extra: str, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    estimator = LogisticRegression().fit(N.fillna(0), LABEL)
    version = register(estimator, "churn", N.fillna(0), task="classification", project_dir=project)
    _hide(monkeypatch, "skops", "skl2onnx", "onnxruntime", "lightgbm", "xgboost", "catboost")
    with pytest.raises(ConfigurationError, match=rf"pip install 'scorehouse\[{extra}\]'"):
        artifact.load(project, replace(version, artifact_format=artifact_format), LoadPolicy(), "test")


def test_missing_fsspec_is_named(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    estimator = LogisticRegression().fit(N.fillna(0), LABEL)
    version = register(estimator, "churn", N.fillna(0), task="classification", project_dir=project)
    _hide(monkeypatch, "fsspec")
    policy = LoadPolicy(roots=("s3://bucket",))
    with pytest.raises(ConfigurationError, match=r"pip install 'scorehouse\[remote\]'"):
        artifact.load(project, replace(version, artifact="s3://bucket/m.joblib"), policy, "test")


def _hide(monkeypatch: pytest.MonkeyPatch, *hidden: str) -> None:
    import importlib

    real = importlib.import_module

    def import_module(name: str, package: str | None = None) -> Any:
        if name.partition(".")[0] in hidden:
            raise ImportError(f"No module named {name!r}")
        return real(name, package)

    monkeypatch.setattr(importlib, "import_module", import_module)


@pytest.fixture
def remote(tmp_path: Path) -> Iterator[tuple[str, Path, list[str]]]:
    """A web server: its URL, its folder, and the paths that were asked for."""
    folder, asked = tmp_path / "remote", []
    folder.mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            if self.command == "GET":
                asked.append(self.path)

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", folder, asked
    server.shutdown()
    server.server_close()


@pytest.mark.heavy
def test_the_same_bytes_are_fetched_once(project: Path, remote: tuple[str, Path, list[str]]) -> None:
    pytest.importorskip("aiohttp")
    url, folder, asked = remote
    estimator = LogisticRegression().fit(N.fillna(0), LABEL)
    version = register(estimator, "churn", N.fillna(0), task="classification", project_dir=project)
    (project / "artifacts" / "churn" / "1").rename(folder / "1")
    away = replace(version, artifact=f"{url}/1/model.joblib")
    policy = LoadPolicy(roots=(url,))
    for _ in range(3):
        artifact.load(project, away, policy, "test")
    assert sorted(asked) == ["/1/model.joblib", "/1/signature.json"]
    kept = project / "target" / "scorehouse_cache" / version.sha256
    kept.write_bytes(b"damaged")  # what is kept is hashed again, and fetched anew
    artifact.load(project, away, policy, "test")
    assert asked.count("/1/model.joblib") == 2 and sha256(kept.read_bytes()) == version.sha256
    (folder / "1" / "model.joblib").write_bytes(b"other")
    artifact.load(project, away, policy, "test")
    kept.unlink()
    with pytest.raises(ArtifactError, match="registered sha256"):
        artifact.load(project, away, policy, "test")
    assert not kept.exists()
    (folder / "1" / "model.joblib").unlink()
    with pytest.raises(ArtifactError, match="cannot be fetched"):
        artifact.load(project, away, policy, "test")


@pytest.mark.heavy
@pytest.mark.parametrize("kind", ["memory", "file", "absolute"])
def test_registered_outside_the_project(kind: str, tmp_path: Path) -> None:
    pytest.importorskip("fsspec")
    store = {
        "memory": f"memory://bucket-{tmp_path.name}/models",
        "file": (tmp_path / "models").as_uri(),
        "absolute": str(tmp_path / "models"),
    }[kind]
    project = project_with(tmp_path / "house", roots=[store])
    estimator = LogisticRegression().fit(N.fillna(0), LABEL)
    add = partial(added, estimator, "churn", N.fillna(0), task="classification", store=store)
    version = add(project_dir=project)
    assert version.artifact == f"{store}/churn/1/model.joblib" and not (project / "artifacts").exists()
    artifact.load(project, version, LoadPolicy(roots=(store,)), "test")
    with pytest.raises(LoadRefusedError):
        artifact.load(project, version, LoadPolicy(), "test")
    other = project_with(tmp_path / "other")
    with pytest.raises(LoadRefusedError, match="roots in the variable scorehouse_load_policy"):
        add(project_dir=other)
    assert not (other / "seeds").exists()


@pytest.mark.heavy
def test_scheme_without_a_driver(project: Path) -> None:
    pytest.importorskip("fsspec")
    policy = LoadPolicy(roots=("nosuch://bucket",))
    with pytest.raises(ArtifactError, match="no file system for"):
        write(locate(project, "nosuch://bucket/x", policy, "test"), b"", "test")
