-- One row per ML model of this project, for an orchestrator: whether it should be retrained, and why.
select * from {{ ref('flight_retraining') }}
union all
select * from {{ ref('churn_retraining') }}
union all
select * from {{ ref('demand_retraining') }}
union all
select * from {{ ref('ranking_retraining') }}
union all
select * from {{ ref('segment_retraining') }}
