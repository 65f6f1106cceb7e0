-- Units to plan for each product and week: the forecast, or last year's units if there is no forecast.
with demand_predictions as (

    select * from {{ ref('demand_predictions') }}

),

product_weeks as (

    select * from {{ ref('product_weeks') }}

),

final as (

    select
        demand_predictions.stock_code,
        demand_predictions.week_start,
        case when demand_predictions.row_status = 'scored' then greatest(demand_predictions.prediction, 0) end
            as forecast_units,
        last_year.units as last_year_units,
        coalesce(forecast_units, last_year.units) as planned_units,
        case
            when forecast_units is not null then 'forecast'
            when last_year.units is not null then 'last year'
            else 'none'
        end as plan_basis,
        forecast_units - last_year.units as change_on_last_year,
        demand_predictions.reject_reason,
        demand_predictions.model_version
    from demand_predictions
    left join product_weeks as last_year
        on
            demand_predictions.stock_code = last_year.stock_code
            and last_year.week_start = demand_predictions.week_start - 364

)

select * from final
