{% test volume_in_range(
    model, min_rows=none, max_rows=none, max_change=none, day=none, max_age_days=none, latest=false
) %}
    {% set call = 'volume_in_range' %}
    {% set limits = {
        'min_rows': min_rows, 'max_rows': max_rows, 'max_change': max_change, 'max_age_days': max_age_days
    } %}
    {% if limits.values() | reject('none') | list == [] %}
        {% do scorehouse._argument_error(
            call, 'min_rows', none, 'at least one of min_rows, max_rows, max_change and max_age_days',
            'write `min_rows: 1000`, or `max_change: 0.5` to allow 50 percent fewer or more rows than usual'
        ) %}
    {% endif %}
    {% for argument, value in limits.items() if value is not none %}
        {% do scorehouse._check_number(call, argument, value, 'write a number, or null for no limit', lowest=0) %}
    {% endfor %}
    {% if day is not none %}
        {% set day = scorehouse._column_list(call, 'day', day, 'order_date')[0] %}
    {% elif max_age_days is not none %}
        {% do scorehouse._argument_error(
            call, 'day', none, 'the column with the date of a row, from which the age of the newest rows is taken',
            'write `day: order_date`, or leave max_age_days out'
        ) %}
    {% endif %}
    {% do scorehouse._check_bool(call, 'latest', latest) %}

{#- The usual volume is the median of all windows before; a change is judged from the fourth window on. Today's rows
    may not be complete, so the latest day is the one before today. -#}
{% set text, stamp = dbt.type_string(), dbt.type_timestamp() %}
{% set today = 'cast(' ~ dbt.date_trunc('day', scorehouse._utc_now()) ~ ' as ' ~ stamp ~ ')' %}
{% set double = scorehouse._type_double() %}
{% set day = scorehouse._identifier(day) if day is not none else none %}
{% set most = max_change or 0 %}
{% set problems = {
    'too_few': ('<', 'null' if min_rows is none else min_rows),
    'too_many': ('>', 'null' if max_rows is none else max_rows),
    'fewer_than_usual': ('<', 'null' if max_change is none else 'usual_lowest'),
    'more_than_usual': ('>', 'null' if max_change is none else 'usual_highest')
} %}

with windows as (

    {%- if day is not none %}

    select
        cast(null as {{ text }}) as run_id,
        cast({{ dbt.date_trunc('day', day) }} as {{ stamp }}) as window_start,
        count(*) as n_rows
    from {{ model }}
    where {{ day }} is not null
    group by {{ dbt.date_trunc('day', day) }}
    {%- else %}

    select
        cast(scoring_run_id as {{ text }}) as run_id,
        min(scored_at) as window_start,
        count(*) as n_rows
    from {{ model }}
    group by scoring_run_id
    {%- endif %}

),

earlier as (

    select
        windows.run_id,
        windows.window_start,
        windows.n_rows,
        count(before.n_rows) as n_before,
        percentile_cont(0.5e0) within group (order by before.n_rows) as usual_rows
    from windows
    left join windows as before
        on before.window_start < windows.window_start
    group by windows.run_id, windows.window_start, windows.n_rows

),

limited as (

    select
        *,
        case when n_before >= 3 then usual_rows * {{ scorehouse._double_literal(1 - most) }} end as usual_lowest,
        case when n_before >= 3 then usual_rows * {{ scorehouse._double_literal(1 + most) }} end as usual_highest
    from earlier

),

judged as (

    select
        *,
        case
            {%- for problem, (sign, limit) in problems.items() %}
            when n_rows {{ sign }} {{ limit }} then '{{ problem }}'
            {%- endfor %}
        end as problem
    from limited
    {%- if latest %}
    where window_start = (
        select max(newest.window_start)
        from windows as newest
        {%- if day is not none %}
        where newest.window_start < {{ today }}
        {%- endif %}
    )
    {%- endif %}

),

{%- if max_age_days is not none %}

all_days as (

    select
        'all' as series,
        window_start
    from windows

),

{{ scorehouse._longest_gaps('all_days', 'window_start', 'series') }},

aged as (

    select
        max(window_start) as window_start,
        cast({{ dbt.datediff('max(window_start)', today, 'day') }} as {{ double }}) as age_days,
        {{ scorehouse._double_literal(max_age_days - 1) }} + coalesce(
            (select max(gap_days) from longest where length_place = 2 and n_gaps >= 3), 1
        ) as allowed_days
    from windows

),
{%- endif %}

validation_errors as (

    select
        run_id,
        window_start,
        'volume' as metric,
        n_rows as value,
        cast(case problem
            {%- for problem, (_, limit) in problems.items() %}
            when '{{ problem }}' then {{ limit }}
            {%- endfor %}
        end as {{ double }}) as threshold,
        usual_rows,
        problem
    from judged
    where problem is not null
    {%- if max_age_days is not none %}

    union all

    select
        cast(null as {{ text }}),
        window_start,
        'age_days',
        age_days,
        cast(allowed_days as {{ double }}),
        cast(null as {{ double }}),
        'no_new_rows'
    from aged
    where age_days > allowed_days
    {%- endif %}
    {%- if min_rows %}

    union all

    select
        null, null, 'volume', count(*), {{ min_rows }}, null, 'no_rows'
    from windows
    having count(*) = 0
    {%- endif %}

)

select * from validation_errors
{% endtest %}
