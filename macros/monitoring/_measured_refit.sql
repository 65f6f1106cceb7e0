{#- The CTE `measured_refit`: what `scorehouse retrain --measure` found of each version, unless a newer window has begun
    since. The seed is there once a refit was measured, so no `ref` can name it: none if it is not. -#}
{% macro _measured_refit(refit, tables) -%}
{%- if tables %}
newest_starts as (

    select ml_model, version, max(window_start) as newest_start
    from (
        {%- for table in tables %}
        select ml_model, version, window_start from {{ table }}
        {{- '\n        union all' if not loop.last }}
        {%- endfor %}
    ) as judged_windows
    group by ml_model, version

),
{%- endif %}

measured_refit as (

    select
        measured.ml_model,
        measured.version,
        measured.verdict
    from {{ refit }} as measured
    {%- if tables %}
    left join newest_starts
        on {{ scorehouse._same('measured', 'newest_starts', ['ml_model', 'version']) }}
    where newest_starts.newest_start is null
        or cast(measured.measured_on as date) >= cast(newest_starts.newest_start as date)
    {%- endif %}

),
{%- endmacro %}


{#- The seed `ml_<name>__<part>` beside a registry, if it is loaded. -#}
{% macro _loaded_beside(registry, part) %}
    {% if execute and not registry.is_cte %}
        {{ return(load_relation(scorehouse._beside(registry, '__' ~ part))) }}
    {% endif %}
    {{ return(none) }}
{% endmacro %}
