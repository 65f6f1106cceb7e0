{#- One column name or a list of them, as a list; refuses an empty list and values that are not names. -#}
{% macro _column_list(call, argument, value, example) %}
    {% set names = [value] if value is string else value %}
    {% if names is sequence and names is not mapping %}
        {% set usable = names | select('string') | map('trim') | select | list %}
    {% endif %}
    {% if not usable or usable | length < names | length %}
        {% do scorehouse._argument_error(
            call, argument, value,
            'the name of a column, or a list of such names',
            'write `' ~ argument ~ ': ' ~ example ~ '` or `' ~ argument ~ ': [' ~ example ~ ']`'
        ) %}
    {% endif %}
    {{ return(usable) }}
{% endmacro %}
