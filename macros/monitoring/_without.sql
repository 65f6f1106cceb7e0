{#- A mapping without one of its keys. -#}
{% macro _without(mapping, name) %}
    {% set rest = dict(mapping) %}
    {% do rest.pop(name, none) %}
    {{ return(rest) }}
{% endmacro %}
