{#- NaN as a double; databases sort it above every number and treat it as equal to itself. -#}
{% macro _nan() -%}
    cast('NaN' as {{ scorehouse._type_double() }})
{%- endmacro %}
