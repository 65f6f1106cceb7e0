{# SQL of the database's version, of the time now in UTC, and of the seconds since a moment in UTC. #}
{% macro _warehouse_facts(since='1970-01-01') %}
    {{ return(adapter.dispatch('_warehouse_facts', 'scorehouse')(since)) }}
{% endmacro %}

{# current_timestamp would be the time when the run's transaction began #}
{% macro default___warehouse_facts(since) %}
    {% set now = "cast(clock_timestamp() at time zone 'UTC' as timestamp)" %}
    {{ return({
        'version': "current_setting('server_version')",
        'type_of': 'pg_typeof',
        'now': now,
        'seconds': 'extract(epoch from ' ~ now ~ " - timestamp '" ~ since ~ "')",
    }) }}
{% endmacro %}

{% macro duckdb___warehouse_facts(since) %}
    {{ return({
        'version': 'version()',
        'type_of': 'typeof',
        'now': scorehouse._utc_now(),
        'seconds': 'extract(epoch from ' ~ scorehouse._utc_now() ~ " - timestamp '" ~ since ~ "')",
    }) }}
{% endmacro %}

{# https://docs.snowflake.com/en/sql-reference/functions/current_version #}
{% macro snowflake___warehouse_facts(since) %}
    {{ return({
        'version': 'current_version()',
        'now': scorehouse._utc_now(),
        'seconds': "datediff('millisecond', cast('" ~ since ~ "' as timestamp_ntz), " ~ scorehouse._utc_now()
            ~ ') / 1000e0',
    }) }}
{% endmacro %}

{# BigQuery has no version #}
{% macro bigquery___warehouse_facts(since) %}
    {{ return({
        'version': "''",
        'now': scorehouse._utc_now(),
        'seconds': 'timestamp_diff(' ~ scorehouse._utc_now() ~ ", timestamp '" ~ since ~ "', millisecond) / 1000",
    }) }}
{% endmacro %}
