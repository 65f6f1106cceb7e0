"""Write docs/reference from the code (macros, tests, commands, columns, ...), and what else is made from it.

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
import form_pages
import metric_pages
import yaml
from tables import table

from scorehouse.cli.main import main as cli
from scorehouse.cli.scaffold import AUDIT, OUTPUTS
from scorehouse.forms.reasons.columns import DOCS
from scorehouse.registration import card

ROOT = Path(__file__).resolve().parents[1]
REFERENCE = ROOT / "docs" / "reference"
NOTE = "<!-- Written by docs/generate_reference.py: change the code, then run it. -->\n"
DEFINITION = re.compile(r"{%-?\s*(macro|test)\s+(\w+)\s*\((.*?)\)\s*-?%}", re.S)
COMMENT = re.compile(r"{#-?\s*(.*?)\s*-?#}", re.S)
VARIABLE = re.compile(r"\bvar\(\s*['\"](scorehouse_\w+)['\"](?:\s*,\s*([^()]*(?:\([^()]*\)[^()]*)*))?\)")
MEANINGS = {
    "scorehouse_backfill": "First and last as-of date of a backfill, given with `--vars` for one run.",
    "scorehouse_compiled_sql": "`dialects`: databases that SQL is compiled for (default: duckdb); "
    "`macro_path`: macro path below which `ml/<name>.sql` is written (default: the project's "
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
        "| 10, 11, 20, 30 | only `retrain`: not asked for; not judged; waits for a person; gate refused |",
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
    runs = yaml.safe_load((ROOT / "models/installed/run_log/_scorehouse_runs.yml").read_text())
    described = {one["name"]: one["description"] for one in runs["models"][0]["columns"]}
    rows = [[f"`{name}`", described[{"run_id": "scoring_run_id"}.get(name, name)]] for name in names]
    lines += ["## Table `scorehouse_run_log`", "", *table(["column", ""], rows)]
    return "\n".join(lines)


def decision_page() -> str:
    lines = ["# Decisions", "", "Decisions that a newcomer would question, one short page each.", ""]
    for file in sorted(ROOT.glob("docs/decisions/*.md")):
        title = file.read_text().splitlines()[0].removeprefix("# ")
        lines.append(f"- [{title}](../decisions/{file.name})")
    return "\n".join(lines)


def pages() -> dict[Path, str]:
    """Every page and the text that it should have."""
    named = "Put the package's name in front of a macro: `scorehouse.scored(...)`."
    tests = "Generic tests of prediction tables; write `scorehouse.<test>`. They return the failing rows."
    texts = {
        "macros.md": macro_page("macro", "Macros", named),
        "tests.md": macro_page("test", "Tests", tests),
        "variables.md": variable_page(),
        "commands.md": command_page(),
        "columns.md": column_page(),
        "stored_forms.md": form_pages.page(),
        "metrics.md": metric_pages.page(),
    }
    files = {REFERENCE / name: text for name, text in texts.items()}
    files[ROOT / "docs" / "explanation" / "decisions.md"] = decision_page()
    written = {file: NOTE + "\n" + text.rstrip() + "\n" for file, text in files.items()}
    macros = {
        "monitoring/_metrics.sql": metric_pages.macro(),
        "predict/_largest_statement.sql": form_pages.macro(),
    }
    return written | {ROOT / "macros" / name: text for name, text in macros.items()}


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
