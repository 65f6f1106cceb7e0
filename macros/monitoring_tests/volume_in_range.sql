{% test volume_in_range(model, min_rows=none, max_rows=none, max_change=none, day=none) %}
    {% set call = 'volume_in_range' %}
    {% if min_rows is none and max_rows is none and max_change is none %}
        {% do scorehouse._argument_error(
            call, 'min_rows', none, 'at least one of min_rows, max_rows and max_change',
            'write `min_rows: 1000`, or `max_change: 0.5` to allow 50 percent fewer or more rows than usual'
        ) %}
    {% endif %}
    {% set limits = {'min_rows': min_rows, 'max_rows': max_rows, 'max_change': max_change} %}
    {% for argument, value in limits.items() if value is not none %}
        {% do scorehouse._check_number(call, argument, value, 'write a number, or null for no limit', lowest=0) %}
    {% endfor %}
    {% if day is not none %}
        {% set day = scorehouse._column_list(call, 'day', day, 'order_date')[0] %}
    {% endif %}

    {{ return(adapter.dispatch('test_volume_in_range', 'scorehouse')(model, min_rows, max_rows, max_change, day)) }}
{% endtest %}

{#- The usual volume is the median of all windows before; a change is judged from the fourth window on. -#}
{% macro default__test_volume_in_range(model, min_rows, max_rows, max_change, day) %}
{% set double = scorehouse._type_double() %}
{% set day = scorehouse._identifier(day) if day is not none else none %}

with windows as (

    {%- if day is not none %}

    select
        cast(null as {{ dbt.type_string() }}) as run_id,
        cast({{ dbt.date_trunc('day', day) }} as {{ dbt.type_timestamp() }}) as window_start,
        count(*) as n_rows
    from {{ model }}
    where {{ day }} is not null
    group by {{ dbt.date_trunc('day', day) }}
    {%- else %}

    select
        cast(scoring_run_id as {{ dbt.type_string() }}) as run_id,
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
        case when n_before >= 3 then
            usual_rows * {{ scorehouse._double_literal(1 - max_change if max_change is not none else 0) }}
        end as usual_lowest,
        case when n_before >= 3 then
            usual_rows * {{ scorehouse._double_literal(1 + max_change if max_change is not none else 0) }}
        end as usual_highest
    from earlier

),

judged as (

    select
        *,
        case
            {%- if min_rows is not none %}
            when n_rows < {{ min_rows }} then 'too_few'
            {%- endif %}
            {%- if max_rows is not none %}
            when n_rows > {{ max_rows }} then 'too_many'
            {%- endif %}
            {%- if max_change is not none %}
            when n_rows < usual_lowest then 'fewer_than_usual'
            when n_rows > usual_highest then 'more_than_usual'
            {%- endif %}
        end as problem
    from limited

),

validation_errors as (

    select
        run_id,
        window_start,
        'volume' as metric,
        n_rows as value,
        cast(case problem
            when 'too_few' then {{ min_rows if min_rows is not none else 'null' }}
            when 'too_many' then {{ max_rows if max_rows is not none else 'null' }}
            when 'fewer_than_usual' then usual_lowest
            when 'more_than_usual' then usual_highest
        end as {{ double }}) as threshold,
        usual_rows,
        problem
    from judged
    where problem is not null
    {%- if min_rows %}

    union all

    select
        null, null, 'volume', count(*), {{ min_rows }}, null, 'no_rows'
    from windows
    having count(*) = 0
    {%- endif %}

)

select * from validation_errors
{% endmacro %}
