"""The arguments of `score()` and `scored()`: each is used as it was written, or refused in words."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from churn import FEATURES, classifier, training
from project import DbtProject
from scorehouse.errors import ConfigurationError
from scorehouse.scoring.options import ScoreOptions

ARGUMENTS = [
    "key", "alias", "version", "passthrough", "group", "rescore", "strict", "max_rejected_share",
    "batch_rows", "as_of", "decision", "backend", "layout",
]  # fmt: skip
SETTINGS = {
    "rescore": ["rule", "updated_at", "lookback", "vanished", "max_rows", "max_seconds", "slice_rows"],
    "decision": ["score", "threshold", "top_n", "per", "abstain", "labels", "bands"],
}
WORDS = [
    "id",
    "ID",
    "all",
    "changed",
    "new",
    "updated_at",
    "flag",
    "wide",
    "null",
    "native",
    "2024-01-31",
    "",
]
scalars = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(WORDS)
)
json_like = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5) | st.sampled_from(WORDS), inner)
    ),
    max_leaves=5,
)


def settings_of(name: str) -> st.SearchStrategy[Any]:
    keys = st.sampled_from(SETTINGS[name]) | st.text(max_size=3)
    return st.dictionaries(keys, json_like | st.dictionaries(st.text(max_size=2), st.floats(), max_size=3))


calls = st.fixed_dictionaries(
    {"key": st.just("id") | json_like},
    optional={
        name: (settings_of(name) | json_like) if name in SETTINGS else json_like for name in ARGUMENTS[1:]
    },
)


@pytest.mark.slow
@given(calls)
@settings(max_examples=400)
@example({"key": "id", "rescore": {"rule": "changed", "max_rows": 10**400}})
@example({"key": "id", "rescore": {"updated_at": "a", "lookback": 10**400}})
@example({"key": "id", "decision": {"threshold": 10**400}})
@example({"key": "id", "max_rejected_share": True})
@example({"key": "id", "rescore": {1: 2}})
def test_any_value_gives_options_or_our_error(arguments: dict[Any, Any]) -> None:
    try:
        options = ScoreOptions.checked("score()", **arguments)
    except ConfigurationError as error:
        assert error.problem and error.expected and error.action
        return
    options.to_json()
    assert_as_written(options, arguments)


def assert_as_written(options: ScoreOptions, arguments: dict[str, Any]) -> None:
    """No value became another one: what was given is what is used, but for a list around a single name."""

    def same(used: Any, given: Any) -> bool:
        if isinstance(used, frozenset):
            used, given = sorted(used), sorted([given] if isinstance(given, str) else given)
        if isinstance(used, tuple) and not isinstance(given, list):
            given = [given]
        kinds = {type(used)} if not isinstance(used, tuple) else {type(item) for item in used}
        return list(used) == given if isinstance(used, tuple | list) else used == given and bool not in kinds

    for name in (
        "key",
        "passthrough",
        "alias",
        "group",
        "strict",
        "batch_rows",
        "max_rejected_share",
        "layout",
    ):
        if arguments.get(name) is not None and not (name == "alias" and options.version):
            assert same(getattr(options, name), arguments[name]), name
    if isinstance(arguments.get("rescore"), dict):
        for name, value in arguments["rescore"].items():
            assert value is None or getattr(options.rescore, name) == value, name
            assert not isinstance(value, bool)
    if options.decision and arguments["decision"].get("bands"):
        assert dict(options.decision.bands) == arguments["decision"]["bands"]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"key": 5}, "key is (5,)"),
        ({"key": None}, "no key was given"),
        ({"key": ["id", "ID"]}, "key is ('id', 'ID')"),
        ({"batch_rows": "10"}, "batch_rows is '10'"),
        ({"batch_rows": 1.5}, "batch_rows is 1.5"),
        ({"version": "2"}, "version is ('2',)"),
        ({"version": True}, "version is (True,)"),
        ({"rescore": ["changed"]}, "rescore is ['changed']"),
        ({"rescore": {"max_rows": "5"}}, "rescore has max_rows '5'"),
        ({"rescore": {"max_row": 5}}, "rescore has 'max_row' (near: 'max_rows')"),
        ({"rescore": {"updated_at": "u", "lookback": -1}}, "rescore has lookback -1"),
        ({"decision": {"labels": [0, 1], "threshold": 0.5}}, "decision has labels (0, 1)"),
        ({"decision": {"treshold": 0.5}}, "decision has 'treshold' (near: 'threshold')"),
        ({"max_rejected_share": math.nan}, "max_rejected_share is nan"),
        ({"decision": {"threshold": 2**53 + 1}}, "decision has threshold 9007199254740993"),
        ({"version": 2**31}, "version is (2147483648,)"),
        ({"rescore": {"rule": "new", "max_rows": 2**63}}, "rescore has max_rows 9223372036854775808"),
        ({"passtrough": 1, "zzz": 2}, "the call has 'passtrough', 'zzz' (near: 'passthrough')"),
        ({"alias": [], "version": []}, "neither alias nor version was given"),
        (
            {"rescore": "given", "as_of": "day"},
            "rescore is 'given' for a prediction history (as_of was given)",
        ),
        (
            {"rescore": {"rule": "all", "max_rows": 5}},
            "rescore has the rule 'all' and a budget or vanished='keep'",
        ),
        (
            {"rescore": {"rule": "changed", "updated_at": "u"}},
            "rescore has the rule 'changed' and updated_at 'u'",
        ),
        ({"rescore": {"rule": "updated_at"}}, "rescore has the rule 'updated_at' and updated_at None"),
        ({"rescore": {"rule": "new", "vanished": "drop"}}, "rescore vanished has 'drop'"),
        ({"group": "x" * 300, "batch_rows": 0}, "batch_rows is 0"),
        ({"passtrough": ["a"]}, "the call has 'passtrough' (near: 'passthrough')"),
    ],
)
def test_the_error_names_argument_and_value(arguments: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        ScoreOptions.checked("score()", **{"key": "id", **arguments})
    assert raised.value.problem == problem


def test_an_error_says_what_to_write() -> None:
    said = {
        "passtrough": ("arguments among key, alias", "write 'passthrough'"),
        "zzz": ("arguments among key, alias", "leave it out"),
        "rescore": ("settings among rule, updated_at", "write 'max_rows'"),
        "batch_rows": ("a positive number of rows", "correct the argument batch_rows"),
    }
    for name, (expected, action) in said.items():
        with pytest.raises(ConfigurationError) as raised:
            ScoreOptions.checked("score()", key="id", **{name: {"max_row": 1} if name == "rescore" else -1})
        assert raised.value.expected.startswith(expected) and raised.value.action == action


DOORS = {
    "key=5": "key is (5,)",
    "key='id', version='1'": "version is ('1',)",
    "key='id', batch_rows='10'": "batch_rows is '10'",
    "key='id', rescore=['changed']": "rescore is ['changed']",
    "key='id', rescore={'max_rows': '5'}": "rescore has max_rows '5'",
    "key='id', pasthrough='note'": "the call has 'pasthrough' (near: 'passthrough')",
    "key='id', rescore='chnaged'": "rescore has 'chnaged' (near: 'changed')",
    "key='id', rescore='feed'": "the features are not one whole table of a DuckLake",
    "key='id', as_of='id', rescore='feed'": "for a prediction history",
    "key='id', strict=['nul']": "strict has 'nul' (near: 'null')",
    "key='id', backend='natve'": "backend has 'natve' (near: 'native')",
    "key='id', as_of='idd'": "as_of names columns that the feature table does not have: 'idd' (near: 'id')",
    "key='id', group='id'": "does not rank: its task is 'classification'",
}


@pytest.mark.slow
def test_both_doors_refuse_in_words(tmp_path: Path) -> None:
    project = DbtProject(tmp_path / "house")
    project.register(classifier(), "churn", training(), task="classification")
    project.features(FEATURES)
    for number, call in enumerate(DOORS):
        project.write(
            f"models/sql_{number}.sql",
            f"{{{{ scorehouse.scored('churn', {call}) }}}}\nselect * from {{{{ ref('features') }}}}\n",
        )
        project.write(
            f"python_models/python_{number}.py",
            "from scorehouse import score\n\n\ndef model(dbt, session):\n"
            "    dbt.config(materialized='predictions')\n"
            "    features, model = dbt.ref('features'), dbt.ref('ml_churn')\n"
            f"    return score(dbt, session, features=features, model=model, {call})\n",
        )
    messages = project.build().messages
    for number, problem in enumerate(DOORS.values()):
        for door in ("sql", "python"):
            message = messages[f"{door}_{number}"]
            assert problem in message and "What to do: " in message, message
    project.write("models/sql_0.sql", "{{ scorehouse.scored('churn', key=customer_id) }} select 1 as id")
    assert "a Jinja variable that is not defined" in project.build("--select", "sql_0").problem
