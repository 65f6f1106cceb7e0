{#- From one row per cohort with one column per metric to one row per metric. -#}
{% macro _unpivot_metrics(relation, names) %}
    select
        ml_model, version, segment, window_start, metric,
        case metric
            {%- for name in names %}
            when '{{ name }}' then cast({{ name }} as {{ scorehouse._type_double() }})
            {%- endfor %}
        end as value
    from {{ relation }}
    cross join ({{ scorehouse._given_names('metric', names) }}) as metric_names
{%- endmacro %}
