{#- The usual volume is the median of all windows before; a change is judged from the fourth window on. Today's rows
    may not be complete, so the latest days are those before today: three, as a load may bring several. A day is missing
    if it has no rows, a later one does, and of the four same weekdays before at least three had rows. -#}
{% macro _volume_findings(model, limits, day, latest) %}
{% set text, stamp = dbt.type_string(), dbt.type_timestamp() %}
{% set today = 'cast(' ~ dbt.date_trunc('day', scorehouse._utc_now()) ~ ' as ' ~ stamp ~ ')' %}
{% set to_come = 'cast(' ~ dbt.dateadd('day', 2, today) ~ ' as ' ~ stamp ~ ')' %}
{% set double = scorehouse._type_double() %}
{% set has_usual = day is not none and (limits.min_rows or limits.max_change is not none) %}
{% set day = scorehouse._identifier(day) if day is not none else none %}
{% set start = dbt.date_trunc('day', day) if day is not none %}
{% set usual, most = '(case when n_before >= 3 then usual_rows * ', limits.max_change or 0 %}
{% set problems = {
    'too_few': ('<', 'null' if limits.min_rows is none else limits.min_rows),
    'too_many': ('>', 'null' if limits.max_rows is none else limits.max_rows),
    'fewer_than_usual': ('<', 'null' if limits.max_change is none
        else usual ~ scorehouse._double_literal(1 - most) ~ ' end)'),
    'more_than_usual': ('>', 'null' if limits.max_change is none
        else usual ~ scorehouse._double_literal(1 + most) ~ ' end)')
} %}
{% set age, ahead = dbt.datediff('window_start', today, 'day'), dbt.datediff(today, 'day_ahead', 'day') %}
{% set of_days = [('window_start', 'volume', '0', 'null', 'missing_day', 'missing_days')] if has_usual else [] %}
{% do of_days.append(('cast(null as ' ~ stamp ~ ')', 'volume', 'count(*)', limits.min_rows, 'no_rows',
    'windows having count(*) = 0')) if limits.min_rows %}
{% do of_days.extend([
    ('window_start', 'age_days', age, 'allowed_days', 'no_new_rows', 'aged where ' ~ age ~ ' > allowed_days'),
    ('day_ahead', 'days_ahead', ahead, 'allowed_days', 'day_in_future', 'aged where day_ahead is not null')
]) if limits.max_age_days is not none %}
with windows as (

    select
        cast({{ 'null' if start else 'scoring_run_id' }} as {{ text }}) as run_id,
        {{ 'cast(' ~ start ~ ' as ' ~ stamp ~ ')' if start else 'min(scored_at)' }} as window_start,
        count(*) as n_rows
    from {{ model }}
    {{ 'where ' ~ day ~ ' is not null' if start }}
    group by {{ start or 'scoring_run_id' }}

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

judged as (

    select
        *,
        case
            {%- for problem, (sign, limit) in problems.items() %}
            when n_rows {{ sign }} {{ limit }} then '{{ problem }}'
            {%- endfor %}
        end as problem
    from earlier
    {%- if latest and not start %}
    where window_start = (select max(newest.window_start) from windows as newest)
    {%- elif latest %}
    where window_start < {{ today }}
        and window_start >= (
            select cast({{ dbt.dateadd('day', -2, 'max(newest.window_start)') }} as {{ stamp }})
            from windows as newest
            where newest.window_start < {{ today }}
        )
    {%- endif %}

),

{%- if has_usual %}

same_weekdays as (

    {%- for weeks in [1, 2, 3, 4] %}
    select cast({{ dbt.dateadd('day', 7 * weeks, 'window_start') }} as {{ stamp }}) as window_start
    from windows
    {{ 'union all' if not loop.last }}
    {%- endfor %}

),

missing_days as (

    select same_weekdays.window_start
    from same_weekdays
    cross join (select max(window_start) as window_start from windows where window_start < {{ today }}) as newest
    left join windows
        on same_weekdays.window_start = windows.window_start
    where windows.window_start is null
        and same_weekdays.window_start < newest.window_start
        and same_weekdays.window_start >= cast({{ dbt.dateadd('day', -3, 'newest.window_start') }} as {{ stamp }})
    group by same_weekdays.window_start
    having count(*) >= 3

),
{%- endif %}

{%- if limits.max_age_days is not none %}

all_days as (

    select
        'all' as series,
        window_start
    from windows
    where window_start < {{ to_come }}

),

{{ scorehouse._longest_gaps('all_days', 'window_start', 'series') }},

allowed as (

    select {{ scorehouse._double_literal(limits.max_age_days - 1) }} + coalesce(
        (select max(gap_days) from longest where length_place = 2 and n_gaps >= 3), 1
    ) as allowed_days

),

{#- A day that is to come in every time zone, long after the day before: a date that was mistyped. Forecasts go on day
    by day. The days from there on do not say that new rows come. #}
ahead as (

    select min(window_start) as window_start
    from (
        select
            window_start,
            {{ dbt.datediff('lag(window_start) over (order by window_start)', 'window_start', 'day') }} as gap_days
        from windows
    ) as steps
    cross join allowed
    where window_start >= {{ to_come }}
        and gap_days > allowed_days

),

aged as (

    select
        allowed_days,
        max(case when ahead.window_start is null or windows.window_start < ahead.window_start
            then windows.window_start end) as window_start,
        max(ahead.window_start) as day_ahead
    from windows
    cross join ahead
    cross join allowed
    group by allowed_days

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
    {%- for start, metric, value, threshold, problem, rows in of_days %}

    union all

    select
        cast(null as {{ text }}),
        {{ start }},
        '{{ metric }}',
        cast({{ value }} as {{ double }}),
        cast({{ threshold }} as {{ double }}),
        cast(null as {{ double }}),
        '{{ problem }}'
    from {{ rows }}
    {%- endfor %}

)

select * from validation_errors
{% endmacro %}
