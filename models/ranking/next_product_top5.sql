-- The five products to offer each customer next; one row without a product if nothing was scored.
with ranking_predictions as (

    select * from {{ ref('ranking_predictions') }}

),

customers as (

    select
        customer_id,
        count(*) as candidates,
        count(*) filter (where row_status = 'rejected') as candidates_rejected,
        max(model_version) as model_version
    from ranking_predictions
    group by customer_id

),

top5 as (

    select
        customer_id,
        rank,
        stock_code,
        score
    from ranking_predictions
    where row_status = 'scored' and rank <= 5

),

final as (

    select
        customers.customer_id,
        top5.rank,
        top5.stock_code,
        top5.score,
        customers.candidates,
        customers.candidates_rejected,
        customers.model_version
    from customers
    left join top5 on customers.customer_id = top5.customer_id

)

select * from final
