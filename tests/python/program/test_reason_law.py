"""What is not a number never passes for a sum that holds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.multioutput import MultiOutputClassifier

from project import MakeKernel, batch_of
from scorehouse.program.choose import ProgramFiles
from scorehouse.program.reasons.kernel import Asked, ReasonedKernel, read_reasons
from scorehouse.program.reasons.prove_reasons import differs_here
from scorehouse.program.reasons.stored_reasons import law_broken, score_error
from scorehouse.program.reasons.trees import LinearReasons
from scorehouse.registry.artifact import REASONS_PROOF_FILE
from scorehouse.registry.policy import load_policy

X = pd.DataFrame({"age": np.arange(60.0), "visits": np.arange(60.0) % 7})


@pytest.fixture
def explained(make_kernel: MakeKernel, tmp_path: Path) -> tuple[ReasonedKernel, bytes]:
    """A kernel with reasons, and its proof rows."""
    y = X.age + 5 * X.visits > 50
    kernel = make_kernel(LogisticRegression().fit(X, y), X, y, task="classification")
    files = ProgramFiles(tmp_path, load_policy(tmp_path))
    backend, _ = read_reasons(kernel, files)
    return ReasonedKernel(kernel, backend, Asked(2)), files.read(kernel, REASONS_PROOF_FILE)


@pytest.mark.parametrize("part", ["base", "parts", "totals"])
def test_a_value_that_is_not_a_number_breaks_the_law(
    explained: tuple[ReasonedKernel, bytes], part: str
) -> None:
    kernel, _ = explained
    batch = batch_of(X)
    scored = kernel.alone(batch)
    found = kernel.contributions(batch, scored)
    own = scored.select([field.name for field in kernel.outputs.fields])
    assert law_broken(kernel.backend, kernel.version, found, own) == ""
    values = getattr(found, part).copy()
    values[0] = np.nan
    wrong = replace(found, **{part: values})
    assert law_broken(kernel.backend, kernel.version, wrong, own)
    if part == "totals":
        assert np.isnan(score_error(kernel.backend, kernel.version, wrong, own))


def test_a_base_that_is_not_a_number_fails_the_proof(explained: tuple[ReasonedKernel, bytes]) -> None:
    kernel, proof = explained
    backend = kernel.backend
    assert isinstance(backend, LinearReasons)
    assert differs_here(proof, backend, kernel.signature) == ""
    wrong = replace(backend, means=backend.means * np.nan)
    assert "off by up to nan" in differs_here(proof, wrong, kernel.signature)


@pytest.mark.heavy
def test_scores_in_float32_are_compared_as_such(make_kernel: MakeKernel) -> None:
    """What the library rounds to float32 is not within 1e-9 of the total's own score."""
    xgboost = pytest.importorskip("xgboost")
    y = np.column_stack([X.age + 5 * X.visits > 50, X.visits > 3]).astype(int)
    estimator = MultiOutputClassifier(xgboost.XGBClassifier(n_estimators=4, n_jobs=1)).fit(X, y)
    kernel = make_kernel(estimator, X, y, task="multilabel_classification")
    assert kernel.version.program["reasons"]["unit"] == "log-odds", kernel.version.program
