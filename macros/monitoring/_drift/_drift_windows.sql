{#- The CTE `windows`: window_id, run_id, window_start, window_end, and previous_id if windows are compared
    with the previous one. -#}
{% macro _drift_windows(against, window) %}
{% set text, stamp = dbt.type_string(), dbt.type_timestamp() %}
{% set id, run = none, 'cast(null as ' ~ text ~ ')' %}
{%- if window == 'run' %}
    {%- set id, run, start, finish = 'run_id', 'run_id', 'min(window_start)', 'max(window_end)' %}
{%- elif window == 'all' %}
    {%- set id, start, finish = "'all'", 'min(window_start)', 'max(window_end)' %}
{%- elif window is mapping %}
    {%- set start, finish = scorehouse._moment(window['from']), scorehouse._moment(window['to']) %}
{%- elif window is number %}
    {%- set last_day = dbt.date_trunc('day', 'window_start') %}
    {%- set start = 'cast(' ~ dbt.dateadd('day', 1 - window, last_day) ~ ' as ' ~ stamp ~ ')' %}
    {%- set finish = 'cast(' ~ dbt.dateadd('day', 1, last_day) ~ ' as ' ~ stamp ~ ')' %}
{%- else %}
    {%- set start = 'cast(' ~ dbt.date_trunc(window, 'window_start') ~ ' as ' ~ stamp ~ ')' %}
    {%- set finish = scorehouse._period_end(window, start) %}
    {%- set run = 'case when min(run_id) = max(run_id) then min(run_id) end' if window == 'day' else run %}
{%- endif %}
window_bounds as (

    select
        {{ id or 'cast(' ~ start ~ ' as ' ~ text ~ ')' }} as window_id,
        {{ run }} as run_id,
        {{ start }} as window_start,
        {{ finish }} as window_end,
        max(time_zone) as time_zone
    from profiles
    where kind = 'all'
        and segment = 'all'
        {%- if window == 'run' %}
        and run_id is not null
        {%- elif window is mapping %}
        and window_start >= {{ start }}
        and window_start < {{ finish }}
        {%- endif %}
    {%- if window == 'all' or window is mapping %}
    having count(*) > 0
    {%- else %}
    group by {{ 'run_id' if window == 'run' else start ~ ', ' ~ finish }}
    {%- endif %}

),

windows as (

    select
        *,
        row_number() over (order by window_start, window_id) as place
        {%- if against == 'previous' %},
        {%- if window is number %}
        {#- Rolling windows overlap, so the previous window is the one that ends where this one begins. #}
        cast({{ dbt.dateadd('day', -window, 'window_start') }} as {{ text }}) as previous_id
        {%- else %}
        lag(window_id) over (order by window_start, window_id) as previous_id
        {%- endif %}
        {%- endif %}
    from window_bounds

)
{%- endmacro %}


{#- Whether a row of `profiles` belongs to a row of `windows`. -#}
{% macro _in_window(window, windows='windows') %}
    {% if window == 'run' %}
        {{ return('profiles.run_id = ' ~ windows ~ '.run_id') }}
    {% elif window == 'all' %}
        {{ return('1 = 1') }}
    {% endif %}
    {{ return(
        'profiles.window_start >= ' ~ windows ~ '.window_start and profiles.window_start < ' ~ windows ~ '.window_end'
    ) }}
{% endmacro %}
