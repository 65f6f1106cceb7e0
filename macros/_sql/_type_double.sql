{# The name of the double-precision type in each database; dbt's type_float is single precision in DuckDB. #}
{% macro _type_double() %}
    {{ return(adapter.dispatch('_type_double', 'scorehouse')()) }}
{% endmacro %}

{% macro default___type_double() %}
    {{ return('double precision') }}
{% endmacro %}

{% macro duckdb___type_double() %}
    {{ return('double') }}
{% endmacro %}

{% macro bigquery___type_double() %}
    {{ return('float64') }}
{% endmacro %}

{% macro spark___type_double() %}
    {{ return('double') }}
{% endmacro %}
