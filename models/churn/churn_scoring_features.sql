{{ config(materialized='view') }}

-- The snapshots that the churn model was not trained on: March 2011 and later.
with churn_features as (

    select * from {{ ref('churn_features') }}

),

final as (

    select *
    from churn_features
    where snapshot_date >= date '2011-03-01'

)

select * from final
