{#- SQL of a number or string that is the same for rows with the same values in these columns, and different for
    others; NULL equals NULL. It differs between databases and releases, so it is never stored. By default, the length
    of each text stands before it, so that no other columns make the same text. Spark's function leaves out NULL:
    https://spark.apache.org/docs/latest/api/sql/#xxhash64 -#}
{% macro _rows_hash(columns) %}
    {% if target.type in ['bigquery', 'duckdb', 'postgres', 'snowflake'] %}
        {{ return(scorehouse._warehouse_hash('', columns)) }}
    {% endif %}
    {% set texts, values = [], [] %}
    {% for column in columns %}
        {% set value = 'cast(' ~ column ~ ' as ' ~ dbt.type_string() ~ ')' %}
        {% set size = 'cast(length(' ~ value ~ ') as ' ~ dbt.type_string() ~ ')' %}
        {% do texts.append('coalesce(' ~ size ~ " || ':' || " ~ value ~ ", '-')") %}
        {% do values.append(column ~ ', ' ~ column ~ ' is null') %}
    {% endfor %}
    {{ return(scorehouse._by_database({
        'default': 'md5(' ~ texts | join(' || ') ~ ')', 'spark': 'xxhash64(' ~ values | join(', ') ~ ')'
    })) }}
{% endmacro %}
