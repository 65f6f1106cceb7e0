{#- SQL of a number or string that is the same for rows with the same values in these columns, and different for
    others; NULL equals NULL. It differs between databases and releases, so it is never stored. -#}
{% macro _rows_hash(columns) %}
    {% if target.type in ['bigquery', 'duckdb', 'postgres', 'snowflake'] %}
        {{ return(scorehouse._warehouse_hash('', columns)) }}
    {% endif %}
    {{ return(adapter.dispatch('_rows_hash', 'scorehouse')(columns)) }}
{% endmacro %}

{#- The length of each text stands before it, so that no other columns make the same text. -#}
{% macro default___rows_hash(columns) %}
    {% set parts = [] %}
    {% for column in columns %}
        {% set value = 'cast(' ~ column ~ ' as ' ~ dbt.type_string() ~ ')' %}
        {% set size = 'cast(length(' ~ value ~ ') as ' ~ dbt.type_string() ~ ')' %}
        {% do parts.append('coalesce(' ~ size ~ " || ':' || " ~ value ~ ", '-')") %}
    {% endfor %}
    {{ return('md5(' ~ parts | join(' || ') ~ ')') }}
{% endmacro %}

{#- It leaves out NULL: https://spark.apache.org/docs/latest/api/sql/#xxhash64 -#}
{% macro spark___rows_hash(columns) %}
    {% set parts = [] %}
    {% for column in columns %}
        {% do parts.append(column ~ ', ' ~ column ~ ' is null') %}
    {% endfor %}
    {{ return('xxhash64(' ~ parts | join(', ') ~ ')') }}
{% endmacro %}
