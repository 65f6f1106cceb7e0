{#- A configuration value as a literal of its own type. -#}
{% macro _literal(value) %}
    {% if value is boolean %}
        {{ return('true' if value else 'false') }}
    {% elif value is number %}
        {{ return(value | string) }}
    {% endif %}
    {{ return(scorehouse._text_literal(value)) }}
{% endmacro %}
