"""A refusal in dbt's output is our message alone, and the traceback is in dbt's log."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from churn import FEATURES, classifier, training
from project import DbtProject

pytestmark = pytest.mark.slow

DBT = Path(sys.executable).with_name("dbt")
PLAIN = "materialized='table'"
FAILURE = r"(?:Failure|\[ERROR\]:)"  # of dbt-core 1.11, and of 1.12
REFUSED: dict[str, tuple[str, dict[str, Any]]] = {  # the type of the error, and the arguments of `score`
    "signature": ("SignatureError", {"key": "id", "features": "cut"}),
    "row_key": ("RowKeyError", {"key": "shop"}),
    "registry": ("RegistryError", {"key": "id", "alias": "champoin"}),
    "configuration": ("ConfigurationError", {"key": "id", "rescore": "sometimes"}),
    "artifact": ("ArtifactError", {"key": "id", "version": 1, "backend": "estimator"}),
    "conservation": ("ConservationError", {"key": "id", "max_rejected_share": 0}),
    "plain_row_key": ("RowKeyError", {"key": "shop", "config": PLAIN}),
    "plain_registry": ("RegistryError", {"key": "id", "version": 9, "config": PLAIN}),
}
SELECTS: dict[str, tuple[str, str, str]] = {  # the type of the error, what is said, and the select
    "misspelt_word": ("ConfigurationError", "cannot run the select of the model", "select * fro features"),
    "misspelt_column": ("ConfigurationError", '"idd" in EXCLUDE', "select * exclude (idd) from features"),
    "misspelt_table": ("ConfigurationError", "build what the model reads", "select * from featurs"),
    "misspelt_function": ("ConfigurationError", "correct the name", "select *, hasch(id) as h from features"),
    "semicolon": ("ConfigurationError", "without a semicolon", "select * from features;"),
    "failing_cast": (
        "SignatureError",
        "Could not convert string 'x",
        "select * replace (('x' || id)::int as visits) from features",
    ),
    "failing_row": ("SignatureError", "boom", "select * from features where id < 150 or error('boom')"),
    "unseeded": ("RegistryError", "run `dbt seed --select tag:ml_unseeded`", "select * from features"),
}


@dataclass(frozen=True)
class Ended:
    output: str
    log: str


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """One `dbt run` in which every model is refused."""
    project = DbtProject(tmp_path_factory.mktemp("refusals") / "house")
    other = classifier().fit(training(), training().amount > 50)
    project.register(other, "churn", training(), task="classification", alias=None)
    project.register(classifier(), "churn", training(), task="classification")
    folder = project.folder / "artifacts" / "churn"
    next((folder / "1").glob("model.*")).write_bytes(b"not the registered bytes")
    project.features(FEATURES)
    project.features(FEATURES.replace("i % 9 as visits,", ""), "cut")
    for name, (_, arguments) in REFUSED.items():
        project.python_model(name, "churn", **arguments)
    places = ["--project-dir", str(project.folder), "--profiles-dir", str(project.folder)]
    project.register(classifier(), "unseeded", training(), task="classification")
    for name, (_, _, select) in SELECTS.items():
        scored = f"{{{{ scorehouse.scored('{'unseeded' if name == 'unseeded' else 'churn'}', key='id') }}}}"
        project.write(f"models/{name}.sql", f"{scored}\n-- depends_on: {{{{ ref('features') }}}}\n{select}\n")
    project.write(
        "models/commented.sql", "{{ scorehouse.scored('churn', key='id') }} from features -- the end"
    )
    told = subprocess.run(
        [DBT, "--no-use-colors", "build", "--threads", "2", "--exclude", "ml_unseeded", *places],
        cwd=project.folder,
        capture_output=True,
        text=True,
    )
    log = next(project.folder.rglob("dbt.log")).read_text()
    return Ended(told.stdout + told.stderr, log)


@pytest.mark.parametrize("name", [*REFUSED, *SELECTS])
def test_a_refusal_is_a_few_lines(name: str, ended: Ended) -> None:
    kind = {**REFUSED, **SELECTS}[name][0]
    found = re.search(rf"{FAILURE} in model {name} .*?\n(.*?)\n\d\d:\d\d:\d\d *\n", ended.output, re.DOTALL)
    assert found, ended.output
    lines = [line for line in found[1].splitlines() if line.strip()]
    assert len(lines) <= 6, lines
    assert f"scorehouse.errors.{kind}: " in found[1]
    assert found[1].count("Expected:") == found[1].count("What to do:") == 1


def test_no_traceback_is_in_the_output_and_all_are_in_the_log(ended: Ended) -> None:
    for sign in ("Traceback", 'File "'):
        assert sign not in ended.output
    for kind in [each[0] for each in (*REFUSED.values(), *SELECTS.values())]:
        assert re.search(
            rf"Traceback \(most recent call last\):\n(  .*\n)+scorehouse.errors.{kind}: ", ended.log
        )


def test_a_question_ends_in_its_own_mark(ended: Ended) -> None:
    assert "did you mean 'champion'?\n" in ended.output


@pytest.mark.parametrize("name", SELECTS)
def test_a_select_that_cannot_be_read_is_named_as_the_fault(name: str, ended: Ended) -> None:
    found = re.search(rf"{FAILURE} in model {name} .*?\n(.*?)\n\d\d:\d\d:\d\d *\n", ended.output, re.DOTALL)
    assert found and SELECTS[name][1] in found[1], ended.output


def test_the_last_line_of_a_select_may_be_a_comment(ended: Ended) -> None:
    assert not re.search(rf"{FAILURE} in model commented", ended.output)
    assert "OK created sql predictions model main.commented" in ended.output
