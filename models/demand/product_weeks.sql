-- One row for each product and week from its first sale on, weeks without a sale included.
with retail_lines as (

    select * from {{ ref('retail_lines') }}

),

sales as (

    select
        stock_code,
        cast(date_trunc('week', invoice_date) as date) as week_start,
        cast(sum(quantity) as bigint) as units,
        cast(sum(amount_pence) as bigint) as sale_pence
    from retail_lines
    where is_product and line_kind = 'sale'
    group by all

),

first_weeks as (

    select
        stock_code,
        min(week_start) as first_week
    from sales
    group by stock_code

),

weeks as (

    select cast(week as date) as week_start
    from generate_series(timestamp '2009-11-30', timestamp '2011-12-05', interval 7 day) as calendar (week)

),

final as (

    select
        first_weeks.stock_code,
        weeks.week_start,
        first_weeks.first_week,
        coalesce(sales.units, 0) as units,
        sales.sale_pence * 1.0e0 / sales.units / 100.0e0 as price
    from first_weeks
    inner join weeks
        on first_weeks.first_week <= weeks.week_start
    left join sales
        on first_weeks.stock_code = sales.stock_code and weeks.week_start = sales.week_start

)

select * from final
