-- What is known about each product before each week: its past weeks, its price and the season.
with product_weeks as (

    select * from {{ ref('product_weeks') }}

),

histories as (

    select
        stock_code,
        week_start,
        cast((week_start - first_week) // 7 as integer) as weeks_on_sale,
        cast(weekofyear(week_start) as integer) as week_of_year,
        cast(lag(units, 1) over weeks as double) as units_lag_1,
        cast(lag(units, 2) over weeks as double) as units_lag_2,
        cast(lag(units, 3) over weeks as double) as units_lag_3,
        cast(lag(units, 4) over weeks as double) as units_lag_4,
        cast(lag(units, 8) over weeks as double) as units_lag_8,
        cast(lag(units, 52) over weeks as double) as units_lag_52,
        sum(units) over (weeks rows between 4 preceding and 1 preceding) / 4.0e0 as units_mean_4,
        sum(units) over (weeks rows between 8 preceding and 1 preceding) / 8.0e0 as units_mean_8,
        sum(units) over (weeks rows between 26 preceding and 1 preceding)
        / count(units) over (weeks rows between 26 preceding and 1 preceding) as units_mean_26,
        cast(
            count(price) over (weeks rows between 8 preceding and 1 preceding) as integer
        ) as weeks_with_sales_8,
        last_value(price ignore nulls) over (
            weeks rows between unbounded preceding and 1 preceding
        ) as last_price,
        max(price) over (weeks rows between 26 preceding and 1 preceding) as highest_price_26
    from product_weeks
    window weeks as (partition by stock_code order by week_start)

),

final as (

    select
        * exclude (highest_price_26),
        last_price / highest_price_26 as price_to_highest
    from histories
    where weeks_on_sale >= 8 and weeks_with_sales_8 > 0

)

select * from final
