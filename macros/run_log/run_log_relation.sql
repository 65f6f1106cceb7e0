{# The table of the run log: in the target schema, or in the one that the variable names. #}
{% macro run_log_relation() %}
    {{ return(api.Relation.create(
        database=target.get('database'),
        schema=var('scorehouse_run_log_schema', target.schema),
        identifier='scorehouse_run_log',
        type='table'
    )) }}
{% endmacro %}
