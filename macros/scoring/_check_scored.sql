{# Refuses what cannot be passed to the runtime, which checks the arguments' types. #}
{% macro _check_scored(name, arguments) %}
    {% if name is not string or not name %}
        {% do scorehouse._argument_error(
            'scored', 'name', name, 'the name of a registered ML model', "write `scorehouse.scored('churn', ...)`"
        ) %}
    {% endif %}
    {% for argument, value in arguments.items() if value is undefined %}
        {% do scorehouse._argument_error(
            'scored', argument, value, 'a value; it was not given, or is a Jinja variable that is not defined',
            'quote it if it is a string, or define it with `set` or `var()`'
        ) %}
    {% endfor %}
{% endmacro %}
