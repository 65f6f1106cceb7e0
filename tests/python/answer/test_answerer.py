"""What is told of one row: ranges of too many values, several outputs, steps, data that have changed."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import yaml
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from scorehouse import load, register
from scorehouse.answer.answer import Answer, Answerer
from scorehouse.answer.letter import Letter, lines
from scorehouse.answer.moves import moves_of
from scorehouse.answer.settings import WORDS, Answers, Change, read_answers
from scorehouse.errors import ConfigurationError
from scorehouse.explain.row import LoggedRow
from scorehouse.explain.story import Explainer
from scorehouse.program.choose import ProgramFiles
from scorehouse.program.reasons.stored_reasons import UNITS
from scorehouse.registry.policy import load_policy
from scorehouse.registry.signature import Feature, Signature
from scorehouse.registry.version import FRAGILE

RNG = np.random.default_rng(3)
WIDE = pd.DataFrame({"balance": RNG.uniform(0, 250_898.09, 300).round(2), "years": RNG.integers(0, 30, 300)})
FLIP = 51_234.57


def answerer_of(
    project: Path, estimator: Any, X: pd.DataFrame, label: Any, changeable: dict[str, Any], **said: Any
) -> Answerer:
    """What answers for a fitted estimator that a run with `decision` and `task` scored with."""
    project.mkdir(exist_ok=True)
    (project / "dbt_project.yml").write_text("name: house\n")
    task, policy = said.pop("task"), said.pop("decision", None)
    version = register(estimator, "it", X, label, task=task, project_dir=project, **said)
    run = {
        "run_id": "1",
        "node": "model.house.p",
        "started_at": "2026-01-01",
        "model_name": "it",
        "model_version": version.version,
        "model_digest": version.sha256,
        "configuration": json.dumps({"key": ["id"], **({"decision": policy} if policy else {})}),
    }
    explainer = Explainer(run, [version], ProgramFiles(project, load_policy(project)), "x")
    features = {feature.name: feature for feature in explainer.kernel.signature.features}
    allowed = {name: Change.checked("x", features[name], one) for name, one in changeable.items()}
    words = read_answers(project, "it", explainer.kernel.signature, "en", "x").words
    return Answerer(explainer, Answers(changeable=allowed, words=words))


def row_of(answerer: Answerer, prediction: dict[str, Any] | None = None, **values: Any) -> LoggedRow:
    batch = pa.RecordBatch.from_pylist([values])
    return LoggedRow(answerer.explainer.run, prediction or {}, batch)


def letter(answerer: Answerer, answer: Answer) -> str:
    return " ".join(" ".join(lines(Letter(answer, answerer.answers, "en").blocks())).split())


def wide(tmp_path: Path, changeable: dict[str, Any], *steps: Any) -> Answerer:
    label = WIDE.balance + 1_000 * WIDE.years
    estimator = make_pipeline(*steps, LinearRegression()).fit(WIDE, label)
    bands = {"score": "prediction", "bands": {"low": -1e9, "high": FLIP + 7_000 - 1e-4}}
    return answerer_of(tmp_path, estimator, WIDE, label, changeable, task="regression", decision=bands)


@pytest.mark.parametrize("start", [pytest.param(1.23, marks=pytest.mark.slow), 51_234.56, 20_000.0, 90_000.0])
def test_of_too_many_values_the_nearest_is_found(tmp_path: Path, start: float) -> None:
    answerer = wide(tmp_path, {"balance": {"step": 0.01}})
    answer = answerer.answer(row_of(answerer, balance=start, years=7))
    found = answer.alternative
    assert found is not None and found.flips
    assert found.changes[0].becomes == (FLIP if start < FLIP else FLIP - 0.01)
    assert found.none_below is None and "No smaller change" in letter(answerer, answer)


def test_of_too_many_values_of_several_features_a_bound_is_told(tmp_path: Path) -> None:
    answerer = wide(tmp_path, {"balance": {"step": 0.01}, "years": "up"})
    answer = answerer.answer(row_of(answerer, balance=1.23, years=7))
    found, span = answer.alternative, WIDE.max() - WIDE.min()
    years = np.arange(WIDE.years.max() - 7 + 1)
    nearest = ((FLIP - 1_000 * years - 1.23) / span.balance + years / span.years).min()
    assert found is not None and found.none_below is not None
    assert found.none_below <= nearest <= found.distance < nearest + 100 / span.balance
    assert "No smaller change" not in letter(answerer, answer)


def test_where_the_score_may_rise_and_fall_between_values_nothing_is_promised(tmp_path: Path) -> None:
    answerer = wide(tmp_path, {"balance": {"step": 0.01}}, StandardScaler(), PolynomialFeatures(2))
    answer = answerer.answer(row_of(answerer, balance=20_000.0, years=7))
    assert answer.alternative is not None and answer.alternative.flips
    assert "not every value was tried" in letter(answerer, answer)
    low = {"balance": {"step": 0.01, "maximum": 40_000}}
    answerer.alternatives = wide(tmp_path / "low", low, StandardScaler(), PolynomialFeatures(2)).alternatives
    assert "not all could be tried" in letter(
        answerer, answerer.answer(row_of(answerer, balance=9.0, years=7))
    )


def test_that_no_value_of_too_many_flips_is_known_of_a_sum(tmp_path: Path) -> None:
    answerer = wide(tmp_path, {"balance": {"step": 0.001, "maximum": 50_000.5}})
    answer = answerer.answer(row_of(answerer, balance=9.0, years=7))
    found = answer.alternative
    assert found is not None and not found.flips and found.none_below is None
    assert found.changes[0].becomes == 50_000.5


@pytest.mark.parametrize(("visits", "is_near"), [(3, True), (4, True), (5, False)])
def test_a_step_of_a_whole_number_is_tried(tmp_path: Path, visits: int, is_near: bool) -> None:
    X = pd.DataFrame({"visits": np.arange(10), "other": np.arange(10) / 7})
    tree = DecisionTreeClassifier().fit(X[["visits"]].assign(other=0.0), X.visits > 3)
    answerer = answerer_of(tmp_path, tree, X, X.visits > 3, {}, task="classification")
    answer = answerer.answer(row_of(answerer, visits=visits, other=0.5))
    assert answer.fragile == (("visits",) if is_near else ())
    assert ("No single step of one number" in letter(answerer, answer)) is not is_near


@pytest.mark.parametrize(("late", "is_near"), [(0, False), (1, True), (-1, True)])
def test_no_step_leaves_what_training_had(tmp_path: Path, late: int, is_near: bool) -> None:
    """Nobody has -1 late payments, so that the decision would be another one is not told of 0."""
    X = pd.DataFrame({"late": np.arange(100) % 10, "debt": np.arange(100) / 7})
    model = LogisticRegression().fit(X, X.late > 4)
    model.coef_, model.intercept_ = np.array([[4.0, 0.0]]), np.array([2.0 if late < 1 else -3.0])
    answerer = answerer_of(tmp_path, model, X, X.late > 4, {}, task="classification")
    answer = answerer.answer(row_of(answerer, late=late, debt=0.5))
    assert answer.fragile == (("late",) if is_near else ())


@pytest.mark.parametrize(("kind", "value"), [("string", True), ("string", False), ("boolean", "yes")])
def test_values_of_another_type_are_refused(kind: str, value: Any) -> None:
    feature = Feature(name="f", dtype="object", type=kind)
    with pytest.raises(ConfigurationError, match=f"is a {kind} and has the value"):
        Change.checked("x", feature, {"values": [value]})


def test_a_step_of_training_that_is_too_fine_for_the_range_is_left_out(tmp_path: Path) -> None:
    explainer = wide(tmp_path, {}).explainer
    known = replace(explainer.version, program={FRAGILE: {"steps": {"balance": {"step": 0.01}}}})
    balance = next(one for one in explainer.kernel.signature.features if one.name == "balance")
    assert moves_of(balance, Change(maximum=1e9), known).step == 0.01
    moves = moves_of(balance, Change(minimum=-1e20, maximum=1e20), known)
    assert moves.of(1.0, None) and (moves.step, moves.low, moves.high) == (1e18, -100, 100)


def several(tmp_path: Path, task: str, label: pd.DataFrame, estimator: Any) -> tuple[Answerer, LoggedRow]:
    """What answers for an estimator of several outputs, and a row with what it predicts."""
    X = WIDE / WIDE.max()
    answerer = answerer_of(
        tmp_path, estimator.fit(X, label), X, label, {"balance": {"step": 0.01}}, task=task
    )
    row = {"balance": 0.8, "years": 0.1}
    return answerer, row_of(
        answerer, {"id": 5, **load("it/1", tmp_path).predict(row), "reject_reason": None}, **row
    )


def test_the_letter_of_several_labels_names_them(tmp_path: Path) -> None:
    label = pd.DataFrame({"gone": WIDE.balance > 90_000, "late": WIDE.years > 12}).astype(int)
    answerer, row = several(
        tmp_path, "multilabel_classification", label, OneVsRestClassifier(LogisticRegression(C=99))
    )
    answer = answerer.answer(row)
    said = letter(answerer, answer)
    assert not answer.story.has_changed and "The decision was gone." in said and "None" not in said
    other = LoggedRow(row.run, {**row.prediction, "prediction_gone": 0}, row.features)
    said = letter(answerer, answerer.answer(other))
    assert "The decision was no label." in said and "data of today, which give gone." in said


def test_the_letter_of_several_numbers_names_each(tmp_path: Path) -> None:
    label = pd.DataFrame({"north": WIDE.balance, "south": WIDE.years * 1.5})
    answerer, row = several(tmp_path, "multioutput_regression", label, LinearRegression())
    said = letter(answerer, answerer.answer(row))
    values = [f"{row.prediction[f'prediction_{name}']:.6g}" for name in label]
    assert f"The result was north {values[0]}, south {values[1]}." in said
    assert "(north)" in said and "missing" not in said


def test_a_decision_about_data_that_are_rejected_today_is_told(tmp_path: Path) -> None:
    answerer = wide(tmp_path, {"balance": {"step": 0.01}})
    then = {"id": 5, "prediction": 9.5, "band": "low", "reject_reason": None}
    said = letter(answerer, answerer.answer(row_of(answerer, then, balance=None, years=7)))
    assert (
        "The decision was low." in said and "those of today cannot be used: balance." in said
    ) and "None" not in said
    failed = then | {"prediction": None, "band": None, "reject_reason": "estimator_error:ValueError"}
    said = letter(answerer, answerer.answer(row_of(answerer, failed, balance=1.0, years=7)))
    assert "could not be used: the computation gave no result." in said and "ValueError" not in said


def test_a_letter_has_no_word_of_another_language(tmp_path: Path) -> None:
    """Units, booleans and decimal points are words of its language; why there are no parts is not in it."""
    shipped = yaml.safe_load(WORDS.read_text(encoding="utf-8"))
    assert shipped["de"].keys() == shipped["en"].keys() >= {unit for pair in UNITS.values() for unit in pair}
    X = pd.DataFrame({"news": WIDE.years > 15, "years": WIDE.years})
    answerer = answerer_of(
        tmp_path, LogisticRegression().fit(X, X.news), X, X.news, {"news": None}, task="classification"
    )
    found = answerer.answer(row_of(answerer, {"id": 5, "prediction": True}, news=True, years=20))
    answerer.answers = replace(answerer.answers, words=shipped["de"])
    said = letter(answerer, found)
    assert "Berechnet am 2026-01-01 UTC" in said
    assert "in Log-Odds, aus der" in said and "news nein (statt ja)" in said
    amount = replace(found.story.parts[0], value=Decimal("1234567.89"))  # of a column of DECIMAL
    story = replace(found.story, total=None, no_reasons="registered otherwise", parts=(amount,))
    said = letter(answerer, replace(found, story=story))
    assert "ist nicht bekannt. Daten" in said and "registered" not in said and " 1234567,89 " in said


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (float(np.float32(0.1)), "0,1"),  # of a column of FLOAT
        (float(np.float32(1234.56)), "1234,56"),
        (0.1 + 0.2, "0,3"),
        (2_097_152.25, "2097152,25"),  # whose shortest text as a FLOAT ends with ,2
        (12_345_678_901.23, "12345678901,23"),
        (1.5e12, "1500000000000"),
        (1e-7, "0,0000001"),
        (1e300, f"1{300 * '0'}"),
        (Decimal("12345678901.23"), "12345678901,23"),
        (Decimal("1.5E+12"), "1500000000000"),
        (Decimal("1200.000000000"), "1200"),
        (True, "ja"),
        (7, "7"),
        (None, "fehlt"),
    ],
)
def test_data_are_written_as_people_know_them(tmp_path: Path, value: Any, text: str) -> None:
    answerer = wide(tmp_path, {"balance": {"step": 0.01}})
    found = answerer.answer(row_of(answerer, balance=1.23, years=7))
    parts = (replace(found.story.parts[0], value=value), *found.story.parts[1:])
    german = yaml.safe_load(WORDS.read_text(encoding="utf-8"))["de"]
    found = replace(found, story=replace(found.story, parts=parts))
    blocks = Letter(found, Answers(words=german), "de").blocks()
    table = next(block for block in blocks if block.kind == "table")
    assert table.rows[2][1] == text


@pytest.mark.parametrize("language", ["fr", "no"])
def test_a_language_and_a_decision_are_written_without_quotes(tmp_path: Path, language: str) -> None:
    """YAML takes true, false, yes, no, on and off for booleans, as keys too."""
    keys = yaml.safe_load(WORDS.read_text(encoding="utf-8"))["en"]
    words = "\n".join(f"    {json.dumps(key) if ': ' in key else key}: ord" for key in keys)
    said = "it: {decisions: {yes: oui, no: non}, changeable: {new: {values: [true, False]}}}"
    (tmp_path / "answers.yml").write_text(f"{said}\nwords:\n  {language}:\n{words}\n")
    signature = Signature((Feature(name="new", dtype="bool", type="boolean"),), "frame")
    answers = read_answers(tmp_path, "it", signature, language, "x")
    assert set(answers.words.values()) == {"ord"} and answers.decisions == {"yes": "oui", "no": "non"}
    assert answers.changeable["new"].values == (True, False)


def test_a_model_whose_name_is_nearly_right_is_refused(tmp_path: Path) -> None:
    signature = Signature((Feature(name="new", dtype="bool", type="boolean"),), "frame")
    (tmp_path / "answers.yml").write_text("laon: {changeable: {new: both}}\n")
    with pytest.raises(ConfigurationError, match="has nothing for 'loan'; did you mean 'laon'"):
        read_answers(tmp_path, "loan", signature, "en", "x")
    assert read_answers(tmp_path, "churn", signature, "en", "x").changeable == {}
    seed = tmp_path / "seeds/ml/laon/ml_laon.csv"  # another ML model, which is registered
    seed.parent.mkdir(parents=True)
    seed.write_text("name\n")
    assert read_answers(tmp_path, "loan", signature, "en", "x").changeable == {}


@pytest.mark.parametrize(("language", "said"), [("en", "gave no result"), ("de", "ergab kein Ergebnis")])
@pytest.mark.parametrize("reason", ["estimator_error:ValueError", "not_finite:prediction"])
def test_a_reason_that_is_no_feature_is_said_in_words(
    tmp_path: Path, language: str, said: str, reason: str
) -> None:
    answerer = wide(tmp_path, {"balance": {"step": 0.01}})
    row = row_of(answerer, {"id": 5, "reject_reason": reason}, balance=1.23, years=7)
    words = yaml.safe_load(WORDS.read_text(encoding="utf-8"))[language]
    text = " ".join(lines(Letter(answerer.answer(row), Answers(words=words), language).blocks()))
    assert f"{said}." in " ".join(text.split()) and reason not in text
