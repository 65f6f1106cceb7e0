{#- True for a finite number, false for NaN and the infinities, NULL for NULL. By default by IEEE 754: infinity -
    infinity and NaN - NaN are NaN, which is at most 0 nowhere. PostgreSQL takes `=` of a computed value for one row in
    200, so that a few of them end in joins row by row, and `<=` for one in three.
    https://duckdb.org/docs/stable/sql/functions/numeric#isfinitex -#}
{% macro _is_finite(expression) %}
    {{ return(scorehouse._by_database({
        'default': '((' ~ expression ~ ') - (' ~ expression ~ ') <= 0)',
        'duckdb': 'isfinite(cast(' ~ expression ~ ' as double))',
    })) }}
{% endmacro %}


{#- True for NaN.
    https://duckdb.org/docs/stable/sql/functions/numeric#isnanx
    https://cloud.google.com/bigquery/docs/reference/standard-sql/mathematical_functions#is_nan -#}
{% macro _is_nan(expression) %}
    {% set double = scorehouse._type_double() %}
    {% set value = 'cast(' ~ expression ~ ' as ' ~ double ~ ')' %}
    {{ return(scorehouse._by_database({
        'default': value ~ " = cast('NaN' as " ~ double ~ ')',
        'duckdb': 'isnan(' ~ value ~ ')',
        'bigquery': 'is_nan(' ~ value ~ ')',
    })) }}
{% endmacro %}


{#- The exponential function; 0 where the result underflows, which is an error in PostgreSQL:
    https://www.postgresql.org/docs/current/datatype-numeric.html#DATATYPE-FLOAT -#}
{% macro _exp(expression) %}
    {{ return(scorehouse._by_database({
        'default': 'case when ' ~ expression ~ ' < -600e0 then 0e0 else exp(' ~ expression ~ ') end',
        'duckdb': 'exp(' ~ expression ~ ')',
    })) }}
{% endmacro %}


{#- A number from a JSON object stored as text.
    https://duckdb.org/docs/stable/data/json/json_functions
    https://docs.snowflake.com/en/sql-reference/functions/json_extract_path_text
    https://docs.aws.amazon.com/redshift/latest/dg/JSON_EXTRACT_PATH_TEXT.html
    https://cloud.google.com/bigquery/docs/reference/standard-sql/json_functions#json_value
    https://spark.apache.org/docs/latest/api/sql/index.html#get_json_object -#}
{% macro _json_number(column, key) %}
    {% set name, path = scorehouse._text_literal(key), scorehouse._text_literal('$."' ~ key ~ '"') %}
    {% set text = scorehouse._by_database({
        'default': 'cast(' ~ column ~ ' as json) ->> ' ~ name,
        'duckdb': 'json_extract_string(' ~ column ~ ', ' ~ path ~ ')',
        'snowflake': 'json_extract_path_text(' ~ column ~ ', ' ~ name ~ ')',
        'redshift': 'json_extract_path_text(' ~ column ~ ', ' ~ name ~ ')',
        'bigquery': 'json_value(' ~ column ~ ', ' ~ path ~ ')',
        'spark': 'get_json_object(' ~ column ~ ', ' ~ scorehouse._text_literal('$.' ~ key) ~ ')',
    }) %}
    {{ return('cast(' ~ text ~ ' as ' ~ scorehouse._type_double() ~ ')') }}
{% endmacro %}
