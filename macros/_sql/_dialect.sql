{#- What macros need to know of the target's SQL. `backslash`: it is an escape in strings. `statement`: the
    characters that a statement may have; none: no limit that compiled SQL reaches.
    docs/generate_reference.py writes it from src/scorehouse/program/sql/dialects.py, which has the sources.
    -#}
{% macro _dialect() %}
    {{ return(scorehouse._by_database({
        'default': {},
        'snowflake': {'backslash': true, 'statement': 1000000},
        'bigquery': {'backslash': true, 'statement': 1048576},
        'redshift': {'backslash': true, 'statement': 16777216},
        'databricks': {'backslash': true},
        'clickhouse': {'backslash': true, 'statement': 262144},
        'spark': {'backslash': true}
    })) }}
{% endmacro %}
