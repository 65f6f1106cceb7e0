{#- Refuses unknown keys of a mapping. -#}
{% macro _check_keys(call, argument, given, known) %}
    {% if given is not mapping %}
        {% do scorehouse._argument_error(
            call, argument, given, 'a mapping', 'write `' ~ argument ~ ': {' ~ known | first ~ ': ...}`'
        ) %}
    {% endif %}
    {% for name in given if name not in known %}
        {% do scorehouse._argument_error(
            call, argument, name, 'one of the keys ' ~ known | join(', '), 'correct or remove `' ~ name ~ '`'
        ) %}
    {% endfor %}
{% endmacro %}
