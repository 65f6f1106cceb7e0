{#- Refuses a share of rows that an interval cannot cover: it has to lie between 0 and 1. -#}
{% macro _check_level(call, argument, value) %}
    {% if value is not number or value is boolean or not 0 < value < 1 %}
        {% do scorehouse._argument_error(
            call, argument, value, 'a share between 0 and 1, such as 0.9', 'write 0.9 for 90 %'
        ) %}
    {% endif %}
{% endmacro %}
