-- What is known about each customer at each month start, from the purchases before it.
{% set days_of_orders = dbt.datediff('first_purchase_date', 'last_purchase_date', 'day') %}

with churn_history as (

    select * from {{ ref('churn_history') }}

),

final as (

    select
        customer_id,
        snapshot_date,
        country,
        cast({{ dbt.datediff('last_purchase_date', 'snapshot_date', 'day') }} as integer) as recency_days,
        cast({{ dbt.datediff('first_purchase_date', 'snapshot_date', 'day') }} as integer) as tenure_days,
        cast(orders as integer) as orders,
        cast(orders_90d as integer) as orders_90d,
        cast(orders_90d - orders_prior_90d as integer) as orders_trend,
        cast(distinct_products as integer) as distinct_products,
        {{ scorehouse.as_double('sale_pence') }} / 100 as spend,
        {{ scorehouse.as_double('sale_pence_90d') }} / 100 as spend_90d,
        {{ scorehouse.as_double('sale_pence') }} / 100 / orders as average_basket,
        {{ scorehouse.as_double('return_pence') }} / sale_pence as returns_share,
        {{ scorehouse.as_double(days_of_orders) }} / nullif(orders - 1, 0) as order_gap_days
    from churn_history

)

select * from final
