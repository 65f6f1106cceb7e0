-- Whether each candidate product was bought in the month after the cut-off.
with ranking_candidates as (

    select * from {{ ref('ranking_candidates') }}

),

retail_lines as (

    select * from {{ ref('retail_lines') }}

),

purchases as (

    select distinct
        customer_id,
        stock_code,
        cast(date_trunc('month', invoice_date) as date) as cutoff_date
    from retail_lines
    where customer_id is not null and line_kind = 'sale'

),

final as (

    select
        candidates.cutoff_date,
        candidates.customer_id,
        candidates.stock_code,
        cast(candidates.cutoff_date + interval 1 month as date) as label_available_at,
        cast(purchases.stock_code is not null as integer) as bought
    from ranking_candidates as candidates
    left join purchases
        on
            candidates.cutoff_date = purchases.cutoff_date
            and candidates.customer_id = purchases.customer_id
            and candidates.stock_code = purchases.stock_code

)

select * from final
