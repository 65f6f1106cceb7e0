{#- The CTE `set_points`: how many labels the sets of classes hold, how many classes they have, and how often it is
    one. A row without a set counts in none of them. -#}
{% macro _set_metrics(spec) %}
{% set size = '(' ~ scorehouse._set_size('label_set') ~ ')' %}
{% set is_in_set = dbt.position("'\"' || label_text || '\"'", 'label_set') ~ ' > 0' -%}
set_points as (

    select
        ml_model, version, segment, window_start,
        {{ scorehouse._weighted_mean(
            'case when label_set is null then null when ' ~ is_in_set ~ ' then 1e0 else 0e0 end', spec
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

)
{%- endmacro %}
