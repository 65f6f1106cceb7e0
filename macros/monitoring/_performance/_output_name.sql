{#- The column of the output that a regression is judged by, of an ML model with several outputs; else NULL. -#}
{% macro _output_name(spec) -%}
    cast({{ scorehouse._text_literal(spec.output) if spec.output else 'null' }} as {{ dbt.type_string() }})
{%- endmacro %}
