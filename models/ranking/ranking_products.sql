-- How each product sold in the year before each cut-off.
with ranking_history as (

    select * from {{ ref('ranking_history') }}

),

products as (

    select
        cutoff_date,
        stock_code,
        count(distinct customer_id) as customers,
        count(distinct customer_id) filter (where days_before <= 28) as customers_28d,
        count(distinct customer_id) filter (where days_before > 335) as customers_year_ago,
        count(distinct invoice) as orders,
        sum(amount_pence) * 1.0e0 / sum(quantity) / 100.0e0 as price
    from ranking_history
    group by all

),

final as (

    select
        *,
        orders * 1.0e0 / customers as orders_per_customer,
        row_number() over (
            partition by cutoff_date order by customers_28d desc, customers desc, stock_code asc
        ) as popularity_rank
    from products

)

select * from final
