{{ config(materialized='view') }}

-- The candidates of the later cut-off, which the ranking model was not trained on.
with ranking_features as (

    select * from {{ ref('ranking_features') }}

),

final as (

    select *
    from ranking_features
    where cutoff_date = date '2011-11-01'

)

select * from final
