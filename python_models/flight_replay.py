from scorehouse import replay_sample


def model(dbt, session):
    dbt.config(materialized="table")
    predictions = dbt.ref("flight_predictions")
    return replay_sample(dbt, session, predictions=predictions, model=dbt.ref("ml_flight_delay"), rows=1000)
