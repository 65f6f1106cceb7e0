{#- A string as an SQL literal. -#}
{% macro _text_literal(value) %}
    {{ return(dbt.string_literal(dbt.escape_single_quotes(value | string))) }}
{% endmacro %}
