{#- SQL of a number or string that is the same for rows with the same values in these columns, and different for
    others; NULL equals NULL. It differs between databases and releases, so it is never stored. By default, the length
    of each text stands before it, so that no other columns make the same text. Spark's function leaves out NULL:
    https://spark.apache.org/docs/latest/api/sql/#xxhash64 -#}
{% macro _rows_hash(columns) %}
    {% if target.type in ['bigquery', 'duckdb', 'postgres', 'snowflake'] %}
        {{ return(scorehouse._warehouse_hash('', columns)) }}
    {% endif %}
    {{ return(scorehouse._by_database({
        'default': scorehouse._texts_hash(columns),
        'spark': 'xxhash64(' ~ scorehouse._each('<value>, <value> is null', columns) | join(', ') ~ ')',
    })) }}
{% endmacro %}


{#- The hash of these columns as text, each with its length before it. -#}
{% macro _texts_hash(columns) %}
    {% set text = 'cast(<value> as ' ~ dbt.type_string() ~ ')' %}
    {% set size = 'cast(length(' ~ text ~ ') as ' ~ dbt.type_string() ~ ')' %}
    {% set sized = scorehouse._each('coalesce(' ~ size ~ " || ':' || " ~ text ~ ", '-')", columns) %}
    {{ return('md5(' ~ sized | join(' || ') ~ ')') }}
{% endmacro %}
