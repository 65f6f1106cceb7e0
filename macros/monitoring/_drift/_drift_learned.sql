{#- The CTE `learned`: for each metric, by how much windows of training differ more than independent rows would
    (`_effect`, at least 1), and what such windows reach (`_usual`); for windows of this length. A window longer than
    every unit that training knows has what the longest of them reaches in `_beyond` as well. -#}
{% macro _drift_learned(cut, reference, window) %}
spans as (

    {{ scorehouse._window_spans('windows', 'profiles', window) }}

),

units as (
    {%- if reference is none %}

    select
        cast(null as {{ dbt.type_int() }}) as version, '' as part, '' as feature, '' as metric, '' as unit,
        1e0 as effect, 1e0 as usual, 1e0 as window_rows
    where 1 = 0
    {%- else %}

    select
        version,
        part,
        name as feature,
        {{ dbt.split_part('category', "' '", 2) }} as metric,
        {{ dbt.split_part('category', "' '", 1) }} as unit,
        lower as effect,
        upper as usual,
        cast(row_count as {{ scorehouse._type_double() }}) as window_rows
    from {{ reference }}
    where kind = 'window'
    {%- endif %}

),

{{ scorehouse._training_units('units', ['version', 'part', 'feature', 'metric']) }},

fitting as (

    select
        {{ 'gaps.' ~ (cut | replace(', ', ', gaps.')) }}, gaps.part, gaps.feature,
        training_units.metric,
        training_units.unit_days,
        {{ scorehouse._unit_effect('rows_current') }} as effect,
        case when gaps.segment = 'all' then usual end as usual,
        {#- Two or three days of bad weather are one storm. #}
        case when gaps.segment = 'all' and spans.days >= 4e0 * unit_days then usual end as beyond,
        case when spans.days > 1.2e0 * unit_days then 1 else 0 end as is_borrowed,
        {{ scorehouse._calm() }} as calm
    from gaps
    inner join spans
        on gaps.window_id = spans.window_id
    inner join training_units
        on {{ scorehouse._same('gaps', 'training_units', ['version', 'part', 'feature']) }}
        and {{ scorehouse._is_fitting_unit() }}

),

learned as (

    select
        {{ cut }}, part, feature,
        {%- for metric in scorehouse._metrics().drift.learned %}
        max(case when metric = '{{ metric }}' then effect end) as {{ metric }}_effect,
        {#- PSI is a squared distance. #}
        max(case when metric = '{{ metric }}' then usual * {{ 'calm' if metric == 'psi' else 'sqrt(calm)' }} end)
            as {{ metric }}_usual,
        {%- if metric in scorehouse._metrics().drift.moved %}
        max(case when metric = '{{ metric }}' then beyond end) as {{ metric }}_beyond,
        {%- endif %}
        {%- endfor %}
        max(is_borrowed) as is_borrowed,
        max(unit_days) as unit_days
    from fitting
    group by {{ cut }}, part, feature

)
{%- endmacro %}
