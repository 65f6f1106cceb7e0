-- What each segment looks like; rejected customers have one row without a segment.
with segment_predictions as (

    select * from {{ ref('segment_predictions') }}

),

final as (

    select
        row_status,
        case when row_status = 'scored' then prediction end as segment,
        count(*) as customers,
        median(recency_days) as median_recency_days,
        median(orders) as median_orders,
        median(spend) as median_spend,
        fsum(spend) as total_spend,
        favg(distance) as mean_distance,
        max(model_version) as model_version
    from segment_predictions
    group by all

)

select * from final
