-- The products to rank for each active customer: up to 25 of their own and the 20 most popular.
with ranking_history as (

    select * from {{ ref('ranking_history') }}

),

ranking_pairs as (

    select * from {{ ref('ranking_pairs') }}

),

ranking_products as (

    select * from {{ ref('ranking_products') }}

),

customers as (

    select
        cutoff_date,
        customer_id,
        count(distinct invoice) as customer_orders,
        count(distinct stock_code) as customer_products,
        min(days_before) as customer_recency_days,
        sum(amount_pence) * 1.0e0 / sum(quantity) / 100.0e0 as customer_price
    from ranking_history
    group by all
    having min(days_before) <= 180

),

final as (

    select
        customers.*,
        ranking_pairs.stock_code
    from customers
    inner join ranking_pairs
        on
            customers.cutoff_date = ranking_pairs.cutoff_date
            and customers.customer_id = ranking_pairs.customer_id
    where ranking_pairs.own_rank <= 25

    union

    select
        customers.*,
        ranking_products.stock_code
    from customers
    inner join ranking_products on customers.cutoff_date = ranking_products.cutoff_date
    where ranking_products.popularity_rank <= 20

)

select * from final
