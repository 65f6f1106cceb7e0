"""Write docs/reference from the code (macros, tests, commands, columns, ...), and what else is made from it.

python docs/generate_reference.py            writes the pages
python docs/generate_reference.py --check    exits with 1 and names the pages that are out of date
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import backend_pages
import command_pages
import macro_pages
import metric_pages
import yaml
from tables import table

from scorehouse.cli.scaffold import AUDIT, OUTPUTS
from scorehouse.program.reasons.columns import DOCS
from scorehouse.registry import seed_columns

ROOT = Path(__file__).resolve().parents[1]
REFERENCE = ROOT / "docs" / "reference"
NOTE = "<!-- Written by docs/generate_reference.py: change the code, then run it. -->\n"
VARIABLE = re.compile(r"\bvar\(\s*['\"](scorehouse_\w+)['\"](?:\s*,\s*([^()]*(?:\([^()]*\)[^()]*)*))?\)")
MEANINGS = {
    "scorehouse_backfill": "First and last as-of date of a backfill, given with `--vars` for one run.",
    "scorehouse_compiled_sql": "`dialects`: databases that SQL is printed for (default: none; Python scores "
    "without it); "
    "`macro_path`: macro path below which `ml/<name>.sql` is written (default: the project's "
    "first); `statement_bytes`: the length beyond which a version is compiled into several statements "
    "(default: the limit of the database); `functions`: whether trees beyond one statement become "
    "[functions](compiled_sql.md#functions) (default: `false`).",
    "scorehouse_load_policy": "[What may be loaded](load_policy.md), and how strictly.",
    "scorehouse_memory_limit": "How much memory DuckDB may use while it streams a stored feature table, "
    "such as `1GB`. `auto`: per thread of DuckDB 128 MB plus 4 MB per column of the prediction table, and "
    "1 GB per further model that dbt builds at the same time. `null`: DuckDB's own "
    "`memory_limit` is not changed.",
    "scorehouse_registry_files": "Paths of registries, by ML model, relative to the project's folder: "
    "`{churn: ../platform/seeds/ml/churn/ml_churn.csv}`. Needed for a registry that another project loads "
    "and that is read through a source.",
    "scorehouse_retrain": "[How `scorehouse retrain` trains](../how-to/retrain.md) each ML model.",
    "scorehouse_run_log_database": "Database of the table `scorehouse_run_log`.",
    "scorehouse_history_retention_days": "Default of `older_than_days` of `prune_history`.",
    "scorehouse_run_log_retention_days": "Default of `older_than_days` of `prune_run_log`.",
    "scorehouse_run_log_schema": "Schema of the table `scorehouse_run_log`.",
    "scorehouse_spark_lease_hours": "Hours for which a run on Spark that has not ended counts as alive: "
    "other runs of its table leave its staging tables. More than a run can take.",
    "scorehouse_runs_enabled": "Whether the view `scorehouse_runs` is built.",
}


def variable_page() -> str:
    found: dict[str, str] = {}
    for file in sorted(
        [*ROOT.glob("macros/**/*.sql"), *ROOT.glob("models/**/*.sql"), *ROOT.glob("models/**/*.yml")]
    ):
        for name, default in VARIABLE.findall(file.read_text()):
            found.setdefault(name, " ".join(default.split()) or "none")
    for file in sorted(ROOT.glob("src/**/*.py")):
        for name in re.findall(r'^VARIABLE = "(scorehouse_\w+)"', file.read_text(), re.M):
            found.setdefault(name, "none")
    rows = [[f"`{name}`", f"`{default}`", MEANINGS.get(name, "")] for name, default in sorted(found.items())]
    opening = "Variables under `vars:` in `dbt_project.yml`, with their defaults."
    return "\n".join(["# Variables", "", opening, "", *table(["variable", "default", ""], rows)])


def column_page() -> str:
    lines = [
        "# Columns",
        "",
        "A column of a seed is varchar where no type is given.",
        "",
        "## Prediction tables",
        "",
    ]
    lines += [
        "A prediction table has the key, the passed-through columns, the columns of the task, and the audit",
        "columns, which say where a row came from.",
        "",
        *(f"- `{name}`: {text}" for name, text in {**OUTPUTS, **AUDIT}.items()),
        "",
        "With `reasons`, it also has these; they are null in rows that were not asked for.",
        "",
        *(f"- `{name}`: {text}" for name, text in DOCS.items()),
        "",
    ]
    seeds = {
        "ml_<name>": seed_columns.REGISTRY,
        "ml_<name>__signature": seed_columns.SIGNATURE,
        "ml_<name>__reference": seed_columns.REFERENCE,
        "ml_<name>__calibration": seed_columns.CALIBRATIONS,
        "ml_<name>__rehearsal": seed_columns.REHEARSALS,
        "ml_<name>__refit": seed_columns.REFITS,
    }
    for seed, columns in seeds.items():
        lines += [f"## Seed `{seed}`", ""]
        lines += [f"- `{name}`{_type(kind)}: {text}" for name, (kind, text) in columns.items()]
        lines.append("")
    names = re.findall(r"(?m)^        '(\w+)': ", (ROOT / "macros/run_log/_run_log_columns.sql").read_text())
    runs = yaml.safe_load((ROOT / "models/installed/run_log/_scorehouse_runs.yml").read_text())
    described = {one["name"]: one["description"] for one in runs["models"][0]["columns"]}
    lines += ["## Table `scorehouse_run_log`", ""]
    lines += [f"- `{name}`: {described[{'run_id': 'scoring_run_id'}.get(name, name)]}" for name in names]
    return "\n".join(lines)


def _type(kind: str) -> str:
    return "" if kind == "varchar" else f" ({kind})"


def decision_page() -> str:
    lines = ["# Decisions", "", "Decisions that a newcomer would question, one short page each.", ""]
    for file in sorted(ROOT.glob("docs/decisions/*.md")):
        title = file.read_text().splitlines()[0].removeprefix("# ")
        lines.append(f"- [{title}](../decisions/{file.name})")
    return "\n".join(lines)


def pages() -> dict[Path, str]:
    """Every page and the text that it should have."""
    texts = {
        "macros.md": macro_pages.macros(),
        "tests.md": macro_pages.tests(),
        "variables.md": variable_page(),
        "commands.md": command_pages.page(),
        "columns.md": column_page(),
        "backends.md": backend_pages.page(),
        "metrics.md": metric_pages.page(),
    }
    files = {REFERENCE / name: text for name, text in texts.items()}
    files[ROOT / "docs" / "explanation" / "decisions.md"] = decision_page()
    written = {file: NOTE + "\n" + text.rstrip() + "\n" for file, text in files.items()}
    macros = {
        "monitoring/_metrics.sql": metric_pages.macro(),
        "_sql/_dialect.sql": backend_pages.macro(),
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
