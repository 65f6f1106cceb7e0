{# SQL of the database's version, of the type of an expression as text, and of the time now in UTC. #}
{% macro _warehouse_facts() %}
    {{ return(adapter.dispatch('_warehouse_facts', 'scorehouse')()) }}
{% endmacro %}

{# current_timestamp would be the time when the run's transaction began #}
{% macro default___warehouse_facts() %}
    {{ return({
        'version': "current_setting('server_version')",
        'type_of': 'pg_typeof',
        'now': "cast(clock_timestamp() at time zone 'UTC' as timestamp)",
    }) }}
{% endmacro %}

{% macro duckdb___warehouse_facts() %}
    {{ return({'version': 'version()', 'type_of': 'typeof', 'now': scorehouse._utc_now()}) }}
{% endmacro %}
