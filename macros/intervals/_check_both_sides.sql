{#- Refuses one column of quantile forecasts without the other. -#}
{% macro _check_both_sides(call, options) %}
    {% if (options.get('lower') is none) != (options.get('upper') is none) %}
        {% do scorehouse._argument_error(
            call, 'options', options, 'both `lower` and `upper`, or none of them',
            "write `options: {'lower': 'prediction_p05', 'upper': 'prediction_p95'}`"
        ) %}
    {% endif %}
{% endmacro %}
