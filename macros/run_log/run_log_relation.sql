{# The run log table, in the target's database and schema, or where the variables say. #}
{% macro run_log_relation() %}
    {{ return(api.Relation.create(
        database=var('scorehouse_run_log_database', target.get('database')),
        schema=var('scorehouse_run_log_schema', target.schema),
        identifier='scorehouse_run_log',
        type='table'
    )) }}
{% endmacro %}
