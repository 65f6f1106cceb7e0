{# The name of the double-precision type in each database; dbt's type_float is single precision in DuckDB. #}
{% macro _type_double() %}
    {{ return(scorehouse._by_database({
        'default': 'double precision', 'duckdb': 'double', 'bigquery': 'float64', 'spark': 'double',
        'sqlserver': 'float'
    })) }}
{% endmacro %}


{# The type of a scoring run's id: uuid if the database has it, else text. #}
{% macro _type_uuid() %}
    {{ return(scorehouse._by_database({'default': dbt.type_string(), 'duckdb': 'uuid', 'postgres': 'uuid'})) }}
{% endmacro %}
