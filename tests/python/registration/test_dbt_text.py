"""Text that others wrote stays text in whatever dbt renders: Jinja, Markdown and HTML."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import jinja2
import joblib
import numpy as np
import pandas as pd
import pytest
import yaml
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from project import DbtProject
from scorehouse.cli.main import main
from scorehouse.project.dbt_text import Rendered, code, dump_yaml, jinja_literal, no_jinja, prose

BRACES = st.text(st.sampled_from("{}%#'\"\\-+ \n\rax&<"), max_size=24)
SECRET = "s3cr3t"
HOSTILE = [
    "{{ env_var('SECRET') }}",
    "{{{ env_var('SECRET') }}}",
    "{{{{ env_var('SECRET') }}}}",
    "{%{{ env_var('SECRET') }}",
    "{# note #}{% set x = env_var('SECRET') %}",
    "{{ nothing.at.all }} {% endfor",
    "<img src=x onerror=alert(1)> & [go](javascript:alert(1))",
]


def rendered(text: str) -> str:
    return jinja2.Environment().from_string(text).render()


@given(BRACES)
def test_jinja_gives_back_any_text(text: str) -> None:
    safe = no_jinja(text)
    # dbt renders a text that has one of the marks, and leaves any other as it is
    marks = any(mark in safe for mark in ("{{", "{%", "{#", "}}", "%}", "#}"))
    assert (rendered(safe) if marks else safe) == text


@given(BRACES)
def test_a_literal_of_jinja_is_the_text(text: str) -> None:
    assert rendered("{{ " + jinja_literal(text) + " }}") == text
    assert not {"{", "\n", "\r"} & set(jinja_literal(text))


@given(st.lists(BRACES))
def test_yaml_renders_to_the_document(texts: list[str]) -> None:
    found = yaml.safe_load(dump_yaml({"texts": texts, "doc": Rendered("{{ doc('x') }}")}))
    assert [rendered(text) if no_jinja(text) != text else text for text in found["texts"]] == texts
    assert found["doc"] == "{{ doc('x') }}"


@given(st.text(st.sampled_from("<>&;#ltgx`|[]() \n"), max_size=24))
def test_markdown_shows_no_html(text: str) -> None:
    assert "<" not in prose(text)
    shown = code(text)
    assert shown == f"`{text}`" or not set("<`|\n") & set(shown)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a < b & c", "a &lt; b & c"),
        ("&lt;", "&amp;lt;"),
        ("see [docs](https://x.y/z)", "see [docs](https://x.y/z)"),
        ("[go](javascript:alert(1))", "[go&#93;(javascript:alert(1))"),
        ("[go]: data:text/html,x", "[go&#93;: data:text/html,x"),
        ("two\nlines | cell", "two lines / cell"),
    ],
)
def test_prose(text: str, shown: str) -> None:
    assert prose(text) == shown


def run(project: DbtProject, *words: Any) -> None:
    command = [Path(sys.executable).with_name(str(words[0])), *map(str, words[1:])]
    places = {"DBT_PROJECT_DIR": str(project.folder), "DBT_PROFILES_DIR": str(project.folder)}
    environment = {**os.environ, **places, "SECRET": SECRET}
    ended = subprocess.run(command, cwd=project.folder, env=environment, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def scaffold(project: DbtProject, *words: str) -> None:
    ended = CliRunner().invoke(main, ["scaffold", *words, "--project-dir", str(project.folder)])
    assert ended.exit_code == 0, ended.output


@pytest.mark.slow
def test_the_manifest_shows_what_was_written(project: DbtProject) -> None:
    """Descriptions, owner, features and labels, through `scorehouse` and `dbt` as a user calls them."""
    X = pd.DataFrame({name: np.arange(60.0) + place for place, name in enumerate(HOSTILE)})
    labels = np.array(HOSTILE[:3])[np.arange(60) % 3]
    joblib.dump(make_pipeline(StandardScaler(), LogisticRegression()).fit(X, labels), project.folder / "m0")
    X.to_parquet(project.folder / "train.parquet")
    told = (
        "--description",
        HOSTILE[0],
        "--owner",
        HOSTILE[0],
        "--trained-from",
        HOSTILE[0],
        "--trained-to",
        "x",
    )
    asked = ("m0", "m0", "--features", "train.parquet", "--task", "classification", "--alias", "champion")
    run(project, "scorehouse", "register", *asked, *told)
    estimator = LogisticRegression().fit(X[[HOSTILE[0]]], labels == labels[0])
    for place, text in enumerate(HOSTILE[1:], start=1):
        facts = {"description": text, "owner": text, "task": "classification", "program": False}
        project.register(estimator, f"m{place}", X[[HOSTILE[0]]], **facts)
    project.features("select 1 as id")
    scaffold(project, "tests", "m0", "--table", "features", "--output", str(project.folder / "models/f.yml"))
    scaffold(project, "predictions", "m0", "--key", "id", "--features", "features", "--yes")
    scaffold(project, "mart", "m0", "--key", "id", "--yes")
    owner = ("--owner", HOSTILE[1], "--email", "x@x.x", "--description", HOSTILE[1], "--yes")
    scaffold(project, "exposure", "calls", "--table", "m0_mart", *owner)
    run(project, "dbt", "--warn-error", "parse", "--no-partial-parse")

    text = (project.folder / "target/manifest.json").read_text()
    manifest = json.loads(text)
    assert SECRET not in text and "<img" not in text.replace(json.dumps(HOSTILE[-1])[1:-1], "")
    for place, written in enumerate(HOSTILE):
        card = manifest["nodes"][f"seed.house.ml_m{place}"]["description"]
        assert f"\n{prose(written)}\n" in card and f"Owner: {prose(written)}\n" in card
    card = manifest["nodes"]["seed.house.ml_m0"]["description"]
    assert all(f"| {code(feature)} | double |" in card for feature in HOSTILE)
    classes = next(line for line in card.splitlines() if line.startswith("Classes: "))
    assert all(f"`{label}`" in classes for label in HOSTILE[:3])
    for model in ("m0_predictions", "m0_mart"):
        assert prose(HOSTILE[0]) in manifest["nodes"][f"model.house.{model}"]["description"]
    assert set(HOSTILE) <= set(manifest["nodes"]["model.house.features"]["columns"])
    exposure = manifest["exposures"]["exposure.house.calls"]
    assert exposure["owner"]["name"] == HOSTILE[1] and exposure["description"] == HOSTILE[1]
