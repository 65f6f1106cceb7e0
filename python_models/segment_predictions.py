from scorehouse import score


def model(dbt, session):
    dbt.config(materialized="predictions")
    return score(
        dbt,
        session,
        features=dbt.ref("segment_features"),
        model=dbt.ref("ml_segments"),
        key="customer_id",
        passthrough=["recency_days", "orders", "spend"],
    )
