"""A program computed by Arrow keeps its answers for texts from batch to batch, and they stay right."""

from __future__ import annotations

import pickle

import numpy as np
import pyarrow as pa
import pytest
from sklearn.preprocessing import OrdinalEncoder

from scorehouse.program import in_arrow
from scorehouse.program.in_arrow import ArrowProgram
from scorehouse.program.sql.builder import Program, Step
from scorehouse.program.sql.encode import _answers
from scorehouse.program.sql.expression import Case, Column, Compare, Feature, IsNull, number, text

CITY = Column("city")
CODE = Case(
    (
        (IsNull(CITY), number(-1.0)),
        (Compare("=", CITY, text("Aarhus")), number(1.0)),
        (Compare("=", CITY, text("Bilbao")), number(2.0)),
    ),
    number(0.0),
)
PROGRAM = Program(
    (Step((("city", Feature(0, "text")),), ()),),
    (("code", CODE), ("amount", Feature(1, "double"))),
)
CODES = {None: -1.0, "Aarhus": 1.0, "Bilbao": 2.0}


@pytest.mark.parametrize("most", [1, 3, 10_000])
def test_batches_with_old_and_new_texts(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(in_arrow, "MOST_ANSWERS", most * len(PROGRAM.outputs))
    program, draw = ArrowProgram(PROGRAM), np.random.default_rng(0)
    for cities in (
        [None],
        ["Aarhus", None],
        ["Cork", "Bilbao"],
        ["Bilbao", "Aarhus", None],
        ["Delft", "Cork"],
    ):
        given = [cities[i] for i in draw.integers(0, len(cities), 50)]
        amounts = draw.normal(size=50)
        column = pa.array(given, pa.string()).dictionary_encode()
        codes, same = program([column, pa.array(amounts)])
        assert codes.to_pylist() == [CODES.get(city, 0.0) for city in given]
        assert np.array_equal(same, amounts)
        program = pickle.loads(pickle.dumps(program)) if "Cork" in cities else program


def test_long_texts_are_not_kept() -> None:
    program = ArrowProgram(PROGRAM)
    for number_of_text in range(40):
        city = f"{number_of_text}" * 1_000_000
        program([pa.array([city]).dictionary_encode(), pa.array([1.0])])
    assert program._known[0].texts.nbytes <= in_arrow.MOST_BYTES


def test_encoders_are_asked_for_a_column_that_training_had_only_missing_values_of() -> None:
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    encoder.fit(np.array([["a", np.nan], ["b", np.nan]], dtype=object))
    answers, unseen, missing = _answers(encoder, ["a", None], [["a", "b"], []], 2)
    assert [made.shape for made in answers] == [(2, 2), (0, 2)]
    assert answers[0][:, 0].tolist() == [0, 1]
    assert [made[0, i] for i, made in enumerate(unseen) if made is not None] == [-1, -1]
    assert missing[1] is not None and np.isnan(missing[1][0, 1])


def test_encoders_that_refuse_what_they_do_not_know() -> None:
    encoder = OrdinalEncoder().fit(np.array([["a", "x"], ["b", "y"]], dtype=object))
    answers, unseen, missing = _answers(encoder, ["a", "x"], [["a", "b"], ["x", "y"]], 2)
    assert [made.tolist() for made in answers] == [[[0, 0], [1, 0]], [[0, 0], [0, 1]]]
    assert unseen == missing == [None, None]
