-- Sales of products to known customers in the year before each cut-off; one row per cut-off and order line.
with retail_lines as (

    select * from {{ ref('retail_lines') }}

),

cutoffs as (

    select unnest([date '2011-10-01', date '2011-11-01']) as cutoff_date

),

final as (

    select
        cutoffs.cutoff_date,
        retail_lines.customer_id,
        retail_lines.stock_code,
        retail_lines.invoice,
        retail_lines.quantity,
        retail_lines.amount_pence,
        cutoffs.cutoff_date - retail_lines.invoice_date as days_before
    from retail_lines
    inner join cutoffs
        on
            retail_lines.invoice_date < cutoffs.cutoff_date
            and retail_lines.invoice_date >= cutoffs.cutoff_date - 365
    where retail_lines.customer_id is not null and retail_lines.is_product and retail_lines.line_kind = 'sale'

)

select * from final
