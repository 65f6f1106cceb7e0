{#- The template once for each value, as a list: `<value>` is the value, `<place>` its place, counted from 0, and
    `<number>` counted from 1. -#}
{% macro _each(template, values) %}
    {% set filled = [] %}
    {% for value in values %}
        {% set placed = template | replace('<place>', loop.index0 | string) %}
        {% do filled.append(placed | replace('<number>', loop.index | string) | replace('<value>', value | string)) %}
    {% endfor %}
    {{ return(filled) }}
{% endmacro %}
