-- What is known of each customer at each month start, from the purchases before it.
with churn_history as (

    select * from {{ ref('churn_history') }}

),

final as (

    select
        customer_id,
        snapshot_date,
        country,
        cast(snapshot_date - last_purchase_date as integer) as recency_days,
        cast(snapshot_date - first_purchase_date as integer) as tenure_days,
        cast(orders as integer) as orders,
        cast(orders_90d as integer) as orders_90d,
        cast(orders_90d - orders_prior_90d as integer) as orders_trend,
        cast(distinct_products as integer) as distinct_products,
        sale_pence / 100.0e0 as spend,
        sale_pence_90d / 100.0e0 as spend_90d,
        sale_pence / 100.0e0 / orders as average_basket,
        return_pence * 1.0e0 / sale_pence as returns_share,
        (last_purchase_date - first_purchase_date) * 1.0e0 / nullif(orders - 1, 0) as order_gap_days
    from churn_history

)

select * from final
