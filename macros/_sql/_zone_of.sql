{#- SQL of the time zone by which a column of dates or timestamps is cut into windows, as text; NULL for a column
    without a zone. `relations` are asked for the column's type in turn. -#}
{% macro _zone_of(name, relations) %}
    {% set zone = adapter.dispatch('_session_zone', 'scorehouse')(scorehouse._type_of_column(name, relations)) %}
    {{ return('cast(' ~ zone ~ ' as ' ~ dbt.type_string() ~ ')') }}
{% endmacro %}

{#- https://duckdb.org/docs/stable/configuration/overview and
    https://www.postgresql.org/docs/current/runtime-config-client.html#GUC-TIMEZONE -#}
{% macro default___session_zone(data_type) %}
    {{ return("current_setting('TimeZone')" if scorehouse._has_zone(data_type) else 'null') }}
{% endmacro %}

{#- No function has the name of the session's zone, so it is the offset:
    https://docs.snowflake.com/en/sql-reference/sql-format-models -#}
{% macro snowflake___session_zone(data_type) %}
    {{ return("to_char(current_timestamp(), 'TZH:TZM')" if scorehouse._has_zone(data_type) else 'null') }}
{% endmacro %}

{#- A timestamp is an instant: https://spark.apache.org/docs/latest/sql-ref-datatypes.html -#}
{% macro spark___session_zone(data_type) %}
    {{ return('current_timezone()' if data_type == 'timestamp' else 'null') }}
{% endmacro %}

{#- A timestamp is cut in UTC unless a zone is named:
    https://cloud.google.com/bigquery/docs/reference/standard-sql/timestamp_functions#timestamp_trunc -#}
{% macro bigquery___session_zone(data_type) %}
    {{ return("'UTC'" if data_type == 'timestamp' else 'null') }}
{% endmacro %}
