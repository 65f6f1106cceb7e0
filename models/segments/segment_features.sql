-- Recency, frequency and monetary value of each customer on the day after the end of the data.
with retail_lines as (

    select * from {{ ref('retail_lines') }}

),

as_of as (

    select max(invoice_date) + 1 as as_of_date from retail_lines

),

customers as (

    select
        retail_lines.customer_id,
        as_of.as_of_date,
        cast(as_of.as_of_date - max(retail_lines.invoice_date) as integer) as recency_days,
        cast(count(distinct retail_lines.invoice) as integer) as orders,
        sum(retail_lines.amount_pence) / 100.0e0 as spend
    from retail_lines
    cross join as_of
    where retail_lines.customer_id is not null and retail_lines.line_kind = 'sale'
    group by retail_lines.customer_id, as_of.as_of_date

),

final as (

    select
        *,
        ln(recency_days) as recency_log,
        ln(orders) as orders_log,
        ln(1 + spend) as spend_log
    from customers

)

select * from final
