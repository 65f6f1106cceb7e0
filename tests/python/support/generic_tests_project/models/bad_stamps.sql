{# The clock of dbt, not the one that the test reads. #}
{% set now = run_started_at.strftime('%Y-%m-%d %H:%M:%S') %}

select
    cast('00000000-0000-0000-0000-00000000000' || run as uuid) as scoring_run_id,
    cast('{{ now }}' as timestamp) - to_minutes(minutes) as scored_at
from (values (1, 30), (1, 90), (1, 100), (2, -2), (3, null), (4, -60)) as t (run, minutes)
