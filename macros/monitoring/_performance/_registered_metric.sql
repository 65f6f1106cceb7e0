{#- The value of a metric at registration. Of one of several outputs, its name ends in that of the output's column:
    `mae_week_1` is the `mae` of `prediction_week_1`. -#}
{% macro _registered_metric(column, metric, output) %}
    {{ return(scorehouse._json_number(column, metric ~ '_' ~ output if output else metric)) }}
{% endmacro %}
