from scorehouse import backend_sample


def model(dbt, session):
    dbt.config(materialized="table")
    return backend_sample(
        dbt, session, predictions=dbt.ref("demand_predictions"), model=dbt.ref("ml_demand"), rows=1000
    )
