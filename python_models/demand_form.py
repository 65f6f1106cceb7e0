from scorehouse import form_sample


def model(dbt, session):
    dbt.config(materialized="table")
    return form_sample(
        dbt, session, predictions=dbt.ref("demand_predictions"), model=dbt.ref("ml_demand"), rows=1000
    )
