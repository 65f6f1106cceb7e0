{#- Whether rows of two relations have the same values in these columns. -#}
{% macro _same(a, b, names) %}
    {% set parts = [] %}
    {% for name in names %}
        {% do parts.append(a ~ '.' ~ name ~ ' = ' ~ b ~ '.' ~ name) %}
    {% endfor %}
    {{ return(parts | join(' and ')) }}
{% endmacro %}
