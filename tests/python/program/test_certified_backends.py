"""A project that scores only by what is certified for every input."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from sklearn.base import BaseEstimator
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from project import registered_kernel
from scorehouse.certificate import Certificate
from scorehouse.cli.main import main
from scorehouse.errors import ConfigurationError
from scorehouse.kernel.scorer import Kernel
from scorehouse.kernel.training_batch import training_batch
from scorehouse.program.choose import ProgramFiles, choose_backend
from scorehouse.registration import proven_backend as registration
from scorehouse.registration.find_backends import find_backends
from scorehouse.registry.policy import LoadPolicy
from scorehouse.registry.version import CERTIFICATE, NO_BACKENDS
from visits_frame import FRAME, LABEL, ROWS

X = FRAME[["amount", "visits"]]
CERTIFIED = LoadPolicy(require_certificate=True)
LINEAR = make_pipeline(StandardScaler(), LogisticRegression())
TREES = HistGradientBoostingClassifier(max_iter=4)
PROJECTED = make_pipeline(PCA(2), LogisticRegression())
CURVED = make_pipeline(PolynomialFeatures(2), LogisticRegression(max_iter=2_000))


@pytest.mark.parametrize(
    ("estimator", "usual", "certified"),
    [
        (LINEAR, "sql", "sql"),
        (TREES, "native", "native"),
        (PROJECTED, "matrix", "estimator"),
        (CURVED, "sql", "estimator"),
    ],
    ids=["linear", "trees", "a projection", "powers"],
)
def test_what_scores_is_certified(
    estimator: BaseEstimator, usual: str, certified: str, tmp_path: Path
) -> None:
    kernel = registered_kernel(tmp_path, estimator.fit(X, LABEL), X, LABEL, task="classification")
    for policy, name in ((LoadPolicy(), usual), (CERTIFIED, certified)):
        assert choose_backend(kernel, "auto", ROWS, ProgramFiles(tmp_path, policy)).name == name
    shown = CliRunner().invoke(main, ["show", kernel.version.name, "--project-dir", str(tmp_path)])
    assert "certified   for every input: " in shown.output
    assert "(whole numbers up to 2**53)" in shown.output, "visits are whole numbers"


def test_a_backend_that_is_asked_for_and_not_certified_is_refused(tmp_path: Path) -> None:
    kernel = registered_kernel(tmp_path, CURVED.fit(X, LABEL), X, LABEL, task="classification")
    files = ProgramFiles(tmp_path, CERTIFIED)
    with pytest.raises(ConfigurationError, match="as the load policy requires: sql") as refused:
        choose_backend(kernel, "sql", ROWS, files)
    assert "scorehouse compile" not in refused.value.action, "no proof of SQL is a certificate"
    facts = {name: fact for name, fact in kernel.version.program.items() if name != CERTIFICATE}
    kernel.version = replace(kernel.version, program=facts)  # registered by a release without certificates
    with pytest.raises(ConfigurationError, match="products, links, preprocessing, inputs"):
        choose_backend(kernel, "matrix", ROWS, files)


def registered_where(difference: str, backend: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Kernel:
    """The kernel of trees whose certificate has a difference as long as they have a backend."""
    different, real = Certificate((), (difference,)), registration.certify
    monkeypatch.setattr(
        registration, "certify", lambda *given: different if given[2].program.get(backend) else real(*given)
    )
    return registered_kernel(folder, TREES.fit(X, LABEL), X, LABEL, task="classification")


def test_a_program_that_is_not_its_estimator_is_not_registered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    difference = "trees: tree 3, node 5: it is another"
    kernel = registered_where(difference, "native", tmp_path, monkeypatch)
    assert set(kernel.version.program) - {*NO_BACKENDS} == {"sql"}, "in which nothing differs"
    assert difference in kernel.version.program["refused"]["native"]
    chosen = choose_backend(kernel, "auto", ROWS, ProgramFiles(tmp_path, LoadPolicy()))
    assert chosen.name == "estimator" and "tree 3, node 5" in chosen.reason


def test_sql_that_is_not_its_estimator_is_not_registered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    difference = "checks of sql: 'visits' = 1.0 is rejected"
    kernel = registered_where(difference, "sql", tmp_path, monkeypatch)
    assert "native" in kernel.version.program and "sql" not in kernel.version.program
    assert difference in kernel.version.program["refused"]["sql"]


def test_classes_that_the_registry_calls_otherwise_are_no_difference(tmp_path: Path) -> None:
    kernel = registered_kernel(tmp_path, LINEAR.fit(X, LABEL), X, LABEL, task="classification")
    renamed = tuple(f"is {label}" for label in kernel.version.classes)
    kernel.version = replace(kernel.version, classes=renamed)
    found = find_backends(kernel, training_batch(X, "test"))
    assert "products" in found.facts[CERTIFICATE]["certified"]
    assert "links" in found.facts[CERTIFICATE]["certified"]


def test_the_setting_is_true_or_false() -> None:
    assert LoadPolicy.from_variable({"require_certificate": True}).require_certificate
    with pytest.raises(ConfigurationError, match="true or false"):
        LoadPolicy.from_variable({"require_certificate": "yes"})
