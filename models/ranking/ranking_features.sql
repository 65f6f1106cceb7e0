-- What is known before the cut-off about each customer, each candidate product, and each pair of the two.
with ranking_candidates as (

    select * from {{ ref('ranking_candidates') }}

),

ranking_pairs as (

    select * from {{ ref('ranking_pairs') }}

),

ranking_products as (

    select * from {{ ref('ranking_products') }}

),

final as (

    select
        candidates.cutoff_date,
        candidates.customer_id,
        candidates.stock_code,
        cast(candidates.customer_orders as integer) as customer_orders,
        cast(candidates.customer_products as integer) as customer_products,
        cast(candidates.customer_recency_days as integer) as customer_recency_days,
        cast(coalesce(pairs.pair_orders, 0) as integer) as pair_orders,
        coalesce(pairs.pair_orders, 0) * 1.0e0 / candidates.customer_orders as pair_order_share,
        cast(pairs.pair_recency_days as double) as pair_recency_days,
        (pairs.pair_first_days - pairs.pair_recency_days) * 1.0e0
        / nullif(pairs.pair_orders - 1, 0) as pair_gap_days,
        cast(products.customers as integer) as product_customers,
        cast(products.customers_28d as integer) as product_customers_28d,
        cast(products.customers_year_ago as integer) as product_customers_year_ago,
        products.orders_per_customer as product_orders_per_customer,
        products.price as product_price,
        products.price / candidates.customer_price as price_to_usual,
        cast(products.popularity_rank as integer) as popularity_rank
    from ranking_candidates as candidates
    inner join ranking_products as products
        on candidates.cutoff_date = products.cutoff_date and candidates.stock_code = products.stock_code
    left join ranking_pairs as pairs
        on
            candidates.cutoff_date = pairs.cutoff_date
            and candidates.customer_id = pairs.customer_id
            and candidates.stock_code = pairs.stock_code

)

select * from final
