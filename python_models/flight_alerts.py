from scorehouse import score


def model(dbt, session):
    dbt.config(materialized="predictions")
    return score(
        dbt,
        session,
        features=dbt.ref("flight_scoring_features"),
        model=dbt.ref("ml_flight_delay"),
        key="flight_id",
        passthrough=["flight_date", "carrier", "origin", "dest"],
        decision={"threshold": 0.8, "labels": ["none", "alert"]},
        reasons={"top": 3, "where": {"decision": "alert"}},
    )
