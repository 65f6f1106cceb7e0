{#- The CTE `learned`: for each metric, by how much windows of training differ more than independent rows would
    (`_effect`, at least 1), and what such windows reach (`_usual`); for windows of this length. -#}
{% macro _drift_learned(cut, reference, window) %}
{% set double = scorehouse._type_double() %}
{#- Training rows are cut up to months: a quarter or a year is judged by how much months differ. -#}
{% set days = 'day' if window is number and window < 4 else 'week' if window is number and window < 18 else 'month' %}
{% set unit = days if window is number or window in ['quarter', 'year'] else window %}
learned_units as (
    {%- if reference is none %}

    select
        cast(null as {{ dbt.type_int() }}) as version, '' as part, '' as name, '' as metric, '' as unit,
        1e0 as effect, 1e0 as usual, 1e0 as window_rows, 0 as has_unit
    where 1 = 0
    {%- else %}

    select
        *,
        max(case when unit = '{{ unit if unit is string else 'any' }}' then 1 else 0 end) over (
            partition by version, part, name, metric
        ) as has_unit
    from (
        select
            version,
            part,
            name,
            {{ dbt.split_part('category', "' '", 2) }} as metric,
            {{ dbt.split_part('category', "' '", 1) }} as unit,
            lower as effect,
            upper as usual,
            cast(row_count as {{ double }}) as window_rows
        from {{ reference }}
        where kind = 'window'
    ) as units
    {%- endif %}

),

learned as (

    select
        {{ 'gaps.' ~ (cut | replace(', ', ', gaps.')) }}, gaps.part, gaps.feature,
        {%- for metric in scorehouse._learned_metrics() %}
        max(case when metric = '{{ metric }}' then
            case
                when unit = 'cluster' then effect
                else 1e0 + (effect - 1e0) * rows_current / window_rows
            end
        end) as {{ metric }}_effect,
        max(case when metric = '{{ metric }}' and gaps.segment = 'all' then usual end) as {{ metric }}_usual
        {{- ',' if not loop.last }}
        {%- endfor %}
    from gaps
    inner join learned_units
        on gaps.version = learned_units.version
        and gaps.part = learned_units.part
        and gaps.feature = learned_units.name
    {#- A unit that training was too short for is judged by all the others. #}
    where has_unit = 0
        or unit in ('{{ unit if unit is string else 'any' }}', 'cluster')
    group by {{ 'gaps.' ~ (cut | replace(', ', ', gaps.')) }}, gaps.part, gaps.feature

)
{%- endmacro %}


{% macro _learned_metrics() %}
    {{ return([
        'psi', 'mean_shift', 'spread_shift', 'missing_share', 'unseen_share', 'out_of_range_share', 'repeated_share'
    ]) }}
{% endmacro %}
