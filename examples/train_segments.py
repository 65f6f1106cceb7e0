"""Train `segments`: groups of customers with similar recency, frequency and monetary value."""

from __future__ import annotations

import numpy as np
from _common import arguments, read, register, show
from sklearn.cluster import KMeans
from sklearn.metrics import silhouette_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

FEATURES = ["recency_log", "orders_log", "spend_log"]
QUERY = "select * from segment_features order by customer_id"


def kmeans() -> Pipeline:
    """Four segments by the standardized logarithms."""
    return Pipeline(
        [("scaler", StandardScaler()), ("estimator", KMeans(n_clusters=4, n_init=10, random_state=7))]
    )


def main() -> None:
    """Fit on all customers, print the silhouette and the sizes, register."""
    options = arguments(__doc__.splitlines()[0])
    rows = read(options, QUERY)
    pipeline = kmeans().fit(rows[FEATURES])
    segments = pipeline.predict(rows[FEATURES])
    scaled = pipeline.named_steps["scaler"].transform(rows[FEATURES])
    silhouette = silhouette_score(scaled, segments, sample_size=2000, random_state=7)
    sizes = {f"segment_{segment}": int(size) for segment, size in enumerate(np.bincount(segments))}
    metrics = {"silhouette": round(float(silhouette), 4)}
    show("KMeans", {**metrics, **sizes})
    register(
        options,
        pipeline,
        name="segments",
        X=rows[FEATURES],
        y=None,
        task="clustering",
        description="Customers by recency, frequency and monetary value",
        trained_from="2009-12-01",
        trained_to="2011-12-09",
        metrics={**metrics, **sizes},
        alias="champion",
    )


if __name__ == "__main__":
    main()
