from scorehouse import score


def model(dbt, session):
    dbt.config(materialized="predictions")
    return score(
        dbt,
        session,
        features=dbt.ref("ranking_scoring_features"),
        model=dbt.ref("ml_next_product"),
        key=["customer_id", "stock_code"],
        group="customer_id",
        passthrough=["cutoff_date"],
    )
