"""The files of a dbt project, with what scorehouse needs: lines are added, and none is changed."""

from __future__ import annotations

import json
import os
import re
import textwrap
from collections.abc import Container, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import yaml

from scorehouse.cli.profile_file import profiles_file
from scorehouse.errors import ConfigurationError
from scorehouse.program.sql.dialects import DIALECTS
from scorehouse.program.sql.macros import VARIABLE as COMPILED
from scorehouse.registry.policy import VARIABLE
from scorehouse.retraining.settings import VARIABLE as RETRAIN

VARIABLES = f"""\
{VARIABLE}:
  formats: [joblib]           # what may be loaded
  library_versions: refuse    # or: warn, when scikit-learn is not the version that saved the estimator
"""
ATTRIBUTES = {
    "artifacts/**": "# hashed byte for byte: git must not touch a line end\n{} -text linguist-generated\n",
    "{}/ml/**": "# printed, and compared by `scorehouse check`\n{} linguist-generated\n",
}
ASSETS = 'asset-paths: ["assets"]   # pictures of the model cards, which dbt copies next to its docs\n'
IGNORED = (
    *("target/", "dbt_packages/", "dbt_internal_packages/", "logs/", ".user.yml"),  # of dbt
    *("*.duckdb", "*.duckdb.wal", ".ml_*.lock", "scorehouse_report/"),
)
PROJECT = "name: {name}\nversion: 1.0.0\nprofile: {name}\n"
WITH_PYTHON = "duckdb"  # the type of target where Python scores: nothing there needs printed SQL
RESERVED = ("scorehouse", "dbt", "dbt_duckdb")  # names of packages that the project installs
TARGET = {"type": "duckdb", "threads": 4, "settings": {"memory_limit": "1GB"}}


def new_project(folder: Path) -> str:
    """dbt_project.yml of an empty folder, named after it."""
    name = re.sub(r"\W+", "_", folder.name.lower(), flags=re.ASCII).strip("_")
    if not name[:1].isalpha() or name in RESERVED:
        name = f"project_{name}".rstrip("_")
    return PROJECT.format(name=name)


def new_profile(project: Path, settings: str) -> dict[str, Any]:
    """profiles.yml with a DuckDB target, for the profile that dbt_project.yml names and dbt does not find.

    Empty if there is nothing to write: dbt finds the profile, or would not read it in the project's folder.
    """
    profile = str((yaml.safe_load(settings) or {}).get("profile") or "")
    elsewhere = os.environ.get("DBT_PROFILES_DIR")
    if not profile or (project / "profiles.yml").exists():
        return {}
    if elsewhere and Path(elsewhere).resolve() != project.resolve():
        return {}
    try:
        if profile in (yaml.safe_load(profiles_file(None, project).read_text(encoding="utf-8")) or {}):
            return {}
    except ConfigurationError:
        pass  # there is no file at all
    except yaml.YAMLError:  # which dbt reports
        return {}
    return {profile: {"target": "dev", "outputs": {"dev": {**TARGET, "path": f"{profile}.duckdb"}}}}


def package_of_runtime() -> tuple[str, str | None]:
    """The folder or git URL from which this runtime was installed, and the revision of the URL.

    pip records where a distribution comes from (PEP 610), unless that is an index.
    """
    installed = metadata.distribution("scorehouse")
    origin = json.loads(installed.read_text("direct_url.json") or "{}")
    url = str(origin.get("url") or "")
    folder = Path(unquote(urlsplit(url).path))
    if "dir_info" in origin and (folder / "dbt_project.yml").is_file():
        return str(folder), None
    if "vcs_info" in origin:
        return url, origin["vcs_info"].get("requested_revision") or origin["vcs_info"]["commit_id"]
    raise ConfigurationError(
        "scorehouse init",
        "packages.yml does not name the dbt package of scorehouse, and this runtime was installed from "
        f"{url or 'a package index'}, which does not have it",
        expected="--package with the folder or git URL of scorehouse",
        action=f"add --package, with a git URL also --revision v{installed.version}",
    )


def has_package(text: str) -> bool:
    """Whether packages.yml names our package already."""
    return bool(re.search(r"(local|git|tarball|package):.*scorehouse", text))


def is_git(package: str) -> bool:
    """Whether a package is named by a git URL, and not by its folder."""
    return package.endswith(".git") or "://" in package or package.startswith("git@")


def with_package(text: str, package: str, revision: str | None) -> str:
    """packages.yml with our package."""
    if package in text or has_package(text):
        return text
    entry = {"git": package, "revision": revision or "main"} if is_git(package) else {"local": package}
    known = ("packages",) if "{" in text else yaml.safe_load(text) or ()  # with Jinja, it is no YAML yet
    return _with_entry(
        text, "packages", yaml.safe_dump([entry], sort_keys=False, width=1000), known, "packages.yml"
    )


def with_attributes(text: str, macro_path: str) -> str:
    """.gitattributes with the rules for what a registration writes, which reviewers need not read.

    git takes a comment only on a line of its own.
    """
    known = {word for line in text.splitlines() for word in line.split()[:1]}
    rules = {path.format(macro_path): rule for path, rule in ATTRIBUTES.items()}
    return "".join([_ended(text), *(rule.format(path) for path, rule in rules.items() if path not in known)])


def with_ignored(text: str) -> str:
    """.gitignore with what dbt and DuckDB write and nobody reviews."""
    known = {line.strip().strip("/") for line in text.splitlines()}
    return _ended(text) + "".join(f"{line}\n" for line in IGNORED if line.strip("/") not in known)


def with_assets(text: str) -> str:
    """dbt_project.yml with a folder for the pictures of the model cards, unless it has asset paths."""
    document = yaml.safe_load(text) or {}
    if document.get("asset-paths"):
        return text
    if "asset-paths" not in document:
        return _ended(text) + ASSETS
    return _with_entry(text, "asset-paths", "- assets\n", document)


def with_variables(text: str, database: str) -> str:
    """dbt_project.yml with our variables; comments and order are kept, since only lines are added.

    `database` is the type of the target. SQL is printed for it if it scores in SQL alone.
    """
    document = yaml.safe_load(text) or {}
    variables: Mapping[str, Any] = document.get("vars") or {}
    if VARIABLE in variables or VARIABLE in (variables.get("scorehouse") or {}):
        return text
    lines = VARIABLES
    if database in (*DIALECTS, "fabric") and database != WITH_PYTHON and COMPILED not in variables:
        lines += f"{COMPILED}:   # databases that SQL is printed for\n  dialects: [{database}]\n"
    return _with_entry(text, "vars", lines, document)


def with_settings(text: str, name: str, settings: dict[str, Any], call: str) -> str:
    """dbt_project.yml with the settings of one ML model for retraining; only lines are added."""
    document = yaml.safe_load(text) or {}
    variables = document.get("vars") or {}
    block = yaml.safe_dump({name: settings}, sort_keys=False, default_flow_style=None, allow_unicode=True)
    if RETRAIN in variables or RETRAIN in (variables.get("scorehouse") or {}):
        return _with_entry(text, RETRAIN, block, (RETRAIN,), call=call, indent=" *")
    return _with_entry(text, "vars", f"{RETRAIN}:\n{textwrap.indent(block, '  ')}", document, call=call)


def _ended(text: str) -> str:
    return text if not text or text.endswith("\n") else text + "\n"


def _with_entry(
    text: str,
    section: str,
    entry: str,
    sections: Container[str],
    file: str = "dbt_project.yml",
    call: str = "scorehouse init",
    indent: str = "",
) -> str:
    """The text with the first entry of a section, indented like its neighbours, or with a new section.

    `sections` are those that the text has; the line of this one may be indented by what `indent` matches.
    """
    text = _ended(text)
    if section not in sections:
        gap = "\n" if text else ""
        return f"{text}{gap}{section}:\n{textwrap.indent(entry, '  ')}"
    # an empty section may be written `vars: {}`
    text = re.sub(rf"^({indent}{section}:)[ \t]*(\{{[ \t]*\}}|\[[ \t]*\])", r"\1", text, flags=re.MULTILINE)
    opening = re.search(rf"^({indent}){section}:[ \t]*(#.*)?\n", text, flags=re.MULTILINE)
    if opening is None:
        raise ConfigurationError(
            call,
            f"{section!r} in {file} is not written as a block",
            expected=f"a line `{section}:` of its own, with the entries below it",
            action=f"write {section!r} as a block, then call the command again",
        )
    before, after = text[: opening.end()], text[opening.end() :]
    neighbour = re.search(r"^( *)([^\s#])", after, flags=re.MULTILINE)
    margin = f"{opening[1]}  "
    if neighbour and (neighbour[2] == "-" or len(neighbour[1]) > len(opening[1])):
        margin = neighbour[1]
    return before + textwrap.indent(entry, margin) + after
