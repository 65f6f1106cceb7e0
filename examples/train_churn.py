"""Train `churn`: the chance that a customer buys nothing in the 90 days after a month start.

The labels of a snapshot are known 90 days later. Training stops at the snapshot of 1 December 2010: all of
its labels were known on 1 March 2011, the day of the first snapshot to be scored.
"""

from __future__ import annotations

from _common import arguments, binary_quality, read, register, show
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder

COMPLETE = [
    "recency_days",
    "tenure_days",
    "orders",
    "orders_90d",
    "orders_trend",
    "distinct_products",
    "spend",
    "spend_90d",
    "average_basket",
    "returns_share",
]
FEATURES = ["country", *COMPLETE, "order_gap_days"]

QUERY = """
    select features.*, labels.churned, labels.label_available_at
    from churn_features as features
    inner join churn_labels as labels using (customer_id, snapshot_date)
    where labels.churned is not null
    order by features.snapshot_date, features.customer_id
"""


def boosting() -> Pipeline:
    """Gradient boosting. With a single order there is no gap between orders: it is imputed and flagged."""
    countries = OneHotEncoder(handle_unknown="ignore", min_frequency=100, sparse_output=False)
    columns = ColumnTransformer(
        [
            ("country", countries, ["country"]),
            ("complete", "passthrough", COMPLETE),
            ("gap", SimpleImputer(strategy="median", add_indicator=True), ["order_gap_days"]),
        ]
    )
    trees = GradientBoostingClassifier(
        n_estimators=100, max_depth=3, learning_rate=0.1, subsample=0.8, random_state=7
    )
    return Pipeline([("columns", columns), ("estimator", trees)])


def main() -> None:
    """Train on the snapshots whose labels were known in time, evaluate on the later ones, register."""
    options = arguments(__doc__.splitlines()[0])
    rows = read(options, QUERY)
    train = rows[rows["label_available_at"] <= "2011-03-01"]
    test = rows[rows["snapshot_date"] >= "2011-03-01"]
    pipeline = boosting().fit(train[FEATURES], train["churned"])
    quality = binary_quality(test["churned"], pipeline.predict_proba(test[FEATURES])[:, 1])
    show("Gradient boosting", quality)
    register(
        options,
        pipeline,
        name="churn",
        X=train[FEATURES],
        y=train["churned"],
        validation=(test[FEATURES], test["churned"]),
        task="classification",
        description="Chance that a customer buys nothing in the next 90 days",
        trained_from="2010-03-01",
        trained_to="2010-12-01",
        metrics=quality,
        threshold=0.5,
        time=train["snapshot_date"],
        alias="champion",
    )


if __name__ == "__main__":
    main()
