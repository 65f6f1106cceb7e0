{#- SQL that is true if one value is worse than another, depending on the column `metric`. -#}
{% macro _is_worse(value, other) -%}
    (case when metric in ('{{ scorehouse._lower_is_better() | join("', '") }}')
        then {{ value }} > {{ other }} else {{ value }} < {{ other }} end)
{%- endmacro %}


{#- Metrics where lower is better; for all others, higher is better. -#}
{% macro _lower_is_better() %}
    {{ return([
        'log_loss', 'brier', 'ece', 'mce', 'mae', 'rmse', 'mse', 'wape', 'mape', 'median_absolute_error', 'max_error',
        'mean_distance', 'interval_width', 'set_size', 'empty_share', 'rejected_share', 'false_positive_rate'
    ]) }}
{% endmacro %}


{#- The end of the interval at which the metric is best; the value itself where there is no interval. -#}
{% macro _best_end(has_interval=true) -%}
    {%- if has_interval -%}
    (case when metric in ('{{ scorehouse._lower_is_better() | join("', '") }}')
        then coalesce(value_low, value) else coalesce(value_high, value) end)
    {%- else -%}
    value
    {%- endif -%}
{%- endmacro %}


{#- Whether a performance table has intervals: one that an earlier release built does not. -#}
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
