"""Edits of stored programs: whichever changes what a program computes, the certificate finds.

`pytest -s` prints how many of them the proof rows find; SCOREHOUSE_EDITS is the number per model.
"""

from __future__ import annotations

import os
from collections import Counter
from typing import Any

import pyarrow as pa
import pytest

from certified_pipelines import Registered, boosters, models_of_numbers, pipelines, registered
from edited_programs import Meaning, edits
from edited_reasons import ReasonsMeaning, reasons_edits
from edited_sql import SqlMeaning, sql_edits
from scorehouse.program.proof import TOLERANCE, TOLERANCE_NATIVE, differs_here
from scorehouse.program.store import scores_of
from scorehouse.registry.artifact import PROOF_FILE

pytestmark = pytest.mark.slow
EDITS = int(os.environ.get("SCOREHOUSE_EDITS", "30"))  # of each model
EDITS_OF_OTHERS = EDITS // 4  # of SQL, and of contributions
SEED = 20_261
FOLDED = "segments of weights"  # whose products are proven on rows only
OF_SQL = ["sql", "checks of sql"]
FAMILIES = {"numbers": models_of_numbers, "boosters": boosters, "pipelines": pipelines}


CHOSEN = [pytest.param(name, marks=pytest.mark.heavy) if name == "boosters" else name for name in FAMILIES]


@pytest.fixture(scope="module", params=CHOSEN)
def models(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Registered]:
    if request.param == "boosters":
        pytest.importorskip("lightgbm", reason="the extra `boosters` is not installed")
        pytest.importorskip("xgboost", reason="the extra `boosters` is not installed")
    chosen = FAMILIES[request.param]()
    return {name: registered(tmp_path_factory.mktemp("house"), *given) for name, given in chosen.items()}


def test_registered_programs_are_certified(models: dict[str, Registered]) -> None:
    for name, model in models.items():
        found = model.stored.certificate()
        sums = "products" if "matrix" in model.backends else "trees"
        expected = [sums, "links", "preprocessing", "inputs"] if name != FOLDED else ["links", "inputs"]
        assert found.differences == (), name
        refused = model.kernel.version.program.get("refused", {}).values()
        assert not any(reason.startswith("it is not the estimator") for reason in refused), (name, refused)
        in_sql = OF_SQL * ("sql" in model.backends)
        unread = in_sql if name.startswith("segments") else []  # that of several segments is proven on rows
        others = [*(in_sql if not unread else []), *["reasons"] * ("reasons" in model.backends)]
        assert found.names(certified=True) == [*expected, *others], (name, found.parts)
        assert found.names(certified=False) == ["products", "preprocessing"] * (name == FOLDED) + unread


def test_every_effective_edit_is_found(models: dict[str, Registered]) -> None:
    missed, counts = [], Counter[str]()
    for number, (name, model) in enumerate(models.items()):
        if name == FOLDED:
            continue
        meaning = Meaning(model.stored, model.rows)
        for text, program in edits(model.stored.program, EDITS, SEED + number):
            counts["edits"] += 1
            if not meaning.is_changed(program):
                continue
            counts["effective"] += 1
            found = bool(model.stored.certificate(program).differences)
            counts["found by the certificate"] += found
            by_rows = found_by_rows(model, program)
            counts[f"found by {by_rows}"] += 1
            if not found:
                missed.append(f"{name}: {text}")
    print(dict(counts))
    assert missed == []
    assert counts["effective"] > counts["edits"] / 2


@pytest.mark.parametrize(
    ("backend", "meaning_of", "edits_of", "parts"),
    [("sql", SqlMeaning, sql_edits, OF_SQL), ("reasons", ReasonsMeaning, reasons_edits, ["reasons"])],
    ids=["sql", "contributions"],
)
def test_every_effective_edit_of_another_part_is_found(
    backend: str, meaning_of: Any, edits_of: Any, parts: list[str], models: dict[str, Registered]
) -> None:
    missed, counts = [], Counter[str]()
    for number, (name, model) in enumerate(models.items()):
        if backend not in model.backends:
            continue
        meaning = meaning_of(model.stored, model.rows)
        for text, program in edits_of(model.stored.program, EDITS_OF_OTHERS, SEED + number):
            counts["edits"] += 1
            if meaning.is_changed(program):
                counts["effective"] += 1
                if {*parts} <= {*model.stored.certificate(program).names(certified=True)}:
                    missed.append(f"{name}: {text}")
    print(dict(counts))
    assert missed == []
    assert counts["effective"] > counts["edits"] / 4


def found_by_rows(model: Registered, program: bytes) -> str:
    """What finds an edit without the certificate: the checks of a reader, the proof rows, or nothing."""
    kernel = model.kernel
    try:
        scoring = kernel.holding(scores_of(program, kernel.version)).with_strict(frozenset())
    except Exception:
        return "the checks of a reader"
    proof = (model.folder / kernel.version.artifact).with_name(PROOF_FILE).read_bytes()
    tolerance = TOLERANCE_NATIVE if "native" in model.backends else TOLERANCE

    def at_once(rows: pa.Table) -> pa.Table:
        return pa.Table.from_batches([scoring(rows.combine_chunks().to_batches()[0])])

    try:
        problem = differs_here(proof, kernel, at_once, tolerance)
    except Exception as error:
        problem = str(error)
    return "the proof rows" if problem else "nothing else"
