-- One row for each customer and month start after the first purchase: the moments at which churn is asked.
with retail_lines as (

    select * from {{ ref('retail_lines') }}

),

first_purchases as (

    select
        customer_id,
        min(invoice_date) as first_purchase_date
    from retail_lines
    where customer_id is not null and line_kind = 'sale'
    group by customer_id

),

month_starts as (

    select cast(month_start as date) as snapshot_date
    from generate_series(
        timestamp '2010-03-01', timestamp '2011-12-01', interval 1 month
    ) as months (month_start)

),

final as (

    select
        first_purchases.customer_id,
        month_starts.snapshot_date,
        first_purchases.first_purchase_date
    from first_purchases
    inner join month_starts
        on first_purchases.first_purchase_date < month_starts.snapshot_date

)

select * from final
