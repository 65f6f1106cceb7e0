-- Every customer of the latest snapshot with a risk band; rejected customers have a band of their own.
with churn_predictions as (

    select * from {{ ref('churn_predictions') }}

),

churn_features as (

    select * from {{ ref('churn_features') }}

),

latest as (

    select * from churn_predictions
    where snapshot_date = (select max(newest.snapshot_date) from churn_predictions as newest)

),

final as (

    select
        latest.customer_id,
        latest.snapshot_date,
        case
            when latest.row_status = 'rejected' then 'not scored'
            when latest.score >= 0.7e0 then 'high'
            when latest.score >= 0.4e0 then 'medium'
            else 'low'
        end as risk_band,
        latest.score as churn_risk,
        churn_features.recency_days,
        churn_features.orders,
        churn_features.spend_90d,
        latest.score * churn_features.spend_90d as spend_at_stake,
        latest.reject_reason,
        latest.model_version
    from latest
    inner join churn_features
        on
            latest.customer_id = churn_features.customer_id
            and latest.snapshot_date = churn_features.snapshot_date

)

select * from final
