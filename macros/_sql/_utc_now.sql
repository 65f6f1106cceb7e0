{#- The warehouse's clock, in UTC, as a timestamp without a time zone: what `scored_at` holds. -#}
{% macro _utc_now() %}
    {{ return(adapter.dispatch('_utc_now', 'scorehouse')()) }}
{% endmacro %}

{% macro default___utc_now() -%}
    (current_timestamp at time zone 'UTC')
{%- endmacro %}

{#- `at time zone` needs the icu extension, this does not:
    https://duckdb.org/docs/stable/sql/functions/timestamptz -#}
{% macro duckdb___utc_now() -%}
    make_timestamp(epoch_us(now()))
{%- endmacro %}

{#- https://docs.snowflake.com/en/sql-reference/functions/sysdate: in UTC, without a time zone -#}
{% macro snowflake___utc_now() -%}
    sysdate()
{%- endmacro %}

{#- https://cloud.google.com/bigquery/docs/reference/standard-sql/timestamp_functions#current_timestamp -#}
{% macro bigquery___utc_now() -%}
    current_timestamp()
{%- endmacro %}

{#- https://docs.aws.amazon.com/redshift/latest/dg/r_GETDATE.html: in the session's time zone, UTC by default -#}
{% macro redshift___utc_now() -%}
    getdate()
{%- endmacro %}

{#- https://spark.apache.org/docs/latest/api/sql/index.html#to_utc_timestamp -#}
{% macro spark___utc_now() -%}
    to_utc_timestamp(current_timestamp(), current_timezone())
{%- endmacro %}
