{#- NaN as a double; databases order it above every number and count it equal to itself. -#}
{% macro _nan() -%}
    cast('NaN' as {{ scorehouse._type_double() }})
{%- endmacro %}
