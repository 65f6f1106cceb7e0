{#- The CTE `set_points`, followed by a comma, if there are sets of classes: how many labels they hold, how many classes
    they have, and how often it is one. A row without a set counts in none of them. -#}
{% macro _set_metrics(spec) %}
{%- if spec['set'] -%}
{% set size = '(' ~ scorehouse._set_size('label_set') ~ ')' -%}
set_points as (

    select
        ml_model, version, segment, window_start,
        {{ scorehouse._weighted_mean(
            'case when label_set is null then null when ' ~ scorehouse._set_has('label_set', 'label_text')
            ~ ' then 1e0 else 0e0 end', spec
        ) }} as coverage,
        {{ scorehouse._weighted_mean(size ~ ' * 1e0', spec) }} as set_size,
        {{ scorehouse._weighted_deviation(size ~ ' * 1e0', spec) }} as set_size_deviation,
        {{ scorehouse._weighted_mean(
            'case when label_set is null then null when ' ~ size ~ ' = 1 then 1e0 else 0e0 end', spec
        ) }} as single_share,
        {{ scorehouse._weighted_mean(
            'case when label_set is null then null when ' ~ size ~ ' = 0 then 1e0 else 0e0 end', spec
        ) }} as empty_share,
        {{ scorehouse._bounded_weights(spec) }} as n
    from usable
    group by ml_model, version, segment, window_start

),
{%- endif %}
{%- endmacro %}


{% macro _set_metric_rows(spec) %}
    {%- if spec['set'] %}
    union all
    {{ scorehouse._unpivot_metrics('set_points', ['coverage', 'set_size', 'single_share', 'empty_share']) }}
    {%- endif %}
{%- endmacro %}


{% macro _set_metric_ends(spec) %}
    {%- if spec['set'] %}
    {%- set ends = scorehouse._share_ends({'coverage': 'n', 'single_share': 'n', 'empty_share': 'n'}) %}
    {%- do ends.update(scorehouse._mean_ends(['set_size'], 'n')) %}
    union all
    {{ scorehouse._unpivot_intervals('set_points', ends) }}
    {%- endif %}
{%- endmacro %}
