{% test predictions_fresh(model, max_age_hours, timestamp_column='scored_at', require_rows=false) %}
    {% set call = 'predictions_fresh' %}
    {% do scorehouse._check_number(
        call, 'max_age_hours', max_age_hours, 'write a number of hours, such as 24 or 0.5',
        lowest=0, highest=1000000
    ) %}
    {% do scorehouse._check_text(
        call, 'timestamp_column', timestamp_column, 'the name of one column', 'write `timestamp_column: scored_at`'
    ) %}
    {% do scorehouse._check_bool(call, 'require_rows', require_rows) %}

{#- A timestamp in the future means a wrong clock or time zone, and hides stale rows. -#}
{% set now, stamp = scorehouse._utc_now(), scorehouse._identifier(timestamp_column) %}
{% set max_age_seconds = (max_age_hours * 3600) | round | int %}
{% set clock_skew_seconds = 300 %}

with judged as (

    select
        cast(scoring_run_id as {{ dbt.type_string() }}) as scoring_run_id,
        {{ stamp }} as stamped_at,
        case
            when {{ stamp }} is null then 'no_timestamp'
            when {{ stamp }} < {{ dbt.dateadd('second', -max_age_seconds, now) }} then 'too_old'
            when {{ stamp }} > {{ dbt.dateadd('second', clock_skew_seconds, now) }} then 'in_future'
        end as problem
    from {{ model }}

)

select
    scoring_run_id,
    problem,
    count(*) as n_rows,
    min(stamped_at) as oldest_at,
    {{ dbt.datediff('min(stamped_at)', now, 'second') }} / 3600e0 as age_hours,
    {{ scorehouse._double_literal(max_age_hours) }} as max_age_hours
from judged
where problem is not null
group by scoring_run_id, problem
{%- if require_rows %}

union all

select
    cast(null as {{ dbt.type_string() }}),
    'no_rows',
    count(*),
    min(stamped_at),
    null,
    {{ scorehouse._double_literal(max_age_hours) }}
from judged
having count(*) = 0
{%- endif %}
{% endtest %}
