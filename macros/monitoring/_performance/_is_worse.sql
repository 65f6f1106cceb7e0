{#- SQL that is true if one value is worse than another, depending on the column `metric`. -#}
{% macro _is_worse(value, other) -%}
    (case when {{ scorehouse._lower_is_better() }} then {{ value }} > {{ other }} else {{ value }} < {{ other }} end)
{%- endmacro %}


{#- SQL that is true if lower values of the column `metric` are better; of all other metrics, higher ones are. -#}
{% macro _lower_is_better() -%}
    {%- set names = scorehouse._metrics().lower_is_better -%}
    (metric in ('{{ names | join("', '") }}')
    {%- for name in names if name.endswith('_') %} or metric like '{{ name }}%'{% endfor %})
{%- endmacro %}


{#- The end of the interval at which the metric is best; the value itself in a table without intervals. -#}
{% macro _best_end(has_interval=true) -%}
    {%- if has_interval -%}
    (case when {{ scorehouse._lower_is_better() }} then value_low else value_high end)
    {%- else -%}
    value
    {%- endif -%}
{%- endmacro %}


{#- Whether a performance table has intervals: one that `performance` did not make need not have any. -#}
{% macro _has_intervals(table) %}
    {% set names = scorehouse._existing_columns(table) %}
    {{ return(not names or 'value_low' in names | map('lower') | list) }}
{% endmacro %}


{#- CTEs from `source` to `name`: the same rows with `adjusted_p`, which is below 0.01 where a metric is certainly worse
    than its `limit`: after Holm over all that is judged in a window, segments by themselves. A metric without an
    interval is not judged, except in a table that `performance` did not make. -#}
{% macro _certainly_worse(source, name, limit, has_interval=true) %}
{% set rest = '(case when ' ~ scorehouse._lower_is_better() ~ ' then value - ' ~ limit ~ ' else ' ~ limit
    ~ ' - value end)' %}
{{ scorehouse._certainly_above(
    source, name, rest, 'abs(' ~ scorehouse._best_end(has_interval) ~ ' - value)',
    "ml_model, version, window_start, case when segment = 'all' then 0 else 1 end"
) }}
{%- endmacro %}


{#- CTEs from `source` to `name`: the same rows with `adjusted_p`, of a distance that is not above 0, from the half of
    its 95 % interval that ends there; after Holm over a `family`. -#}
{% macro _certainly_above(source, name, distance, half, family) %}
{{ name }}_placed as (

    select *, {{ scorehouse._steps_beyond(distance, half) }} as steps
    from {{ source }}

),

{{ name }}_tested as (

    select *, ({{ scorehouse._two_sided_p('steps') }}) / 2e0 as p_value
    from {{ name }}_placed

),

{{ scorehouse._holm(name ~ '_tested', name, family) }}
{%- endmacro %}


{#- How many standard errors a distance is above 0, from the half of its 95 % interval that ends there; 0 for one that
    is not, and at most 38, where the chance is 0. -#}
{% macro _steps_beyond(distance, half) -%}
    case
            when {{ distance }} is null or {{ half }} is null then null
            when {{ distance }} <= 0e0 then 0e0
            when {{ half }} > 0.0516e0 * {{ distance }} then 1.959963984540054e0 * {{ distance }} / {{ half }}
            else 38e0
        end
{%- endmacro %}
