{% test predictions_up_to_date(model, max_age_hours, max_rows_left=0) %}
    {% set call = 'predictions_up_to_date' %}
    {% do scorehouse._check_relation(call, 'model', model, 'churn_predictions') %}
    {% do scorehouse._check_number(
        call, 'max_age_hours', max_age_hours, 'write a number of hours, such as 24 or 0.5',
        lowest=0, highest=1000000
    ) %}
    {% do scorehouse._check_number(
        call, 'max_rows_left', max_rows_left, 'write the number of rows that a budget may leave', lowest=0
    ) %}

    {{ return(adapter.dispatch('test_predictions_up_to_date', 'scorehouse')(model, max_age_hours, max_rows_left)) }}
{% endtest %}

{% macro default__test_predictions_up_to_date(model, max_age_hours, max_rows_left) %}
{% set now = scorehouse._utc_now() %}

with last_run as (

    {{ scorehouse._last_run_sql(model) | indent(4) }}

),

asked as (

    select
        {{ scorehouse._double_literal(max_age_hours) }} as max_age_hours,
        {{ max_rows_left }} as max_rows_left

),

judged as (

    select
        asked.*,
        last_run.finished_at,
        {{ dbt.datediff('last_run.finished_at', now, 'second') }} / 3600e0 as age_hours,
        last_run.rows_left,
        case
            when last_run.finished_at is null then 'no_run'
            when last_run.finished_at < {{ dbt.dateadd('second', -((max_age_hours * 3600) | round | int), now) }}
                then 'too_old'
            when last_run.finished_at > {{ dbt.dateadd('second', (max_age_hours * 3600) | round | int + 300, now) }}
                then 'in_future'
            when last_run.rows_left > asked.max_rows_left then 'rows_left'
        end as problem
    from asked
    left join last_run
        on true

),

validation_errors as (

    select * from judged
    where problem is not null

)

select * from validation_errors
{% endmacro %}
