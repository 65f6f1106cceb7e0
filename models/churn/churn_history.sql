-- Sums of each customer's order lines before each snapshot; the raw material of the churn features.
with retail_lines as (

    select * from {{ ref('retail_lines') }}
    where customer_id is not null and line_kind <> 'adjustment'

),

churn_snapshots as (

    select * from {{ ref('churn_snapshots') }}

),

lines as (

    select
        churn_snapshots.customer_id,
        churn_snapshots.snapshot_date,
        retail_lines.invoice,
        retail_lines.stock_code,
        retail_lines.invoice_at,
        retail_lines.invoice_date,
        retail_lines.country,
        retail_lines.amount_pence,
        retail_lines.line_kind = 'sale' as is_sale,
        {{ dbt.datediff('retail_lines.invoice_date', 'churn_snapshots.snapshot_date', 'day') }} as days_before
    from churn_snapshots
    inner join retail_lines
        on
            churn_snapshots.customer_id = retail_lines.customer_id
            and retail_lines.invoice_date < churn_snapshots.snapshot_date

),

final as (

    select
        customer_id,
        snapshot_date,
        {{ scorehouse.latest('country', 'invoice_at') }} as country,
        max(invoice_date) filter (where is_sale) as last_purchase_date,
        min(invoice_date) filter (where is_sale) as first_purchase_date,
        count(distinct invoice) filter (where is_sale) as orders,
        count(distinct invoice) filter (where is_sale and days_before <= 90) as orders_90d,
        count(distinct invoice) filter (where is_sale and days_before between 91 and 180) as orders_prior_90d,
        count(distinct stock_code) filter (where is_sale) as distinct_products,
        cast(coalesce(sum(amount_pence) filter (where is_sale), 0) as bigint) as sale_pence,
        cast(
            coalesce(sum(amount_pence) filter (where is_sale and days_before <= 90), 0) as bigint
        ) as sale_pence_90d,
        cast(coalesce(-sum(amount_pence) filter (where not is_sale), 0) as bigint) as return_pence
    from lines
    group by customer_id, snapshot_date

)

select * from final
