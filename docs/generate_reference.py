"""Write docs/reference from the code (macros, tests, variables, commands, columns) and the list of decisions.

python docs/generate_reference.py            writes the pages
python docs/generate_reference.py --check    exits with 1 and names the pages that are out of date
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import yaml

from scorehouse.cli.main import main as cli
from scorehouse.cli.scaffold import AUDIT, OUTPUTS
from scorehouse.forms.matrix.models import MODELS, PROJECTIONS
from scorehouse.forms.native.recipes import readers
from scorehouse.forms.reasons.columns import DOCS
from scorehouse.forms.several import FOR_EACH
from scorehouse.forms.sql import calibrate
from scorehouse.forms.sql.registers import PREDICTORS, TRANSFORMERS
from scorehouse.registration import card

ROOT = Path(__file__).resolve().parents[1]
REFERENCE = ROOT / "docs" / "reference"
NOTE = "<!-- Written by docs/generate_reference.py: change the code, then run it. -->\n"
DEFINITION = re.compile(r"{%-?\s*(macro|test)\s+(\w+)\s*\((.*?)\)\s*-?%}", re.S)
COMMENT = re.compile(r"{#-?\s*(.*?)\s*-?#}", re.S)
VARIABLE = re.compile(r"\bvar\(\s*['\"](scorehouse_\w+)['\"](?:\s*,\s*([^()]*(?:\([^()]*\)[^()]*)*))?\)")
MEANINGS = {
    "scorehouse_backfill": "First and last as-of date of a backfill, given with `--vars` for one run.",
    "scorehouse_compiled_sql": "`dialects`: databases that SQL is compiled for (default: all but "
    "clickhouse); `macro_path`: macro path below which `ml/<name>.sql` is written (default: the project's "
    "first); `statement_bytes`: the length beyond which a version is compiled into several statements "
    "(default: the limit of the database).",
    "scorehouse_load_policy": "What may be loaded, and how strictly; see the guide on registering.",
    "scorehouse_memory_limit": "How much memory DuckDB may use while it streams a stored feature table, "
    "such as `1GB`. `auto`: for each of DuckDB's threads 128 MB plus 4 MB per column of the prediction "
    "table, and 1 GB for each further model that dbt builds at the same time. `null`: DuckDB's own "
    "`memory_limit` is not changed.",
    "scorehouse_registry_files": "Paths of registries, by ML model, relative to the project's folder: "
    "`{churn: ../platform/seeds/ml/churn/ml_churn.csv}`. Needed for a registry that another project loads "
    "and that is read through a source; the CSV of a seed in this project or its packages is found "
    "without it.",
    "scorehouse_retrain": "How `scorehouse retrain` trains each ML model: training query, function, label, "
    "time, holdout, gate and policy; see the guide on retraining.",
    "scorehouse_run_log_database": "Database of the table `scorehouse_run_log`.",
    "scorehouse_history_retention_days": "Age in days from which `prune_history` may delete as-of dates, "
    "if it is called without `older_than_days`. Nothing is ever deleted automatically.",
    "scorehouse_run_log_retention_days": "Age in days from which `prune_run_log` may delete runs, if it "
    "is called without `older_than_days`. Nothing is ever deleted automatically.",
    "scorehouse_run_log_schema": "Schema of the table `scorehouse_run_log`.",
    "scorehouse_runs_enabled": "Whether the view `scorehouse_runs` is built.",
}


def documented() -> dict[str, dict[str, Any]]:
    """The YAML entries of macros, by name."""
    found = {}
    for file in sorted(ROOT.glob("macros/**/*.yml")):
        for entry in (yaml.safe_load(file.read_text()) or {}).get("macros") or []:
            found[entry["name"]] = entry
    return found


def definitions(kind: str) -> Iterator[tuple[str, str, str, Path]]:
    """Public macros or tests: name, signature, opening comment, file. Each has a file with its name."""
    for file in sorted(ROOT.glob("macros/**/*.sql")):
        text = file.read_text()
        for found, name, arguments in DEFINITION.findall(text):
            if found == kind and name == file.stem and not name.startswith("_"):
                comment = COMMENT.match(text)
                signature = " ".join(arguments.split())
                yield name, signature, " ".join(comment[1].split()) if comment else "", file


def cell(text: Any) -> str:
    return " ".join(str(text).split()).replace("|", "\\|")


def table(columns: list[str], rows: list[list[Any]]) -> list[str]:
    lines = [f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}"]
    return [*lines, *(f"| {' | '.join(cell(value) for value in row)} |" for row in rows), ""]


def macro_page(kind: str, title: str, opening: str) -> str:
    entries, lines = documented(), [f"# {title}", "", opening, ""]
    for name, signature, comment, file in definitions(kind):
        entry = entries.get(name) or entries.get(f"test_{name}") or {}
        lines += [f"## {name}", "", "```jinja", f"{name}({signature})", "```", ""]
        lines += [" ".join(str(entry.get("description") or comment or "").split()), ""]
        arguments = entry.get("arguments") or []
        if arguments:
            rows = [[f"`{a['name']}`", a.get("type", ""), a.get("description", "")] for a in arguments]
            lines += table(["argument", "type", ""], rows)
        lines += [f"Defined in `{file.relative_to(ROOT).as_posix()}`.", ""]
    return "\n".join(lines)


def variable_page() -> str:
    found: dict[str, list[tuple[str, str]]] = {}
    for file in sorted(
        [*ROOT.glob("macros/**/*.sql"), *ROOT.glob("models/**/*.sql"), *ROOT.glob("models/**/*.yml")]
    ):
        for name, default in VARIABLE.findall(file.read_text()):
            place = file.relative_to(ROOT).as_posix()
            found.setdefault(name, []).append((" ".join(default.split()) or "none", place))
    for file in sorted(ROOT.glob("src/**/*.py")):
        for name in re.findall(r'^VARIABLE = "(scorehouse_\w+)"', file.read_text(), re.M):
            found.setdefault(name, []).append(("none", file.relative_to(ROOT).as_posix()))
    rows = [
        [
            f"`{name}`",
            f"`{uses[0][0]}`",
            MEANINGS.get(name, ""),
            ", ".join(f"`{p}`" for p in sorted({p for _, p in uses})),
        ]
        for name, uses in sorted(found.items())
    ]
    opening = "Variables under `vars:` in `dbt_project.yml`, with their defaults."
    return "\n".join(["# Variables", "", opening, "", *table(["variable", "default", "", "read in"], rows)])


def command_page() -> str:
    lines = ["# Commands", "", "Colours appear only on a terminal, and only if `NO_COLOR` is not set.", ""]
    lines += ["| exit code | |", "|---|---|", "| 0 | done |", "| 1 | an error, which the message explains |"]
    lines += [
        "| 2 | wrong usage |",
        "| 3 | something differs: only `replay`, `retrain --prove`, and commands with `--exit-code` |",
        "| 10, 20, 30 | only `retrain`: not asked for; waits for a person; refused by the gate |",
        "",
    ]
    lines += [
        "## Shell completion",
        "",
        "Completes commands, options, and the registered names, aliases and versions:",
        "",
        "```console",
        "$ scorehouse completion bash > ~/.local/share/bash-completion/completions/scorehouse",
        '$ scorehouse completion zsh > "${fpath[1]}/_scorehouse"',
        "$ scorehouse completion fish > ~/.config/fish/completions/scorehouse.fish",
        "```",
        "",
        "## Output and targets",
        "",
        "With `--json`, a command prints one JSON document on standard output and asks no questions; error",
        "messages go to standard error. Commands work from any folder of the project. Commands that read",
        "the warehouse need `--database` or `--target`. The profile is the one in `dbt_project.yml` unless",
        "`--profile` names another; `profiles.yml` is found where dbt finds it. The default target of the",
        "profile is never used.",
        "",
    ]
    for path, command in commands(cli, "scorehouse"):
        context = click.Context(command, info_name=path, terminal_width=80, max_content_width=80)
        lines += [f"## {path}", "", "```text", click.unstyle(command.get_help(context)), "```", ""]
    return "\n".join(lines)


def commands(command: click.Command, path: str) -> Iterator[tuple[str, click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        for name in sorted(command.commands):
            yield from commands(command.commands[name], f"{path} {name}")


def column_page() -> str:
    lines = ["# Columns", "", "## Prediction tables", ""]
    lines += [
        "A prediction table has the key, the passed-through columns, the columns of the task, and the audit",
        "columns, which say where a row came from.",
        "",
    ]
    lines += table(["column", ""], [[f"`{name}`", text] for name, text in {**OUTPUTS, **AUDIT}.items()])
    lines += ["With `reasons`, it also has these; they are null in rows that were not asked for.", ""]
    lines += table(["column", ""], [[f"`{name}`", text] for name, text in DOCS.items()])
    seeds = {
        "ml_<name>": card.REGISTRY_DOCS,
        "ml_<name>__signature": card.SIGNATURE_DOCS,
        "ml_<name>__reference": card.REFERENCE_DOCS,
        "ml_<name>__calibration": card.CALIBRATION_DOCS,
    }
    for seed, columns in seeds.items():
        rows = [[f"`{name}`", kind, text] for name, (kind, text) in columns.items()]
        lines += [f"## Seed `{seed}`", "", *table(["column", "type", ""], rows)]
    names = re.findall(r"\['(\w+)',", (ROOT / "macros/run_log/_run_log_columns.sql").read_text())
    lines += ["## Table `scorehouse_run_log`", "", ", ".join(f"`{name}`" for name in names) + ".", ""]
    return "\n".join(lines)


def form_page() -> str:
    """Which estimators have which stored forms, from the registers of the forms."""
    wraps = {name for name, function in PREDICTORS.items() if function.__module__ == calibrate.__name__}
    forms = {"sql": PREDICTORS.keys() - wraps, "native": readers().keys(), "matrix": MODELS.keys()}
    lines = [
        "# Stored forms",
        "",
        "Versions of these estimators score without scikit-learn, LightGBM or XGBoost: registration proves a",
        "[stored form](../decisions/stored-forms.md), and neither a run nor a service opens the estimator.",
        "Whether a version has a form is decided by its proof; `scorehouse show` says so, and why a form was",
        "refused. A subclass is not treated like its parent. `auto` is what `engine='auto'` takes. An",
        "[estimator per segment](../how-to/segments.md) has the form of its clones, except SQL.",
        "",
    ]
    rows = [
        [
            f"`{name.partition('.')[2]}`",
            _library(name),
            *(_mark(name in of) for of in forms.values()),
            _auto(name, forms),
        ]
        for name in sorted(set().union(*forms.values()), key=lambda name: name.lower().split("."))
    ]
    lines += table(["estimator", "library", "SQL", "native code", "matrix products", "`auto`"], rows)
    steps = {**dict.fromkeys(TRANSFORMERS, "any form"), **dict.fromkeys(PROJECTIONS, "matrix products")}
    lines += ["## Steps before them", ""]
    lines += table(
        ["step", "before"], [[f"`{name.partition('.')[2]}`", of] for name, of in sorted(steps.items())]
    )
    lines += ["## Around them", ""]
    around = [f"`{name.partition('.')[2]}`" for name in sorted(wraps)]
    lines += [
        f"SQL: {', '.join(around)}.",
        "Native code and matrix products: `Pipeline`, `GridSearchCV`, `RandomizedSearchCV`.",
        "",
        "## Several outputs per row",
        "",
        "scikit-learn's linear models, networks, trees and forests have the same forms with several outputs",
        "or labels. `MultiOutputRegressor`, `MultiQuantileRegressor` and `MultiOutputClassifier` have those",
        "that all of their estimators have: native code if they are trees, matrix products if they are",
        "linear, and SQL. `RegressorChain`, `ClassifierChain` and `OneVsRestClassifier` have SQL. XGBoost's",
        "own training on several targets and `TransformedTargetRegressor` have none: the estimator scores.",
        "",
    ]
    return "\n".join(lines)


def _library(name: str) -> str:
    library = name.partition(".")[0]
    return {"sklearn": "scikit-learn", "lightgbm": "LightGBM", "xgboost": "XGBoost"}.get(library, library)


def _mark(has: bool) -> str:
    return "yes" if has else ""


def _auto(name: str, forms: dict[str, Any]) -> str:
    if name in FOR_EACH:
        return "as its estimators"
    if name in forms["native"]:
        return "native code"
    if name in forms["sql"] and name in forms["matrix"]:
        return "SQL where it is fast, else matrix products"
    return "SQL where it is fast, else the estimator" if name in forms["sql"] else "matrix products"


def decision_page() -> str:
    lines = ["# Decisions", "", "Decisions that a newcomer would question, one short page each.", ""]
    for file in sorted(ROOT.glob("docs/decisions/*.md")):
        title = file.read_text().splitlines()[0].removeprefix("# ")
        lines.append(f"- [{title}](../decisions/{file.name})")
    return "\n".join(lines)


def pages() -> dict[Path, str]:
    """Every page and the text that it should have."""
    macros = "Put the package's name in front of a macro: `scorehouse.scored(...)`."
    tests = "Generic tests of prediction tables; write `scorehouse.<test>`. They return the failing rows."
    texts = {
        "macros.md": macro_page("macro", "Macros", macros),
        "tests.md": macro_page("test", "Tests", tests),
        "variables.md": variable_page(),
        "commands.md": command_page(),
        "columns.md": column_page(),
        "stored_forms.md": form_page(),
    }
    files = {REFERENCE / name: text for name, text in texts.items()}
    files[ROOT / "docs" / "explanation" / "decisions.md"] = decision_page()
    return {file: NOTE + "\n" + text.rstrip() + "\n" for file, text in files.items()}


def main(arguments: list[str]) -> int:
    stale = [file for file, text in pages().items() if not file.exists() or file.read_text() != text]
    if "--check" in arguments:
        for file in stale:
            print(f"out of date: {file.relative_to(ROOT)}; run python docs/generate_reference.py")
        return 1 if stale else 0
    REFERENCE.mkdir(exist_ok=True)
    for file in stale:
        file.write_text(pages()[file])
        print(f"written: {file.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
