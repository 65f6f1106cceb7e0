{#- One side of an interval, inside the values that the target can have; NULL without prediction or margin.
    `least` and `greatest` leave NULL out on some databases. -#}
{% macro _interval_side(column, sign, margin, options) %}
    {% set value = 'cast(predictions.' ~ scorehouse._identifier(column) ~ ' as ' ~ scorehouse._type_double() ~ ')' %}
    {% set side = value ~ ' ' ~ sign ~ ' ' ~ margin %}
    {% set known = value ~ ' ' ~ sign ~ ' ' ~ margin ~ ' is not null' %}
    {% if options.get('lowest') is not none %}
        {% set side = 'greatest(' ~ side ~ ', ' ~ scorehouse._double_literal(options.lowest) ~ ')' %}
    {% endif %}
    {% if options.get('highest') is not none %}
        {% set side = 'least(' ~ side ~ ', ' ~ scorehouse._double_literal(options.highest) ~ ')' %}
    {% endif %}
    {{ return('(case when ' ~ known ~ ' then ' ~ side ~ ' end)') }}
{% endmacro %}
