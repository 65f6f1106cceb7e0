{#- The CTE `set_points`: how many labels the sets of classes hold, how many classes they have, and how often it is
    one. A row without a set counts in none of them. -#}
{% macro _set_metrics(spec) %}
{% set size = '(' ~ scorehouse._set_size('label_set') ~ ')' %}
{% set is_in_set = dbt.position("'\"' || label_text || '\"'", 'label_set') ~ ' > 0' -%}
set_points as (

    select
        ml_model, version, segment, window_start,
        {%- for name, is_one in [
            ('coverage', is_in_set), ('single_share', size ~ ' = 1'), ('empty_share', size ~ ' = 0')
        ] %}
        {%- set of_row = 'case when label_set is null then null when ' ~ is_one ~ ' then 1e0 else 0e0 end' %}
        {{ scorehouse._weighted_mean(of_row, spec) }} as {{ name }},
        {{ scorehouse._rows_of_share(of_row, spec) }} as {{ name }}_rows,
        {%- endfor %}
        {{ scorehouse._weighted_mean(size ~ ' * 1e0', spec) }} as set_size,
        {{ scorehouse._weighted_deviation(size ~ ' * 1e0', spec) }} as set_size_deviation,
        {{ scorehouse._bounded_weights(spec) }} as n
    from usable
    group by ml_model, version, segment, window_start

)
{%- endmacro %}
