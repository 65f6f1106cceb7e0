"""Train `next_product`: which products a customer is most likely to buy in the coming month."""

from __future__ import annotations

import numpy as np
import pandas as pd
from _common import arguments, read, register, show
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import Pipeline

FEATURES = [
    "customer_orders",
    "customer_products",
    "customer_recency_days",
    "pair_orders",
    "pair_order_share",
    "pair_recency_days",
    "pair_gap_days",
    "product_customers",
    "product_customers_28d",
    "product_customers_year_ago",
    "product_orders_per_customer",
    "product_price",
    "price_to_usual",
]

QUERY = """
    select features.*, labels.bought
    from ranking_features as features
    inner join ranking_labels as labels using (cutoff_date, customer_id, stock_code)
    order by features.cutoff_date, features.customer_id, features.stock_code
"""


def boosting() -> Pipeline:
    """The chance of a purchase, which ranks the candidates; missing values (never bought) are accepted."""
    trees = HistGradientBoostingClassifier(
        max_iter=100, learning_rate=0.05, max_leaf_nodes=15, early_stopping=False, random_state=7
    )
    return Pipeline([("estimator", trees)])


def quality(rows: pd.DataFrame, score: np.ndarray | pd.Series, depth: int = 5) -> dict[str, float]:
    """NDCG and hit rate of the first five products, over customers who bought at least one candidate."""
    ranked = rows[["customer_id", "stock_code", "bought"]].assign(score=np.asarray(score))
    ranked = ranked.sort_values(["customer_id", "score", "stock_code"], ascending=[True, False, True])
    ranked["place"] = ranked.groupby("customer_id").cumcount()
    bought = ranked.groupby("customer_id")["bought"].sum()
    bought = bought[bought > 0]
    first = ranked[(ranked["place"] < depth) & (ranked["bought"] == 1)]
    gain = (1 / np.log2(first["place"] + 2)).groupby(first["customer_id"]).sum()
    gain = gain.reindex(bought.index, fill_value=0)
    ideal = np.cumsum(1 / np.log2(np.arange(depth) + 2))[np.minimum(bought, depth) - 1]
    return {
        "ndcg_at_5": round(float((gain / ideal).mean()), 4),
        "hit_rate_at_5": round(float((gain > 0).mean()), 4),
    }


def main() -> None:
    """Train on the cut-off of October 2011, compare with popularity on that of November, register."""
    options = arguments(__doc__.splitlines()[0])
    rows = read(options, QUERY)
    is_training = rows["cutoff_date"] == "2011-10-01"
    train, test = rows[is_training], rows[~is_training]
    pipeline = boosting().fit(train[FEATURES], train["bought"])
    metrics = quality(test, pipeline.predict_proba(test[FEATURES])[:, 1])
    popularity = quality(test, -test["popularity_rank"])
    show("Gradient boosting", metrics)
    show("Baseline: the most popular", popularity)
    habit = quality(test, test["pair_orders"] - test["popularity_rank"] / 1e6)
    show("Baseline: the most often bought", habit)
    register(
        options,
        pipeline,
        name="next_product",
        X=train[FEATURES],
        y=train["bought"],
        validation=(test[FEATURES], test["bought"]),
        task="ranking",
        description="Candidate products by the chance that the customer buys them in the coming month",
        trained_from="2010-10-01",
        trained_to="2011-10-31",
        metrics={**metrics, **{f"{name}_popularity": value for name, value in popularity.items()}},
        cluster=train["stock_code"],  # all rows are of one day, and products repeat
        alias="champion",
    )


if __name__ == "__main__":
    main()
