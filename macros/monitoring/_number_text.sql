{#- A double as text; whole numbers without a point, on every database. -#}
{% macro _number_text(value) -%}
    {%- set text = dbt.type_string() -%}
    case when {{ value }} = floor({{ value }}) and abs({{ value }}) < 1e15
                then cast(cast({{ value }} as {{ dbt.type_bigint() }}) as {{ text }})
                else cast({{ value }} as {{ text }}) end
{%- endmacro %}
