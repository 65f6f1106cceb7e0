{#- Refuses an output that is not given as the end of its column's name. -#}
{% macro _check_output(call, argument, value) %}
    {% if value is not none and (value is not string or not value or value.startswith('prediction_')) %}
        {% do scorehouse._argument_error(
            call, argument, value, 'the output of the column `prediction_<output>`, or none',
            "write `output: week_1` for the column `prediction_week_1`"
        ) %}
    {% endif %}
{% endmacro %}
