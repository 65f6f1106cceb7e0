-- One row for each customer and month start after the first purchase: the dates for which churn is predicted.
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

months as (

    {{ dbt.date_spine('month', "cast('2010-03-01' as date)", "cast('2012-01-01' as date)") }}

),

month_starts as (

    select cast(date_month as date) as snapshot_date
    from months

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
