{{ config(materialized='view') }}

-- The weeks that the demand model was not trained on: May 2011 and later.
with demand_features as (

    select * from {{ ref('demand_features') }}

),

final as (

    select *
    from demand_features
    where week_start >= date '2011-05-02'

)

select * from final
