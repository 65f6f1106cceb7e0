{#- The characters of a statement that each database accepts; none: no limit that compiled SQL reaches.
    docs/generate_reference.py writes it from src/scorehouse/forms/sql/dialects.py, which has the sources. -#}
{% macro _largest_statement() %}
    {% set characters = {'snowflake': 1000000, 'bigquery': 1048576, 'redshift': 16777216, 'clickhouse': 262144} %}
    {{ return(characters.get(target.type)) }}
{% endmacro %}
