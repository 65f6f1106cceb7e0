from scorehouse import score


def model(dbt, session):
    dbt.config(materialized="predictions")
    return score(
        dbt,
        session,
        features=dbt.ref("demand_scoring_features"),
        model=dbt.ref("ml_demand"),
        key=["stock_code", "week_start"],
    )
