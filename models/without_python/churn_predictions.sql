{{ scorehouse.scored('churn', key=['customer_id', 'snapshot_date']) }}

select * from {{ ref('churn_scoring_features') }}
