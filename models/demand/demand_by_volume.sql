{{ config(materialized='view') }}

-- Forecasts with a class of volume: how far a forecast may be off depends on how much a product sells.
with demand_predictions as (

    select * from {{ ref('demand_predictions') }}

),

demand_scoring_features as (

    select * from {{ ref('demand_scoring_features') }}

),

final as (

    select
        demand_predictions.*,
        case
            when demand_scoring_features.units_mean_8 < 2 then 'under 2 per week'
            when demand_scoring_features.units_mean_8 < 10 then '2 to 10 per week'
            when demand_scoring_features.units_mean_8 < 40 then '10 to 40 per week'
            else '40 or more per week'
        end as volume
    from demand_predictions
    inner join demand_scoring_features
        on
            demand_predictions.stock_code = demand_scoring_features.stock_code
            and demand_predictions.week_start = demand_scoring_features.week_start

)

select * from final
