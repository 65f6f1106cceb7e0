{# The type of a scoring run's id: uuid if the database has it, else text. #}
{% macro _type_uuid() %}
    {{ return(adapter.dispatch('_type_uuid', 'scorehouse')()) }}
{% endmacro %}

{% macro default___type_uuid() %}
    {{ return(dbt.type_string()) }}
{% endmacro %}

{% macro duckdb___type_uuid() %}
    {{ return('uuid') }}
{% endmacro %}

{% macro postgres___type_uuid() %}
    {{ return('uuid') }}
{% endmacro %}
