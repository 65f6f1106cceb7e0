{{ config(materialized='view') }}

-- The flights that the delay model was not trained on: July to December.
with flight_features as (

    select * from {{ ref('flight_features') }}

),

final as (

    select *
    from flight_features
    where flight_date >= date '2013-07-01'

)

select * from final
