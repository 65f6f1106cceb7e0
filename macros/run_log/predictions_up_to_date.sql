{% test predictions_up_to_date(model, max_age_hours=none, max_rows_left=0) %}
    {% set call = 'predictions_up_to_date' %}
    {% do scorehouse._check_relation(call, 'model', model, 'churn_predictions') %}
    {% do scorehouse._check_number(
        call, 'max_age_hours', max_age_hours,
        'write a number of hours, such as 24 or 0.5, or leave it out: then the table is judged by its rhythm',
        lowest=0, highest=1000000, optional=true
    ) %}
    {% do scorehouse._check_number(
        call, 'max_rows_left', max_rows_left, 'write the number of rows that a budget may leave', lowest=0
    ) %}

{#- Without a limit, a table may be older than its usual gap by a quarter, or by half a day. If the run log is too short
    to show what is usual, that is a month, and whether the input changes is not judged. -#}
{% set now = scorehouse._utc_now() %}

with last_run as (

    {{ scorehouse._last_run_sql(model) | indent(4) }}

),

rhythm as (

    {{ scorehouse._rhythm_sql(model) | indent(4) }}

),

aged as (

    select
        {% if max_age_hours is none -%}
        24e0 * {{ scorehouse._late_after('coalesce(rhythm.scored_gap, 31)') }} as max_age_hours,
        {%- else -%}
        {{ scorehouse._double_literal(max_age_hours) }} as max_age_hours,
        {%- endif %}
        {{ max_rows_left }} as max_rows_left,
        24e0 * {{ scorehouse._late_after('rhythm.input_gap') }} as max_input_age_hours,
        {{ dbt.datediff('rhythm.input_at', now, 'second') }} / 3600e0 as input_age_hours,
        rhythm.newest_status,
        rhythm.newest_error as error,
        rhythm.newest_rows,
        last_run.finished_at,
        {{ dbt.datediff('last_run.finished_at', now, 'second') }} / 3600e0 as age_hours,
        last_run.rows_left
    from rhythm
    left join last_run
        on true

),

judged as (

    select
        *,
        case
            when finished_at is null then 'no_run'
            when newest_status <> 'success' then 'not_scored'
            when age_hours > max_age_hours then 'too_old'
            when -age_hours > max_age_hours + {{ 5 / 60 }}e0 then 'in_future'
            when rows_left > max_rows_left then 'rows_left'
            when newest_rows = 0 then 'no_rows'
            when input_age_hours > max_input_age_hours and input_age_hours > age_hours then 'same_input'
        end as problem
    from aged

),

{{ scorehouse._problems_of('judged') }}
{% endtest %}
