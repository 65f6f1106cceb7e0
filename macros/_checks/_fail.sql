{#- Stops with the four-part error: what was called, what is wrong with it, what was expected, what to do. -#}
{% macro _fail(call, problem, expected, action) %}
    {% do exceptions.raise_compiler_error(
        call ~ ': ' ~ problem ~ '.\n  Expected: ' ~ expected ~ '.\n  What to do: ' ~ action ~ '.'
    ) %}
{% endmacro %}


{#- Stops with an error that begins with the call as the user wrote it. -#}
{% macro _argument_error(call, argument, value, expected, action) %}
    {% if value is undefined %}
        {% set shown, got = '?', 'nothing' %}
    {% elif value is none %}
        {% set shown, got = 'null', 'null' %}
    {% elif value is string %}
        {% set shown, got = "'" ~ value ~ "'", "the string '" ~ value ~ "'" %}
    {% else %}
        {% set shown, got = value, value %}
    {% endif %}
    {% do scorehouse._fail(
        'scorehouse.' ~ call ~ '(' ~ argument ~ '=' ~ shown ~ ')', 'got ' ~ got, expected, action
    ) %}
{% endmacro %}
