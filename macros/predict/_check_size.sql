{#- Refuses a statement that is longer than the database accepts, before it is sent. -#}
{% macro _check_size(call, sql, with_reasons=false) %}
    {% set limit = scorehouse._largest_statement() %}
    {% if limit and sql | length > limit %}
        {% do scorehouse._fail(
            call,
            'the statement has ' ~ sql | length ~ ' characters',
            'at most ' ~ limit ~ ', which is the limit of ' ~ target.type,
            ('ask for fewer reasons, ' if with_reasons)
                ~ 'keep fewer columns, register a smaller estimator (fewer or shallower trees), or score on an engine'
                ~ ' with Python; what the statement has beside the compiled SQL is the select of the features'
        ) %}
    {% endif %}
{% endmacro %}


{#- The characters of a statement that each database accepts; none: no limit that compiled SQL reaches.
    https://cloud.google.com/bigquery/quotas#query_jobs
    https://docs.snowflake.com/en/user-guide/query-size-limits
    https://docs.aws.amazon.com/redshift/latest/dg/c_redshift-sql.html
    https://docs.aws.amazon.com/athena/latest/ug/service-limits.html
    https://clickhouse.com/docs/operations/settings/settings#max_query_size -#}
{% macro _largest_statement() %}
    {{ return({
        'bigquery': 1048576, 'snowflake': 1000000, 'redshift': 16777216, 'athena': 262144,
        'clickhouse': 262144
    }.get(target.type)) }}
{% endmacro %}
