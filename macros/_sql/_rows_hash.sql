{#- SQL of a number or string that is the same for rows with the same values in these columns, and different for
    others; NULL equals NULL. It differs between databases and releases, so it is never stored. -#}
{% macro _rows_hash(columns) %}
    {{ return(adapter.dispatch('_rows_hash', 'scorehouse')(columns)) }}
{% endmacro %}

{% macro default___rows_hash(columns) %}
    {% set parts = [] %}
    {% for column in columns %}
        {% do parts.append("coalesce(cast(" ~ column ~ " as " ~ dbt.type_string() ~ "), '(null)')") %}
    {% endfor %}
    {{ return('md5(' ~ parts | join(" || ';' || ") ~ ')') }}
{% endmacro %}

{#- https://duckdb.org/docs/stable/sql/functions/utility#hashvalue -#}
{% macro duckdb___rows_hash(columns) %}
    {{ return('hash(' ~ columns | join(', ') ~ ')') }}
{% endmacro %}

{#- https://docs.snowflake.com/en/sql-reference/functions/hash -#}
{% macro snowflake___rows_hash(columns) %}
    {{ return('hash(' ~ columns | join(', ') ~ ')') }}
{% endmacro %}

{#- https://cloud.google.com/bigquery/docs/reference/standard-sql/hash_functions#farm_fingerprint -#}
{% macro bigquery___rows_hash(columns) %}
    {{ return('farm_fingerprint(to_json_string(struct(' ~ columns | join(', ') ~ ')))') }}
{% endmacro %}

{#- It leaves out NULL: https://spark.apache.org/docs/latest/api/sql/#xxhash64 -#}
{% macro spark___rows_hash(columns) %}
    {% set parts = [] %}
    {% for column in columns %}
        {% do parts.append(column ~ ', ' ~ column ~ ' is null') %}
    {% endfor %}
    {{ return('xxhash64(' ~ parts | join(', ') ~ ')') }}
{% endmacro %}
