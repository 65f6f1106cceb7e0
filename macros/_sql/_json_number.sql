{#- A number from a JSON object stored as text. -#}
{% macro _json_number(column, key) %}
    {{ return(adapter.dispatch('_json_number', 'scorehouse')(column, key)) }}
{% endmacro %}

{% macro default___json_number(column, key) %}
    {{ return('cast(cast(' ~ column ~ ' as json) ->> ' ~ scorehouse._text_literal(key) ~ ' as '
        ~ scorehouse._type_double() ~ ')') }}
{% endmacro %}

{#- https://duckdb.org/docs/stable/data/json/json_functions -#}
{% macro duckdb___json_number(column, key) %}
    {% set path = scorehouse._text_literal('$."' ~ key ~ '"') %}
    {{ return('cast(json_extract_string(' ~ column ~ ', ' ~ path ~ ') as double)') }}
{% endmacro %}

{#- https://docs.snowflake.com/en/sql-reference/functions/json_extract_path_text -#}
{% macro snowflake___json_number(column, key) %}
    {{ return('cast(json_extract_path_text(' ~ column ~ ', ' ~ scorehouse._text_literal(key) ~ ') as double)') }}
{% endmacro %}

{#- https://docs.aws.amazon.com/redshift/latest/dg/JSON_EXTRACT_PATH_TEXT.html -#}
{% macro redshift___json_number(column, key) %}
    {% set path = scorehouse._text_literal(key) %}
    {{ return('cast(json_extract_path_text(' ~ column ~ ', ' ~ path ~ ') as double precision)') }}
{% endmacro %}

{#- https://cloud.google.com/bigquery/docs/reference/standard-sql/json_functions#json_value -#}
{% macro bigquery___json_number(column, key) %}
    {{ return('cast(json_value(' ~ column ~ ', ' ~ scorehouse._text_literal('$."' ~ key ~ '"') ~ ') as float64)') }}
{% endmacro %}

{#- https://spark.apache.org/docs/latest/api/sql/index.html#get_json_object -#}
{% macro spark___json_number(column, key) %}
    {{ return('cast(get_json_object(' ~ column ~ ', ' ~ scorehouse._text_literal('$.' ~ key) ~ ') as double)') }}
{% endmacro %}
