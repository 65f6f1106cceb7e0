from scorehouse import score


def model(dbt, session):
    dbt.config(materialized="predictions")
    return score(
        dbt,
        session,
        features=dbt.ref("churn_scoring_features"),
        model=dbt.ref("ml_churn"),
        key=["customer_id", "snapshot_date"],
    )
