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


{#- The end of the interval at which the metric is best; the value itself where there is no interval. -#}
{% macro _best_end(has_interval=true) -%}
    {%- if has_interval -%}
    (case when {{ scorehouse._lower_is_better() }} then coalesce(value_low, value) else coalesce(value_high, value) end)
    {%- else -%}
    value
    {%- endif -%}
{%- endmacro %}


{#- Whether a performance table has intervals: one that `performance` did not make need not have any. -#}
{% macro _has_intervals(table) %}
    {% if not execute %}
        {{ return(true) }}
    {% elif table is string %}
        {% set names = run_query('select * from ' ~ table ~ ' where 1 = 0').column_names %}
    {% elif load_relation(table) is none %}
        {{ return(true) }}
    {% else %}
        {% set names = adapter.get_columns_in_relation(table) | map(attribute='name') %}
    {% endif %}
    {{ return('value_low' in names | map('lower') | list) }}
{% endmacro %}
