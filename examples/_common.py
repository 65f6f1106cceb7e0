"""Code that the example training scripts share: arguments, reading, metrics, registering."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

DATABASE = Path(os.environ.get("SCOREHOUSE_DATABASE", "target/scorehouse.duckdb"))
OWNER = "examples"


def arguments(description: str) -> argparse.Namespace:
    """Parse the options that every training script takes."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument(
        "--database",
        type=Path,
        default=DATABASE,
        help="DuckDB file with the feature tables, built by dbt (default: %(default)s)",
    )
    parser.add_argument("--no-register", action="store_true", help="stop after printing the quality")
    parser.add_argument(
        "--importance",
        action="store_true",
        help="train nothing new: measure the importance of the features of what is registered",
    )
    parser.add_argument(
        "--reference",
        action="store_true",
        help="train nothing new: learn again what monitoring compares with, for what is registered",
    )
    options = parser.parse_args()
    if not options.database.exists():
        parser.error(f"--database: {options.database} does not exist; run dbt first")
    return options


def read(options: argparse.Namespace, query: str) -> pd.DataFrame:
    """The rows of a query. The query must order them, since the order affects the fitted estimator."""
    with duckdb.connect(str(options.database), read_only=True) as connection:
        return connection.sql(query).df()


def binary_quality(truth: Any, score: Any) -> dict[str, float]:
    """Metrics of a two-class estimator's scores on rows that it has not seen."""
    return {
        "roc_auc": round(float(roc_auc_score(truth, score)), 4),
        "log_loss": round(float(log_loss(truth, score)), 4),
        "brier": round(float(brier_score_loss(truth, score)), 4),
    }


def show(title: str, metrics: dict[str, float]) -> None:
    """Print one line of metrics."""
    print(f"{title}: " + "  ".join(f"{name} {value:,.4f}" for name, value in metrics.items()))


def register(options: argparse.Namespace, estimator: Any, **facts: Any) -> None:
    """Register the fitted estimator with scorehouse, unless --no-register is set."""
    if options.no_register:
        return
    # imported late: with --no-register, the script needs only scikit-learn
    import scorehouse
    from scorehouse.registration.groups import grouped

    if options.importance:
        measure(facts)
    elif options.reference:
        learn(facts)
    else:
        scorehouse.register(estimator, **grouped({"owner": OWNER, **facts}))


def measure(facts: dict[str, Any]) -> None:
    """Measure importance for the registered version that has this description."""
    from scorehouse.registration.renew import measure_importance

    X, y = facts.get("validation", (facts["X"], facts["y"]))
    number = registered(facts)
    print(facts["name"], number, measure_importance(facts["name"], X, y, version=number))


def learn(facts: dict[str, Any]) -> None:
    """Learn the reference of the registered version that has this description."""
    from scorehouse.registration.renew import learn_reference

    windows = {key: facts[key] for key in ("time", "cluster") if key in facts}
    print("learned", learn_reference(facts["name"], facts["X"], version=registered(facts), **windows).label)


def registered(facts: dict[str, Any]) -> int:
    """The number of the registered version that has this description."""
    from scorehouse.registry.seeds import ModelSeeds

    versions = ModelSeeds(Path.cwd(), facts["name"]).versions()
    (number,) = [row.version for row in versions if row.description == facts["description"]]
    return number
