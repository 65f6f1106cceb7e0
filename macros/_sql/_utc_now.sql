{#- The warehouse's clock, in UTC, as a timestamp without a time zone: what `scored_at` holds. On DuckDB, `at time zone`
    needs the icu extension; on Redshift, `getdate` is in the session's time zone, UTC by default.
    https://duckdb.org/docs/stable/sql/functions/timestamptz
    https://docs.snowflake.com/en/sql-reference/functions/sysdate
    https://cloud.google.com/bigquery/docs/reference/standard-sql/timestamp_functions#current_timestamp
    https://docs.aws.amazon.com/redshift/latest/dg/r_GETDATE.html
    https://spark.apache.org/docs/latest/api/sql/index.html#to_utc_timestamp -#}
{% macro _utc_now() %}
    {{ return(scorehouse._by_database({
        'default': "(current_timestamp at time zone 'UTC')",
        'duckdb': 'make_timestamp(epoch_us(now()))',
        'snowflake': 'sysdate()',
        'bigquery': 'current_timestamp()',
        'redshift': 'getdate()',
        'spark': 'to_utc_timestamp(current_timestamp(), current_timezone())',
    })) }}
{% endmacro %}


{#- Whether a column of this type has a time zone, and is cut into days in the session's. On BigQuery a timestamp is an
    instant, and any date or datetime is converted to one in UTC:
    https://cloud.google.com/bigquery/docs/reference/standard-sql/data-types#timestamp_type -#}
{% macro _has_zone(data_type) %}
    {% set type = (data_type or '') | lower %}
    {{ return(target.type != 'bigquery' and ('with time zone' in type or 'timestamptz' in type
        or 'timestamp_tz' in type or 'timestamp_ltz' in type)) }}
{% endmacro %}


{#- SQL of the time zone by which a column of dates or timestamps is cut into windows, as text; NULL for a column
    without a zone. `relations` are asked for the column's type in turn. No function of Snowflake has the name of the
    session's zone, so it is the offset. On Spark, a timestamp is an instant; on BigQuery, it is cut in UTC.
    https://duckdb.org/docs/stable/configuration/overview
    https://www.postgresql.org/docs/current/runtime-config-client.html#GUC-TIMEZONE
    https://docs.snowflake.com/en/sql-reference/sql-format-models
    https://spark.apache.org/docs/latest/sql-ref-datatypes.html
    https://cloud.google.com/bigquery/docs/reference/standard-sql/timestamp_functions#timestamp_trunc -#}
{% macro _zone_of(name, relations) %}
    {% set type = scorehouse._type_of_column(name, relations) %}
    {% set has_zone, is_timestamp = scorehouse._has_zone(type), type == 'timestamp' %}
    {% set zone = scorehouse._by_database({
        'default': "current_setting('TimeZone')" if has_zone else 'null',
        'snowflake': "to_char(current_timestamp(), 'TZH:TZM')" if has_zone else 'null',
        'spark': 'current_timezone()' if is_timestamp else 'null',
        'bigquery': "'UTC'" if is_timestamp else 'null',
    }) %}
    {{ return('cast(' ~ zone ~ ' as ' ~ dbt.type_string() ~ ')') }}
{% endmacro %}
