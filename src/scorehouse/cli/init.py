"""`scorehouse init`: what a dbt project needs before its first prediction table."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import yaml

from scorehouse.cli.changes import Change, carry_out, pending
from scorehouse.cli.common import echo, heading, json_option, project_option, write_options
from scorehouse.cli.profile_file import default_target
from scorehouse.dialect import DUCKDB
from scorehouse.errors import ConfigurationError
from scorehouse.project.dbt_names import needs_quotes, python
from scorehouse.project.dbt_text import code
from scorehouse.project.folder import find_project
from scorehouse.registration.lock import check_name
from scorehouse.registry.policy import VARIABLE

VARIABLES = f"""\
{VARIABLE}:
  formats: [joblib]           # what may be loaded
  library_versions: refuse    # or: warn, when scikit-learn is not the version that saved the estimator
"""
ATTRIBUTES = "artifacts/** -text   # hashed byte for byte: git must not touch a line end\n"
ASSETS = 'asset-paths: ["assets"]   # pictures of the model cards, which dbt copies next to its docs\n'
TRAINING = '''\
"""Fit and register `{name}`: python {path} DATABASE"""

import sys

import duckdb
import scorehouse
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoosting{kind}
from sklearn.metrics import get_scorer
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder

with duckdb.connect(sys.argv[1], read_only=True) as connection:
    labelled = connection.sql({query})
    rows = scorehouse.read_training(labelled)  # numbers as numbers, in the form in which they will be scored

X = rows.drop(columns={columns})
y = rows[{label}]
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0{stratify})

strings = make_column_selector(dtype_include=["object", "string", "category"])
times = make_column_selector(dtype_include=["datetime", "datetimetz"])
estimator = make_pipeline(
    make_column_transformer(
        (OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), strings),
        (scorehouse.DaysSinceEpoch(), times),
        remainder="passthrough",
    ),
    HistGradientBoosting{kind}(random_state=0),
).fit(X_train, y_train)

version = scorehouse.register(
    estimator,
    "{name}",
    X_train,
    y_train,
    task="{task}",
    validation=(X_test, y_test),
    metrics={{"{metric}": {sign}get_scorer("{scorer}")(estimator, X_test, y_test)}},
    description={description},
    owner="",  # who answers for it
    trained_from="",  # days of the training data
    trained_to="",
    alias="champion",
)
print("registered", version.label, dict(version.metrics))
'''
QUALITY = {
    "classification": {
        "kind": "Classifier",
        "metric": "roc_auc",
        "sign": "",
        "scorer": "roc_auc_ovr",
        "stratify": ", stratify=y",
    },
    "regression": {
        "kind": "Regressor",
        "metric": "mae",
        "sign": "-",
        "scorer": "neg_mean_absolute_error",
        "stratify": "",
    },
}


@click.command("init")
@click.argument("name")
@click.option("--features", required=True, help="Model of your project with the features, one row per key.")
@click.option("--key", "keys", required=True, multiple=True, help="Key column; may be repeated.")
@click.option("--label", required=True, help="Column to predict; NULL where it is not known yet.")
@click.option(
    "--task",
    type=click.Choice(("classification", "regression")),
    default="classification",
    show_default=True,
    help="What is predicted: classes, or numbers.",
)
@click.option("--package", help="Where the dbt package comes from: a folder or a git URL, for packages.yml.")
@click.option("--revision", help="Tag or commit of the git URL.")
@write_options
@json_option
@project_option
def init_command(
    name: str, yes: bool, dry_run: bool, as_json: bool, project_dir: Path | None, **answers: Any
) -> None:
    """Prepare a dbt project for the ML model NAME: package, folders, variables, training script.

    Shows the changes as a diff and asks before it writes. Existing files are extended, never replaced; a
    second call changes nothing.

    \b
    Example:
      scorehouse init churn --features customer_features --key customer_id --label churned \\
          --package ../scorehouse
    """
    check_name("name", name, f"init {name}")
    project = find_project(project_dir)
    changes = pending(project, planned(project, name, **answers))
    nothing = "nothing to do: the project is already prepared"
    if not carry_out(project, changes, yes=yes, dry_run=dry_run, as_json=as_json, nothing=nothing):
        return
    for line in hints(project, name, **answers):
        echo(line)


def planned(
    project: Path,
    name: str,
    *,
    features: str,
    keys: tuple[str, ...],
    label: str,
    task: str,
    package: str | None,
    revision: str | None,
) -> list[Change]:
    """Every file as it should be."""
    script = f"ml/train_{name}.py"
    order = ", ".join(map(_name, keys))
    training = TRAINING.format(
        name=name,
        path=script,
        query=python(f"from {_table(project, features)} where {_name(label)} is not null order by {order}"),
        label=python(label),
        columns=python([*keys, label]),
        description=python(f"Predicts {code(label)} of a row of {code(features)}"),
        task=task,
        **QUALITY[task],
    )
    changes = [
        Change("dbt_project.yml", with_variables(with_assets(_text(project / "dbt_project.yml")))),
        Change(".gitattributes", with_line(_text(project / ".gitattributes"), ATTRIBUTES)),
    ]
    if package is not None:
        packages = with_package(_text(project / "packages.yml"), package, revision)
        changes.insert(0, Change("packages.yml", packages))
    if not (project / script).exists():
        changes.append(Change(script, training))
    return changes


def _name(name: str) -> str:
    """A name in the SQL of the training script, which runs on DuckDB."""
    return DUCKDB.quote(name) if needs_quotes(name) else name


def _table(project: Path, features: str) -> str:
    """The feature table, in the schema of the profile's default target if that is not `main`."""
    schema = str(default_target(project).get("schema") or "main")
    return features if schema == "main" or "{" in schema else f"{_name(schema)}.{features}"


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8") if file.exists() else ""


def with_line(text: str, line: str) -> str:
    """The text with one more line, unless a line begins with the same word."""
    first = line.split()[0]
    if any(existing.split()[:1] == [first] for existing in text.splitlines()):
        return text
    return _ended(text) + line


def _ended(text: str) -> str:
    return text if not text or text.endswith("\n") else text + "\n"


def with_assets(text: str) -> str:
    """dbt_project.yml with a folder for the pictures of the model cards, unless it has asset paths."""
    document = yaml.safe_load(text) or {}
    if document.get("asset-paths"):
        return text
    if "asset-paths" not in document:
        return _ended(text) + ASSETS
    return _inserted(text, "- assets\n", "asset-paths", "dbt_project.yml")


def with_variables(text: str) -> str:
    """dbt_project.yml with our variables; comments and order are kept, since only lines are added."""
    document = yaml.safe_load(text) or {}
    variables = document.get("vars") or {}
    if VARIABLE in variables or VARIABLE in (variables.get("scorehouse") or {}):
        return text
    if "vars" not in document:
        return f"{_ended(text)}\nvars:\n{_indented(VARIABLES, '  ')}"
    return _inserted(text, VARIABLES, "vars", "dbt_project.yml")


def with_package(text: str, package: str, revision: str | None) -> str:
    """packages.yml with our package."""
    entry = yaml.safe_dump(
        [{"git": package, "revision": revision or "main"} if _is_git(package) else {"local": package}],
        sort_keys=False,
    )
    document = yaml.safe_load(text) if "{" not in text else {"packages": [None]}
    if package in text or re.search(r"(local|git):.*scorehouse", text):
        return text
    if "packages" not in (document or {}):
        return f"{_ended(text)}packages:\n{_indented(entry, '  ')}"
    return _inserted(text, entry, "packages", "packages.yml")


def _is_git(package: str) -> bool:
    return package.endswith(".git") or "://" in package or package.startswith("git@")


def _indented(text: str, indent: str) -> str:
    return "".join(f"{indent}{line}\n" for line in text.splitlines())


def _inserted(text: str, block: str, section: str, file: str) -> str:
    """The text with a block as the first entry of a section, indented like its neighbours."""
    # an empty section may be written `vars: {}`
    text = re.sub(rf"^({section}:)[ \t]*(\{{[ \t]*\}}|\[[ \t]*\])", r"\1", text, flags=re.MULTILINE)
    lines = _ended(text).splitlines(keepends=True)
    for number, line in enumerate(lines):
        if re.match(rf"{section}:[ \t]*(#.*)?$", line.rstrip("\n")):
            following = (x for x in lines[number + 1 :] if x.strip() and not x.lstrip().startswith("#"))
            neighbour = next(following, "  ")
            indent = neighbour[: len(neighbour) - len(neighbour.lstrip())]
            if not indent and not neighbour.startswith("-"):
                indent = "  "
            return "".join([*lines[: number + 1], _indented(block, indent), *lines[number + 1 :]])
    raise ConfigurationError(
        "scorehouse init",
        f"{section!r} in {file} is not written as a block",
        expected=f"a line `{section}:` of its own, with the entries below it",
        action=f"write {section!r} as a block, then call init again",
    )


def hints(
    project: Path, name: str, *, features: str, keys: tuple[str, ...], package: str | None, **_: Any
) -> list[str]:
    """What to do next, and what the profile should say if it does not."""
    flags = " ".join(f"--key {shlex.quote(key)}" for key in keys)
    target = default_target(project)
    path = str(target.get("path") or "{")
    file = "<the DuckDB file of your target>" if "{" in path else shlex.quote(path)
    lines = [*_profile_hint(project, target), heading("next")]
    if package is None and not (project / "packages.yml").exists():
        lines.append("  name the dbt package in packages.yml, or call init again with --package")
    return [
        *lines,
        "  dbt deps",
        f"  dbt build --select +{features}",
        f"  python ml/train_{name}.py {file}",
        f"  scorehouse scaffold predictions {name} --features {features} {flags}",
        "  dbt build",
    ]


def _profile_hint(project: Path, target: Mapping[str, Any]) -> list[str]:
    """What the profile lacks; nothing if its default target has it all."""
    if target.get("type") == "duckdb" and "memory_limit" in (target.get("settings") or {}):
        return []
    profile = (yaml.safe_load((project / "dbt_project.yml").read_text()) or {}).get("profile", "<profile>")
    lacks = "has no memory limit" if target.get("type") == "duckdb" else "needs `type: duckdb`"
    return [
        heading("profile"),
        f"  the target of {profile!r} {lacks}; with `settings: {{memory_limit: 1GB}}` below it",
        "  scoring takes the same memory for any number of rows",
    ]
