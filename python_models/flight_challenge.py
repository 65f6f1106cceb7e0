from scorehouse import score


def model(dbt, session):
    dbt.config(materialized="predictions")
    return score(
        dbt,
        session,
        features=dbt.ref("flight_challenge_features"),
        model=dbt.ref("ml_flight_delay"),
        key="flight_id",
        alias=["champion", "challenger"],
        passthrough=["origin"],
    )
