-- What each customer bought of each product in the year before each cut-off.
with ranking_history as (

    select * from {{ ref('ranking_history') }}

),

final as (

    select
        cutoff_date,
        customer_id,
        stock_code,
        count(distinct invoice) as pair_orders,
        min(days_before) as pair_recency_days,
        max(days_before) as pair_first_days,
        row_number() over (
            partition by cutoff_date, customer_id
            order by count(distinct invoice) desc, min(days_before), stock_code
        ) as own_rank
    from ranking_history
    group by cutoff_date, customer_id, stock_code

)

select * from final
