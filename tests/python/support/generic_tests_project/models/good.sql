{# The clock of dbt, not the one that the test reads. #}
{% set now = run_started_at.strftime('%Y-%m-%d %H:%M:%S') %}

select
    *,
    'churn' as model_name,
    2 as model_version,
    'bb22' as model_digest,
    cast('00000000-0000-0000-0000-000000000001' as uuid) as scoring_run_id,
    cast('{{ now }}' as timestamp) - interval 2 hour as scored_at
from (
    values
        (1, 'north', 0e0, 1e0, 0e0, 'scored', null),
        (2, 'north', 1e0, 0e0, 1e0, 'scored', null),
        (3, 'south', 0.3e0, 0.7e0, 0.3e0, 'scored', null),
        (null, 'south', null, null, null, 'rejected', 'null_feature')
) as t (customer_id, region, score, score_no, score_yes, row_status, reject_reason)
