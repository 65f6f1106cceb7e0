"""Train and register the first version, in the project's folder: python train_first.py HELD_OUT_DAYS"""

from __future__ import annotations

import sys

import duckdb
from flight_pipelines import FEATURES, train
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

import scorehouse

QUERY = """
    select *, flight_date >= max(flight_date) over () - interval (?) day as is_held_out
    from flight_retraining_set
    order by all
"""


def main() -> None:
    """Train on all but the newest days, which give the metrics."""
    with duckdb.connect("house.duckdb", read_only=True) as connection:
        rows = connection.execute(QUERY, [int(sys.argv[1])]).df()
    training, held = rows[~rows["is_held_out"]], rows[rows["is_held_out"]]
    pipeline = train(training, seed=7, label="arrived_late")
    score = pipeline.predict_proba(held[FEATURES])[:, 1]
    measures = {"roc_auc": roc_auc_score, "log_loss": log_loss, "brier": brier_score_loss}
    scorehouse.register(
        pipeline,
        name="flight_delay",
        X=training[FEATURES],
        y=training["arrived_late"],
        reference=scorehouse.Reference(
            validation=(held[FEATURES], held["arrived_late"]), time=training["flight_date"]
        ),
        task="classification",
        card=scorehouse.Card(
            description="Gradient boosting on schedule, delay at departure, weather and plane",
            owner="examples",
            trained_from=str(training["flight_date"].min())[:10],
            trained_to=str(training["flight_date"].max())[:10],
            metrics={
                name: round(float(each(held["arrived_late"], score)), 6) for name, each in measures.items()
            },
        ),
        threshold=0.5,
        alias="champion",
    )


if __name__ == "__main__":
    main()
