-- Units that each product sold in each week; null for the last week, for which the data cover only five days.
with product_weeks as (

    select * from {{ ref('product_weeks') }}

),

demand_features as (

    select * from {{ ref('demand_features') }}

),

final as (

    select
        demand_features.stock_code,
        demand_features.week_start,
        case when demand_features.week_start < date '2011-12-05' then product_weeks.units end as units
    from demand_features
    inner join product_weeks
        on
            demand_features.stock_code = product_weeks.stock_code
            and demand_features.week_start = product_weeks.week_start

)

select * from final
