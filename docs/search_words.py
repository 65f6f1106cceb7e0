"""A hook of MkDocs: what people type into the search of the site, and which page they should find first.

The search ranks by how often a word stands in a page, so a short page about a detail wins over the page
that explains it. A page's words count as its tags, which rank above all text; decisions rank below
other pages.
"""

from __future__ import annotations

from typing import Any

from mkdocs.exceptions import PluginError

WORDS = {
    "tutorial.md": ("quickstart", "quick start", "getting started", "first steps", "install", "installation"),
    "ask.md": ("docker", "kubernetes", "feature store", "rest api", "faq"),
    "how-to/existing_estimator.md": ("joblib", "pickle", "own model"),
    "how-to/register.md": ("register", "registry"),
    "how-to/sql_door.md": ("sql", "scored"),
    "how-to/rescore.md": ("incremental", "changed rows", "full refresh"),
    "how-to/backfill.md": ("backfill", "microbatch", "history", "snapshot"),
    "how-to/decide.md": ("threshold", "decision"),
    "how-to/outputs.md": ("multioutput", "multilabel", "quantiles"),
    "how-to/intervals.md": ("interval", "conformal", "uncertainty", "prediction set"),
    "how-to/reasons.md": ("reasons", "explain", "shap", "contributions"),
    "how-to/answer.md": ("answer", "counterfactual", "letter"),
    "how-to/online.md": ("online", "serving"),
    "how-to/training_sets.md": ("training", "leakage", "point in time"),
    "how-to/retrain.md": ("retrain",),
    "how-to/distil.md": ("distillation", "slow"),
    "how-to/monitor.md": ("monitoring", "drift", "psi", "alerts"),
    "how-to/report.md": ("report", "dashboard"),
    "how-to/challengers.md": ("challenger", "shadow", "comparison"),
    "how-to/promote.md": ("promote", "champion", "alias", "rollback"),
    "how-to/impact.md": ("impact", "budget", "value"),
    "how-to/orchestrate.md": ("airflow", "dagster", "cron", "schedule"),
    "how-to/upgrade.md": ("upgrade", "migrate", "version number"),
    "how-to/retention.md": ("retention", "prune"),
    "how-to/forget.md": ("forget", "gdpr", "erasure"),
    "how-to/evidence.md": ("evidence", "audit", "seal"),
    "how-to/without_python.md": (
        *("postgres", "postgresql", "snowflake", "bigquery", "redshift", "clickhouse"),
        *("sql server", "fabric", "t-sql"),
    ),
    "how-to/lakes.md": ("parquet", "iceberg", "delta", "ducklake"),
    "how-to/spark.md": ("spark", "databricks"),
    "how-to/mlflow.md": ("mlflow",),
    "how-to/agents.md": ("mcp", "agent"),
    "benchmarks.md": ("benchmark", "performance", "fast"),
    "equality.md": ("onnx",),
    "explanation/guarantees.md": ("guarantees", "security"),
    "explanation/not-covered.md": ("limits", "limitations"),
    "reference/runs.md": ("started", "interrupted", "killed"),
    "reference/variables.md": ("variables", "vars"),
    "reference/commands.md": ("command line", "cli"),
}


def on_files(files: Any, **_: Any) -> None:
    """Refuse words for a page that does not exist."""
    if missing := [path for path in WORDS if files.get_file_from_path(path) is None]:
        raise PluginError(f"docs/search_words.py has words for pages that do not exist: {', '.join(missing)}")


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> None:
    """Give the page its words, or its lower rank."""
    path = page.file.src_uri
    if path in WORDS:
        page.meta["tags"] = list(WORDS[path])
    elif path.startswith("decisions/"):
        page.meta["search"] = {"boost": 0.3}
