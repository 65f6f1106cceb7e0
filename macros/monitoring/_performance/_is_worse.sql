{#- SQL that is true if one value is worse than another, depending on the column `metric`. -#}
{% macro _is_worse(value, other) -%}
    (case when metric in ('{{ scorehouse._lower_is_better() | join("', '") }}')
        then {{ value }} > {{ other }} else {{ value }} < {{ other }} end)
{%- endmacro %}


{#- Metrics where lower is better; for all others, higher is better. -#}
{% macro _lower_is_better() %}
    {{ return([
        'log_loss', 'brier', 'ece', 'mce', 'mae', 'rmse', 'mse', 'wape', 'mape', 'median_absolute_error', 'max_error',
        'mean_distance', 'interval_width', 'rejected_share'
    ]) }}
{% endmacro %}
