"""Backends at registration and by `scorehouse compile`: what is proven, what is refused, what is written."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from project import REPOSITORY
from scorehouse import register
from scorehouse.cli.main import main
from scorehouse.errors import ConfigurationError
from scorehouse.kernel.scorer import Kernel
from scorehouse.program.matrix.layers import dot
from scorehouse.program.proof import proof_rows
from scorehouse.program.reasons.trees import LinearReasons
from scorehouse.program.sql.compile import compile_sql
from scorehouse.program.sql.compiled import CompiledSql
from scorehouse.program.sql.macros import ReasonMacros, macro_file, macro_text, write_macros
from scorehouse.program.store import reasons_in
from scorehouse.registration.groups import grouped
from scorehouse.registration.proven_reasons import reasons_in_sql
from scorehouse.registration.reference_sample import sample_reference
from scorehouse.registry.artifact import PROGRAM_FILE, REASONS_PROOF_FILE, load, read_program
from scorehouse.registry.policy import LoadPolicy
from scorehouse.registry.seeds import ModelSeeds, registered_names
from scorehouse.registry.signature import Signature
from scorehouse.registry.version import Version

ROWS = 400
RNG = np.random.default_rng(5)
FRAME = pd.DataFrame(
    {
        "spend": np.round(RNG.lognormal(3, 1, ROWS), 2),
        "visits": RNG.integers(0, 40, ROWS),
        "plan": RNG.choice(["basic", "pro"], ROWS, p=[0.7, 0.3]),
        "member": RNG.random(ROWS) < 0.5,
    }
)
LABEL = (np.log(FRAME["spend"]) + FRAME["visits"] / 20 + RNG.normal(size=ROWS) > 4).astype(int)


def trees(count: int = 5) -> Any:
    columns = ColumnTransformer([("plan", OneHotEncoder(), ["plan"])], remainder="passthrough")
    return make_pipeline(columns, GradientBoostingClassifier(n_estimators=count, random_state=0)).fit(
        FRAME, LABEL
    )


def churn(estimator: Any = None, **facts: Any) -> Version:
    return register(
        estimator or trees(), "churn", FRAME, LABEL, **grouped({"task": "classification", **facts})
    )


def upside_down(X: Any) -> np.ndarray:
    """Not what a logistic regression says."""
    return np.tile([[0.75, 0.25]], (len(X), 1))


def command(*arguments: str) -> str:
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result.output


def test_a_proven_backend_stands_in_the_registry(empty_project: Path) -> None:
    settings(empty_project, {"dialects": ["duckdb"]})
    version = churn()
    fact = version.program["sql"]
    assert fact["dialects"] == ["duckdb"]
    assert fact["rows"] > ROWS and fact["rows_of"] == "training"
    assert fact["largest_difference"] <= 1e-12
    assert "sql" not in version.program.get("refused", {})
    assert ModelSeeds(empty_project, "churn").versions() == [version]
    loaded, signature, _ = load(empty_project, version, LoadPolicy(), "test")
    assert compile_sql(loaded, version, signature, "duckdb").sha256 == fact["sha256"]
    macros = (empty_project / "macros/ml/churn.sql").read_text()
    assert "{% macro scorehouse_predict__churn__v1(" in macros
    card = (empty_project / "seeds/ml/churn/_ml_churn.yml").read_text()
    assert f"| 1 | sql (duckdb) | {fact['rows']:,} |" in " ".join(card.split())


def test_no_sql_is_printed_that_no_database_of_the_project_needs(empty_project: Path) -> None:
    settings(empty_project, {"dialects": []})
    version = churn()
    assert version.program["sql"]["dialects"] == [] and version.program["sql"]["macro"] == {}
    assert version.program["sql"]["largest_difference"] <= 1e-12
    assert not (empty_project / "macros").exists()
    assert "no fault" in command("check")


@pytest.mark.slow
def test_the_text_is_the_same_in_another_process(empty_project: Path) -> None:
    """Whatever order sets have there."""
    digest = churn().program["sql"]["sha256"]
    code = (
        "from pathlib import Path; from scorehouse.registry.artifact import load; "
        "from scorehouse.registry.policy import LoadPolicy; "
        "from scorehouse.program.sql.compile import compile_sql; "
        "from scorehouse.registry.seeds import ModelSeeds; v = ModelSeeds(Path('.'), 'churn').versions()[0]; "
        "e, s, _ = load(Path('.'), v, LoadPolicy(), 't'); print(compile_sql(e, v, s, 'duckdb').sha256)"
    )
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        ended = subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
        )
        assert ended.stdout.strip() == digest


def test_what_does_not_compile_is_registered_all_the_same(empty_project: Path) -> None:
    numbers = FRAME[["spend", "visits"]]
    estimator = make_pipeline(PCA(1), KNeighborsClassifier()).fit(numbers, LABEL)
    version = register(estimator, "churn", numbers, LABEL, task="classification")
    assert list(version.program) == ["refused"] and set(version.program["refused"]) == {"sql", "matrix"}
    assert version.program["refused"]["sql"].startswith(
        "pca > PCA: this transformer has no equivalent in SQL; "
    )
    assert not (empty_project / "macros").exists()
    card = (empty_project / "seeds/ml/churn/_ml_churn.yml").read_text()
    assert "- version 1, sql: pca > PCA: this transformer has no equivalent in SQL" in card


@pytest.mark.slow
def test_what_is_not_equal_is_refused(empty_project: Path) -> None:
    estimator = LogisticRegression().fit(FRAME[["spend", "visits"]], LABEL)
    estimator.predict_proba = upside_down
    version = register(estimator, "churn", FRAME[["spend", "visits"]], LABEL, task="classification")
    assert version.program["refused"]["sql"].startswith("it is not equal to the estimator on ")
    assert not (empty_project / "macros").exists()


@pytest.mark.slow
def test_a_dialect_that_is_refused_is_named(empty_project: Path) -> None:
    settings(empty_project, {"dialects": ["duckdb", "databricks"]})
    version = churn(trees(400))
    assert "databricks" not in version.program["sql"]["dialects"]
    assert version.program["refused"]["sql for databricks"].endswith("expected: at most 5,000 on databricks")


def test_without_a_program(empty_project: Path) -> None:
    assert churn(program=False).program == {}
    assert not (empty_project / "macros").exists()


def settings(project: Path, value: Any, **more: Any) -> None:
    document = {"name": "scorehouse", "vars": {"scorehouse_compiled_sql": value}, **more}
    (project / "dbt_project.yml").write_text(json.dumps(document))


def test_the_project_chooses_dialects_and_folder(empty_project: Path) -> None:
    settings(empty_project, {"dialects": ["postgres", "duckdb"], "macro_path": "sql_macros"})
    assert churn().program["sql"]["dialects"] == ["duckdb", "postgres"]
    assert "postgres" in (empty_project / "sql_macros/ml/churn.sql").read_text()


def test_a_database_other_than_the_gate_alone(empty_project: Path) -> None:
    settings(empty_project, {"dialects": ["postgres"]}, **{"macro-paths": ["house_macros"]})
    version = churn()
    assert version.program["sql"]["dialects"] == ["postgres"]
    loaded, signature, _ = load(empty_project, version, LoadPolicy(), "test")
    assert version.program["sql"]["sha256"] == compile_sql(loaded, version, signature, "duckdb").sha256
    assert "duckdb" not in (empty_project / "house_macros/ml/churn.sql").read_text().split("compiled for")[0]


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (["duckdb"], "it is ['duckdb']"),
        ({"dialect": ["duckdb"]}, "it is {'dialect': ['duckdb']}"),
        ({"dialects": "duckdb"}, "dialects is 'duckdb'"),
        ({"dialects": ["oracle"]}, "dialects is ['oracle']"),
    ],
)
def test_settings_that_cannot_be_used(value: Any, found: str, empty_project: Path) -> None:
    settings(empty_project, value)
    with pytest.raises(ConfigurationError, match="the variable scorehouse_compiled_sql") as error:
        churn()
    assert found in str(error.value)
    assert not (empty_project / "seeds").exists()


def without_a_program(project: Path, *columns: str) -> None:
    """Empty these columns of the registry, as for a version that was registered with program=False."""
    file = ModelSeeds(project, "churn").registry_file
    with file.open(newline="") as stream:
        rows = [{k: "" if k in columns else v for k, v in row.items()} for row in csv.DictReader(stream)]
    with file.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


@pytest.mark.slow
def test_compile_on_the_reference(empty_project: Path) -> None:
    settings(empty_project, {"dialects": ["duckdb"]})
    first = churn(alias="champion")
    without_a_program(empty_project, "program")
    macros = empty_project / "macros/ml/churn.sql"
    text = macros.read_text()
    macros.unlink()
    said = command("compile")
    assert "churn version 1: sql for duckdb proven on " in said and "no SQL is printed" not in said
    (version,) = ModelSeeds(empty_project, "churn").versions()
    assert version.aliases == ("champion",)
    assert version.program["sql"]["rows_of"] == "reference"
    assert version.program["sql"]["sha256"] == first.program["sql"]["sha256"]
    assert macros.read_text() == text
    settings(empty_project, {})
    removed = "its SQL was removed from churn.sql, since scorehouse_compiled_sql lists no database"
    assert f"note: churn version 1: {removed}" in command("compile") and not macros.exists()
    assert "note: no SQL is printed for predict(), as dbt_project.yml lists no database" in command("compile")


@pytest.mark.slow
def test_compile_on_a_table_and_on_a_file(empty_project: Path) -> None:
    churn()
    churn(trees(6))
    before = ModelSeeds(empty_project, "churn").versions()
    with duckdb.connect(empty_project / "house.duckdb") as connection:
        connection.execute("create schema marts; create table marts.features as select 1 as id, * from FRAME")
    command("compile", "churn", "--version", 2, "--table", "marts.features", "--database", "house.duckdb")
    first, second = ModelSeeds(empty_project, "churn").versions()
    assert first == before[0]
    assert second.program["sql"]["rows_of"] == "marts.features"
    FRAME.to_parquet(empty_project / "train.parquet")
    command("compile", "churn", "--features", "train.parquet")
    assert [v.program["sql"]["rows_of"] for v in ModelSeeds(empty_project, "churn").versions()] == [
        "train.parquet"
    ] * 2


@pytest.mark.slow
def test_compile_takes_back_what_does_not_serve(empty_project: Path) -> None:
    """The macro of a version that the SQL does not equal goes, and with the last one the file."""
    settings(empty_project, {"dialects": ["duckdb"]})
    numbers = FRAME[["spend", "visits"]]
    estimator = LogisticRegression().fit(numbers, LABEL)
    estimator.predict_proba = upside_down
    for name, versions in (("churn", 2), ("alone", 1)):
        if versions == 2:
            churn()
        version = register(estimator, name, numbers, LABEL, task="classification")
        loaded, signature, _ = load(empty_project, version, LoadPolicy(), "test")
        write_macros(empty_project, name, [compile_sql(loaded, version, signature, "duckdb")])
    macros = empty_project / "macros/ml"
    assert "churn__v2(" in (macros / "churn.sql").read_text()
    said = command("compile")
    assert "churn version 2: no sql: it is not equal to the estimator" in said
    assert "note: churn version 2: its SQL was removed from churn.sql\n" in said
    assert "churn__v2(" not in (macros / "churn.sql").read_text()
    assert "churn__v1(" in (macros / "churn.sql").read_text()
    assert not (macros / "alone.sql").exists()
    (version,) = ModelSeeds(empty_project, "alone").versions()
    assert list(version.program) == ["refused"]


def compile_fails(*arguments: str, code: int) -> str:
    result = CliRunner().invoke(main, ["compile", *arguments])
    assert result.exit_code == code, result.output
    return result.output


def test_compile_says_what_is_wrong(empty_project: Path) -> None:
    churn()
    FRAME.drop(columns="plan").to_parquet(empty_project / "short.parquet")
    duckdb.connect("house.duckdb").close()
    database = ("--database", "house.duckdb")
    assert "lacks the features plan" in compile_fails("churn", "--features", "short.parquet", code=1)
    assert "no version 7" in compile_fails("churn", "--version", "7", code=1)
    assert "there is no ML model 'other'" in compile_fails("other", code=1)
    assert "--table nowhere" in compile_fails("churn", "--table", "nowhere", *database, code=1)
    assert "name the ML model" in compile_fails("--features", "short.parquet", code=2)
    assert "either" in compile_fails(
        "churn", "--table", "a", "--features", "short.parquet", *database, code=2
    )


def test_rows_of_the_reference_are_like_the_training_rows(empty_project: Path) -> None:
    version = churn(program=False)
    bins = ModelSeeds(empty_project, "churn").rows("reference")
    signature = Signature.from_json(
        (empty_project / version.artifact).with_name("signature.json").read_bytes()
    )
    rows = sample_reference(bins, signature, 20_000).to_pandas()
    assert list(rows.columns) == list(FRAME.columns)
    for name in ("spend", "visits"):
        assert FRAME[name].min() <= rows[name].min() and rows[name].max() <= FRAME[name].max()
        assert rows[name].median() == pytest.approx(FRAME[name].median(), rel=0.15)
    for name in ("plan", "member"):
        found, expected = rows[name].value_counts(normalize=True), FRAME[name].value_counts(normalize=True)
        assert found.to_dict() == pytest.approx(expected.to_dict(), abs=0.02)
    assert rows["visits"].dtype == np.int64 and not rows.isna().any().any()


def reasons_of(version: Version, kernel: Kernel, made: list[CompiledSql]) -> ReasonMacros | None:
    """The SQL of the version's reasons; None where none is registered."""
    if "reasons" not in version.program["sql"]["macro"]:
        return None
    file = read_program(REPOSITORY, version, PROGRAM_FILE, LoadPolicy(), "test")
    proof = read_program(REPOSITORY, version, REASONS_PROOF_FILE, LoadPolicy(), "test")
    backend, rows = reasons_in(file, version), proof_rows(proof).select(kernel.signature.names)
    assert isinstance(backend, LinearReasons)
    reasons, refused = reasons_in_sql(kernel, backend, made[0], made, rows)
    assert reasons is not None and not refused
    return reasons


@pytest.mark.parametrize("name", registered_names(REPOSITORY))
def test_the_examples_are_proven_for_this_release(name: str) -> None:
    """After a change of the compiler: `scorehouse compile NAME --table ... --database ...`."""
    for version in ModelSeeds(REPOSITORY, name).versions():
        estimator, signature, _ = load(REPOSITORY, version, LoadPolicy(), "test")
        fact = version.program["sql"]
        made = [compile_sql(estimator, version, signature, dialect) for dialect in fact["dialects"]]
        assert made[0].sha256 == fact["sha256"]
        kernel = Kernel(estimator, version, signature, strict=frozenset(), call="test")
        text = macro_text(name, made, reasons_of(version, kernel, made))
        written = macro_file(REPOSITORY, name).read_text()
        assert not set(text.splitlines()) - set(written.splitlines())  # what differs, to be read
        assert text in written


def test_constants_are_summed_in_no_order() -> None:
    """A sum from one end to the other, as of BLAS, is 0, 1 or 2, as the processor has it."""
    assert dot(np.array([1e16, 1.0, 1.0, -1e16]), np.ones(4)) == 2.0
