{#- The column of the output or label that is judged, of an ML model with several; else NULL. -#}
{% macro _output_name(spec) -%}
    cast({{ scorehouse._text_literal(spec.output) if spec.output else 'null' }} as {{ dbt.type_string() }})
{%- endmacro %}
