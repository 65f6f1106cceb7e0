-- Sums of each customer's order lines before each snapshot; the raw material of the churn features.
with retail_lines as (

    select * from {{ ref('retail_lines') }}
    where customer_id is not null and line_kind <> 'adjustment'

),

churn_snapshots as (

    select * from {{ ref('churn_snapshots') }}

),

-- sums of each invoice come first: every line would be repeated for each later snapshot
invoices as (

    select
        customer_id,
        invoice,
        invoice_date,
        line_kind = 'sale' as is_sale,
        max(invoice_at) as invoice_at,
        {{ scorehouse.latest('country', 'invoice_at') }} as country,
        sum(amount_pence) as amount_pence
    from retail_lines
    group by customer_id, invoice, invoice_date, line_kind = 'sale'

),

first_sales as (

    select
        customer_id,
        stock_code,
        min(invoice_date) as first_sale_date
    from retail_lines
    where line_kind = 'sale'
    group by customer_id, stock_code

),

products as (

    select
        churn_snapshots.customer_id,
        churn_snapshots.snapshot_date,
        count(*) as distinct_products
    from churn_snapshots
    inner join first_sales
        on
            churn_snapshots.customer_id = first_sales.customer_id
            and first_sales.first_sale_date < churn_snapshots.snapshot_date
    group by churn_snapshots.customer_id, churn_snapshots.snapshot_date

),

invoices_before as (

    select
        churn_snapshots.customer_id,
        churn_snapshots.snapshot_date,
        invoices.invoice,
        invoices.invoice_at,
        invoices.invoice_date,
        invoices.country,
        invoices.amount_pence,
        invoices.is_sale,
        {{ dbt.datediff('invoices.invoice_date', 'churn_snapshots.snapshot_date', 'day') }} as days_before
    from churn_snapshots
    inner join invoices
        on
            churn_snapshots.customer_id = invoices.customer_id
            and invoices.invoice_date < churn_snapshots.snapshot_date

),

sums as (

    select
        customer_id,
        snapshot_date,
        {{ scorehouse.latest('country', 'invoice_at') }} as country,
        max(invoice_date) filter (where is_sale) as last_purchase_date,
        min(invoice_date) filter (where is_sale) as first_purchase_date,
        count(distinct invoice) filter (where is_sale) as orders,
        count(distinct invoice) filter (where is_sale and days_before <= 90) as orders_90d,
        count(distinct invoice) filter (where is_sale and days_before between 91 and 180) as orders_prior_90d,
        cast(coalesce(sum(amount_pence) filter (where is_sale), 0) as bigint) as sale_pence,
        cast(
            coalesce(sum(amount_pence) filter (where is_sale and days_before <= 90), 0) as bigint
        ) as sale_pence_90d,
        cast(coalesce(-sum(amount_pence) filter (where not is_sale), 0) as bigint) as return_pence
    from invoices_before
    group by customer_id, snapshot_date

),

final as (

    select
        sums.customer_id,
        sums.snapshot_date,
        sums.country,
        sums.last_purchase_date,
        sums.first_purchase_date,
        sums.orders,
        sums.orders_90d,
        sums.orders_prior_90d,
        coalesce(products.distinct_products, 0) as distinct_products,
        sums.sale_pence,
        sums.sale_pence_90d,
        sums.return_pence
    from sums
    left join products
        on sums.customer_id = products.customer_id and sums.snapshot_date = products.snapshot_date

)

select * from final
