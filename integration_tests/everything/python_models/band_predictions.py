from scorehouse import score


def model(dbt, session):
    dbt.config(materialized="predictions")
    return score(
        dbt,
        session,
        features=dbt.ref("meters"),
        model=dbt.ref("ml_band"),
        key="Meter Id",
        version=1,
        passthrough="kind",
        max_rejected_share=0.1,
    )
