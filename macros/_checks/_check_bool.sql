{#- Refuses an argument that is not true or false; the string 'false' would count as true. -#}
{% macro _check_bool(call, argument, value) %}
    {% if value is not boolean %}
        {% do scorehouse._argument_error(
            call, argument, value, 'true or false',
            'write `' ~ argument ~ ': true` or `' ~ argument ~ ': false`'
        ) %}
    {% endif %}
{% endmacro %}
