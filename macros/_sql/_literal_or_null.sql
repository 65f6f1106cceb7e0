{# A value as a literal. #}
{% macro _literal_or_null(value) %}
    {%- if value is none -%}
        null
    {%- elif value is number or value is boolean -%}
        {{ value }}
    {%- else -%}
        {{ dbt.string_literal(dbt.escape_single_quotes(value | string)) }}
    {%- endif -%}
{% endmacro %}
